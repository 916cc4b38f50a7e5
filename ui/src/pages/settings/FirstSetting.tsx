/** /settings leads to the first of its pages that may be seen. */
import type { ReactNode } from "react";
import { Navigate } from "react-router";
import { NoPermission } from "../../components/common/State.tsx";
import { t } from "../../core/text.ts";
import { usePagePath } from "../../hooks/usePagePath.ts";
import { useVisiblePages } from "../../hooks/useVisiblePages.ts";

export function FirstSetting(): ReactNode {
  const to = usePagePath();
  const first = useVisiblePages().find((page) => page.group === "settings");
  if (first) return <Navigate to={to(first.path)} replace />;
  return <NoPermission title={t.forbidden.title}>{t.forbidden.ask}</NoPermission>;
}

export { FirstSetting as Component };
