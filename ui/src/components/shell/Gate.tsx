/** What stands in place of a page that may not be opened: which permission is missing, and who can give it. */
import { Button } from "@mantine/core";
import type { ReactNode } from "react";
import { useNavigate } from "react-router";
import type { ApiError } from "../../core/api/errors.ts";
import { t } from "../../core/text.ts";
import { useBackend } from "../../hooks/useApi.tsx";
import { usePagePath } from "../../hooks/usePagePath.ts";
import { useSession } from "../../hooks/useSession.ts";
import { needs, type Page } from "../../pages/registry.tsx";
import { NoPermission } from "../common/State.tsx";

/** Permissions about what no single tenant owns; the server counts them only when held in all tenants. */
const SYSTEM = /^(users|roles|limits|metrics):|^tenants:write$/;

/** The page, or the 403 page when the account holds none of its permissions. */
export function Gate({ page, children }: { page: Page | undefined; children: ReactNode }): ReactNode {
  const session = useSession().data;
  const { tenant } = useBackend();
  const navigate = useNavigate();
  const to = usePagePath();
  const wanted = page ? needs(page) : [];
  const held = new Set(session?.permissions ?? []);
  if (wanted.length === 0 || held.has("admin") || held.has("*") || wanted.some((name) => held.has(name)))
    return children;
  const names = wanted.join(", ");
  const here = t.forbidden.here(tenant.current || session?.tenant || "");
  return (
    <div data-testid="forbidden">
      <NoPermission
        title={t.forbidden.title}
        actions={
          <Button size="xs" variant="default" onClick={() => void navigate(to("/"))}>
            {t.forbidden.home}
          </Button>
        }
      >
        <p>{(wanted.length > 1 ? t.forbidden.lacksAny(names) : t.forbidden.lacks(names)) + here}</p>
        <p>{wanted.every((name) => SYSTEM.test(name)) ? t.forbidden.askEverywhere : t.forbidden.ask}</p>
      </NoPermission>
    </div>
  );
}

/** The address names a tenant in which the account has no role. */
export function OtherTenant({ error, onOwn }: { error: ApiError; onOwn(): void }): ReactNode {
  return (
    <NoPermission
      title={t.forbidden.tenantTitle}
      actions={
        <Button size="xs" onClick={onOwn}>
          {t.forbidden.tenantOwn}
        </Button>
      }
    >
      <p>{error.message}</p>
      <p>{t.forbidden.tenantHelp}</p>
    </NoPermission>
  );
}
