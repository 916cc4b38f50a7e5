/** What becomes of stored records: how long they are kept, and which were deleted. */
import type { ReactNode } from "react";
import { useBackend } from "../../hooks/useApi.tsx";
import { usePermission } from "../../hooks/useSession.ts";
import styles from "./DataPage.module.css";
import { Deletions } from "./Deletions.tsx";
import { Retention } from "./Retention.tsx";

export function DataPage(): ReactNode {
  const { tenant } = useBackend();
  const retention = usePermission("retention:read");
  const deletion = usePermission("logs:delete");
  return (
    <div className={styles.page} key={tenant.current}>
      {retention && <Retention />}
      {deletion && <Deletions />}
    </div>
  );
}

export { DataPage as Component };
