/** Service accounts: the list, and one of them in a dialog. */

import { type ReactNode, useState } from "react";
import { Link } from "react-router";
import { ConfirmTyped, RoleChips, styles, When } from "../../components/security/parts.tsx";
import { EditDelete, TablePage } from "../../components/security/TablePage.tsx";
import type { AccountInfo } from "../../core/api/security.ts";
import { s } from "../../core/securityText.ts";
import { toast } from "../../core/toasts.ts";
import { useApi } from "../../hooks/useApi.tsx";
import { usePagePath } from "../../hooks/usePagePath.ts";
import { useAccounts, useChanged } from "../../hooks/useSecurity.ts";
import { usePermission } from "../../hooks/useSession.ts";
import { EditAccount } from "./EditAccount.tsx";

const text = s.accounts;

export function AccountsPage(): ReactNode {
  const api = useApi();
  const to = usePagePath();
  const accounts = useAccounts();
  const changed = useChanged("accounts", "keys");
  const mayWrite = usePermission("users:write");
  const mayKeys = usePermission("keys:read");
  const [editing, setEditing] = useState<AccountInfo | "new" | null>(null);
  const [deleting, setDeleting] = useState<AccountInfo | null>(null);
  return (
    <TablePage
      text={text}
      entries={accounts}
      words={(account) => `${account.name} ${account.description}`}
      columns={[
        { name: text.account },
        { name: s.roles.label },
        { name: text.keys },
        { name: s.created },
        { name: s.edit, silent: true },
      ]}
      onNew={mayWrite ? () => setEditing("new") : null}
      row={(account) => (
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
                <EditDelete
                  name={account.name}
                  deleteLabel={text.deleteTitle(account.name)}
                  onEdit={() => setEditing(account)}
                  onDelete={() => setDeleting(account)}
                />
              </div>
            )}
          </td>
        </tr>
      )}
    >
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
    </TablePage>
  );
}

export { AccountsPage as Component };
