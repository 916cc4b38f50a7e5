/** Tenants: the list, a new one, and the deletion of one with its proof. */
import { Button } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { styles, When } from "../../components/security/parts.tsx";
import { EditDelete, TablePage } from "../../components/security/TablePage.tsx";
import type { TenantInfo } from "../../core/api/security.ts";
import { formatBytes, formatCount, formatShort } from "../../core/format.ts";
import { s } from "../../core/securityText.ts";
import { t } from "../../core/text.ts";
import { useTenants } from "../../hooks/useSecurity.ts";
import { usePermission, useSession } from "../../hooks/useSession.ts";
import { useUrlOpen, useUrlTenant } from "../../hooks/useUrlState.ts";
import { DeleteTenant } from "./DeleteTenant.tsx";
import { DeletionPanel } from "./DeletionPanel.tsx";
import { EditTenant } from "./EditTenant.tsx";

const text = s.tenants;

export function TenantsPage(): ReactNode {
  const tenants = useTenants();
  const mayWrite = usePermission("tenants:write");
  const session = useSession().data;
  const [current, setCurrent] = useUrlTenant();
  const [deletion, setDeletion] = useUrlOpen("deletion");
  const [editing, setEditing] = useState<TenantInfo | "new" | null>(null);
  const [deleting, setDeleting] = useState<TenantInfo | null>(null);
  const here = current || session?.tenant || "";
  return (
    <div className={styles.split}>
      <TablePage
        text={text}
        entries={tenants}
        words={(entry) => `${entry.name} ${entry.description}`}
        columns={[
          { name: text.tenant },
          { name: text.retention, minor: true },
          { name: text.keys, number: true },
          { name: text.records, number: true },
          { name: text.bytes, minor: true, number: true },
          { name: s.created, minor: true },
          { name: s.edit, silent: true },
        ]}
        onNew={mayWrite ? () => setEditing("new") : null}
        row={(tenant) => (
          <tr
            key={tenant.name}
            data-testid="tenant"
            data-selected={tenant.name === deletion || undefined}
            data-off={tenant.state === "deleting" || undefined}
          >
            <th scope="row">
              {tenant.name}{" "}
              {tenant.state !== "active" && (
                <span className={styles.chip} data-tone="warn">
                  {text.states[tenant.state] ?? tenant.state}
                </span>
              )}
              <span className={styles.sub}>{tenant.description}</span>
            </th>
            <td data-minor>
              {tenant.retention_days === null ? text.asConfigured : t.data.days(tenant.retention_days)}
            </td>
            <td className={styles.number}>{formatCount(tenant.keys)}</td>
            <td className={styles.number}>{formatShort(tenant.records)}</td>
            <td data-minor className={styles.number}>
              {formatBytes(tenant.bytes)}
            </td>
            <td data-minor>
              <When text={tenant.created_at} none={s.unknownTime} />
            </td>
            <td>
              <div className={styles.rowActions}>
                {tenant.state === "active" && tenant.name !== here && (
                  <Button
                    size="compact-xs"
                    variant="default"
                    aria-label={text.open(tenant.name)}
                    onClick={() => setCurrent(tenant.name === session?.tenant ? "" : tenant.name)}
                  >
                    {text.openShort}
                  </Button>
                )}
                {mayWrite && tenant.state === "active" && (
                  <EditDelete
                    name={tenant.name}
                    deleteLabel={text.deleteTitle(tenant.name)}
                    deleteText={text.delete}
                    onEdit={() => setEditing(tenant)}
                    onDelete={() => setDeleting(tenant)}
                  />
                )}
                {mayWrite && tenant.state === "deleting" && (
                  <Button size="compact-xs" variant="default" onClick={() => setDeletion(tenant.name)}>
                    {text.progress}
                  </Button>
                )}
              </div>
            </td>
          </tr>
        )}
      >
        <EditTenant editing={editing} onClose={() => setEditing(null)} />
        <DeleteTenant tenant={deleting} onClose={() => setDeleting(null)} onBegun={setDeletion} />
      </TablePage>
      {deletion !== "" && <DeletionPanel key={deletion} name={deletion} onClose={() => setDeletion("")} />}
    </div>
  );
}

export { TenantsPage as Component };
