/** Service accounts: the list, and one of them in a dialog. */
import { Button } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";
import { Link } from "react-router";
import { ErrorState, Skeleton, State } from "../../components/common/State.tsx";
import {
  ConfirmTyped,
  FindField,
  Pager,
  RoleChips,
  styles,
  toast,
  usePaged,
  When,
} from "../../components/security/parts.tsx";
import type { AccountInfo } from "../../core/api/security.ts";
import { matching } from "../../core/security/paging.ts";
import { s } from "../../core/securityText.ts";
import { useApi } from "../../hooks/useApi.tsx";
import { usePagePath } from "../../hooks/usePagePath.ts";
import { useAccounts, useChanged } from "../../hooks/useSecurity.ts";
import { usePermission } from "../../hooks/useSession.ts";
import { useUrlFind } from "../../hooks/useUrlState.ts";
import { EditAccount } from "./EditAccount.tsx";

const text = s.accounts;

export function AccountsPage(): ReactNode {
  const api = useApi();
  const to = usePagePath();
  const accounts = useAccounts();
  const changed = useChanged("accounts", "keys");
  const mayWrite = usePermission("users:write");
  const mayKeys = usePermission("keys:read");
  const [find, setFind] = useUrlFind();
  const [editing, setEditing] = useState<AccountInfo | "new" | null>(null);
  const [deleting, setDeleting] = useState<AccountInfo | null>(null);
  const all = accounts.data ?? [];
  const found = matching(all, find, (account) => `${account.name} ${account.description}`);
  const { shown, ...pages } = usePaged(found, find);
  return (
    <div className={styles.page}>
      <div className={styles.head}>
        <p className={styles.lead}>{text.lead}</p>
        {mayWrite && (
          <Button size="xs" leftSection={<IconPlus size={14} />} onClick={() => setEditing("new")}>
            {text.new}
          </Button>
        )}
      </div>
      {accounts.isPending && <Skeleton rows={4} />}
      {accounts.isError && <ErrorState error={accounts.error} onRetry={() => void accounts.refetch()} />}
      {accounts.isSuccess && all.length === 0 && <State title={text.none}>{text.noneHelp}</State>}
      {all.length > 0 && (
        <>
          <FindField label={text.find} value={find} onChange={setFind} />
          {found.length === 0 && <p className={styles.quiet}>{s.noMatch}</p>}
          {found.length > 0 && (
            <div className={styles.box}>
              <table className={styles.table} aria-label={text.list}>
                <thead>
                  <tr>
                    <th scope="col">{text.account}</th>
                    <th scope="col">{s.roles.label}</th>
                    <th scope="col">{text.keys}</th>
                    <th scope="col">{s.created}</th>
                    <th scope="col">
                      <span className="visually-hidden">{s.edit}</span>
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {shown.map((account) => (
                    <tr key={account.id} data-testid="account" data-off={account.disabled || undefined}>
                      <th scope="row">
                        {account.name}{" "}
                        {account.disabled && (
                          <span className={styles.chip} data-tone="warn">
                            {s.users.disabled}
                          </span>
                        )}
                        <span className={styles.sub}>{account.description}</span>
                      </th>
                      <td>
                        <RoleChips roles={account.roles} />
                      </td>
                      <td>
                        {mayKeys && account.keys > 0 ? (
                          <Link to={to("/settings/keys", { find: account.name })}>{account.keys}</Link>
                        ) : (
                          account.keys
                        )}
                      </td>
                      <td>
                        <When text={account.created_at} />
                      </td>
                      <td>
                        {mayWrite && (
                          <div className={styles.rowActions}>
                            <Button
                              size="compact-xs"
                              variant="default"
                              aria-label={`${s.edit} ${account.name}`}
                              onClick={() => setEditing(account)}
                            >
                              {s.edit}
                            </Button>
                            <Button
                              size="compact-xs"
                              variant="default"
                              aria-label={text.deleteTitle(account.name)}
                              onClick={() => setDeleting(account)}
                            >
                              {s.remove}
                            </Button>
                          </div>
                        )}
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
      <EditAccount editing={editing} onClose={() => setEditing(null)} />
      <ConfirmTyped
        asked={
          deleting && {
            title: text.deleteTitle(deleting.name),
            help: text.deleteHelp(deleting.keys),
            word: deleting.name,
            action: text.delete,
            run: () => api.deleteAccount(deleting.id),
            onDone: () => {
              setDeleting(null);
              changed();
              toast(text.deleted);
            },
            onClose: () => setDeleting(null),
          }
        }
      />
    </div>
  );
}

export { AccountsPage as Component };
