/** Why a section has no data: no permission, or what went wrong. */
import type { ReactNode } from "react";
import { ErrorState, NoPermission } from "../../components/common/State.tsx";
import { ApiError } from "../../core/api/errors.ts";
import { t } from "../../core/text.ts";

interface Props {
  error: unknown;
  permission: string;
  onRetry(): void;
}

export function Refused({ error, permission, onRetry }: Props): ReactNode {
  if (error instanceof ApiError && error.status === 403)
    return <NoPermission title={t.data.forbidden}>{t.data.forbiddenHelp(permission)}</NoPermission>;
  return <ErrorState error={error} onRetry={onRetry} />;
}
