/** Tenants: the list, a new one, and the deletion of one with its proof. */
import { Button } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";
import { ErrorState, Skeleton, State } from "../../components/common/State.tsx";
import { FindField, Pager, styles, usePaged, When } from "../../components/security/parts.tsx";
import type { TenantInfo } from "../../core/api/security.ts";
import { formatBytes, formatCount, formatShort } from "../../core/format.ts";
import { matching } from "../../core/security/paging.ts";
import { s } from "../../core/securityText.ts";
import { t } from "../../core/text.ts";
import { useTenants } from "../../hooks/useSecurity.ts";
import { usePermission, useSession } from "../../hooks/useSession.ts";
import { useUrlFind, useUrlOpen, useUrlTenant } from "../../hooks/useUrlState.ts";
import { DeleteTenant } from "./DeleteTenant.tsx";
import { DeletionPanel } from "./DeletionPanel.tsx";
import { EditTenant } from "./EditTenant.tsx";

const text = s.tenants;

export function TenantsPage(): ReactNode {
  const tenants = useTenants();
  const mayWrite = usePermission("tenants:write");
  const session = useSession().data;
  const [current, setCurrent] = useUrlTenant();
  const [find, setFind] = useUrlFind();
  const [deletion, setDeletion] = useUrlOpen("deletion");
  const [editing, setEditing] = useState<TenantInfo | "new" | null>(null);
  const [deleting, setDeleting] = useState<TenantInfo | null>(null);
  const all = tenants.data ?? [];
  const found = matching(all, find, (entry) => `${entry.name} ${entry.description}`);
  const { shown, ...pages } = usePaged(found, find);
  const here = current || session?.tenant || "";
  return (
    <div className={styles.split}>
      <div className={styles.page}>
        <div className={styles.head}>
          <p className={styles.lead}>{text.lead}</p>
          {mayWrite && (
            <Button size="xs" leftSection={<IconPlus size={14} />} onClick={() => setEditing("new")}>
              {text.new}
            </Button>
          )}
        </div>
        {tenants.isPending && <Skeleton rows={4} />}
        {tenants.isError && <ErrorState error={tenants.error} onRetry={() => void tenants.refetch()} />}
        {tenants.isSuccess && all.length === 0 && <State title={text.none} />}
        {all.length > 0 && (
          <>
            <FindField label={text.find} value={find} onChange={setFind} />
            {found.length === 0 && <p className={styles.quiet}>{s.noMatch}</p>}
            {found.length > 0 && (
              <div className={styles.box}>
                <table className={styles.table} aria-label={text.list}>
                  <thead>
                    <tr>
                      <th scope="col">{text.tenant}</th>
                      <th scope="col" data-minor>
                        {text.retention}
                      </th>
                      <th scope="col" className={styles.number}>
                        {text.keys}
                      </th>
                      <th scope="col" className={styles.number}>
                        {text.records}
                      </th>
                      <th scope="col" data-minor className={styles.number}>
                        {text.bytes}
                      </th>
                      <th scope="col" data-minor>
                        {s.created}
                      </th>
                      <th scope="col">
                        <span className="visually-hidden">{s.edit}</span>
                      </th>
                    </tr>
                  </thead>
                  <tbody>
                    {shown.map((tenant) => (
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
                              <>
                                <Button
                                  size="compact-xs"
                                  variant="default"
                                  aria-label={`${s.edit} ${tenant.name}`}
                                  onClick={() => setEditing(tenant)}
                                >
                                  {s.edit}
                                </Button>
                                <Button
                                  size="compact-xs"
                                  variant="default"
                                  aria-label={text.deleteTitle(tenant.name)}
                                  onClick={() => setDeleting(tenant)}
                                >
                                  {text.delete}
                                </Button>
                              </>
                            )}
                            {mayWrite && tenant.state === "deleting" && (
                              <Button size="compact-xs" variant="default" onClick={() => setDeletion(tenant.name)}>
                                {text.progress}
                              </Button>
                            )}
                          </div>
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            )}
            <Pager {...pages} />
          </>
        )}
        <EditTenant editing={editing} onClose={() => setEditing(null)} />
        <DeleteTenant tenant={deleting} onClose={() => setDeleting(null)} onBegun={setDeletion} />
      </div>
      {deletion !== "" && <DeletionPanel key={deletion} name={deletion} onClose={() => setDeletion("")} />}
    </div>
  );
}

export { TenantsPage as Component };
