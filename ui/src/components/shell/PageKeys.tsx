/** Keys that lead to pages. */
import type { ReactNode } from "react";
import { useNavigate } from "react-router";
import type { Action } from "../../core/keys.ts";
import { useAction } from "../../hooks/useActions.tsx";
import { usePagePath } from "../../hooks/usePagePath.ts";
import { useVisiblePages } from "../../hooks/useVisiblePages.ts";

function PageKey({ path, action }: { path: string; action: Action }): null {
  const navigate = useNavigate();
  const to = usePagePath();
  useAction(action, () => navigate(to(path)) as undefined);
  return null;
}

export function PageKeys(): ReactNode {
  return useVisiblePages().map(
    (page) => page.action && <PageKey key={page.path} path={page.path} action={page.action} />,
  );
}
