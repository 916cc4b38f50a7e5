/** Keys that lead to pages. */
import type { ReactNode } from "react";
import { useNavigate } from "react-router";
import { useAction } from "../../hooks/useActions.tsx";
import { usePagePath } from "../../hooks/usePagePath.ts";
import { useVisiblePages } from "../../hooks/useVisiblePages.ts";
import type { Page } from "../../pages/registry.tsx";

function PageKey({ page }: { page: Page }): null {
  const navigate = useNavigate();
  const to = usePagePath();
  useAction(page.action, () => navigate(to(page.path)) as undefined);
  return null;
}

export function PageKeys(): ReactNode {
  return useVisiblePages().map((page) => <PageKey key={page.path} page={page} />);
}
