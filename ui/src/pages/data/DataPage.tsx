/** What becomes of stored records: how long they are kept, which were deleted, and who did what. */
import type { ReactNode } from "react";
import { NoPermission } from "../../components/common/State.tsx";
import { t } from "../../core/text.ts";
import { useBackend } from "../../hooks/useApi.tsx";
import { usePermission } from "../../hooks/useSession.ts";
import { Audit } from "./Audit.tsx";
import styles from "./DataPage.module.css";
import { Deletions } from "./Deletions.tsx";
import { Retention } from "./Retention.tsx";

export function DataPage(): ReactNode {
  const { tenant } = useBackend();
  const retention = usePermission("retention:read");
  const deletion = usePermission("logs:delete");
  const audit = usePermission("audit:read");
  if (!retention && !deletion && !audit) {
    return (
      <NoPermission title={t.data.forbidden}>
        {t.data.forbiddenHelp("retention:read, logs:delete, audit:read")}
      </NoPermission>
    );
  }
  return (
    <div className={styles.page} key={tenant.current}>
      {retention && <Retention />}
      {deletion && <Deletions />}
      {audit && <Audit />}
    </div>
  );
}

export { DataPage as Component };
