/** Users: the list, a new one, and one of them in the panel beside it. */
import { Button } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";
import { ErrorState, Skeleton, State } from "../../components/common/State.tsx";
import { FindField, Pager, RoleChips, styles, usePaged, When } from "../../components/security/parts.tsx";
import type { UserInfo } from "../../core/api/security.ts";
import { matching } from "../../core/security/paging.ts";
import { s } from "../../core/securityText.ts";
import { useUsers } from "../../hooks/useSecurity.ts";
import { usePermission } from "../../hooks/useSession.ts";
import { useUrlFind, useUrlOpen } from "../../hooks/useUrlState.ts";
import { CreateUser } from "./CreateUser.tsx";
import { secondFactorText } from "./factor.ts";
import { UserPanel } from "./UserPanel.tsx";

const text = s.users;

function words(user: UserInfo): string {
  const roles = user.roles.map((entry) => `${entry.role} ${entry.tenant}`).join(" ");
  return `${user.name} ${user.display_name} ${user.email} ${roles} ${user.teams.join(" ")} ${user.disabled ? text.disabled : ""}`;
}

function Row({ user, selected, onOpen }: { user: UserInfo; selected: boolean; onOpen(): void }): ReactNode {
  const factor = secondFactorText(user);
  return (
    <tr data-testid="user" data-selected={selected || undefined} data-off={user.disabled || undefined}>
      <th scope="row">
        <button type="button" className={styles.link} onClick={onOpen}>
          {user.name}
        </button>
        <span className={styles.sub}>{[user.display_name, user.email].filter(Boolean).join(" · ")}</span>
      </th>
      <td>
        <RoleChips roles={user.roles} />
      </td>
      <td data-minor>{user.teams.slice(0, 4).join(", ") + (user.teams.length > 4 ? ", …" : "")}</td>
      <td data-minor>{factor}</td>
      <td data-minor>
        <When text={user.last_login} none={s.never} />
      </td>
      <td>
        {user.disabled && (
          <span className={styles.chip} data-tone="warn">
            {text.disabled}
          </span>
        )}
      </td>
    </tr>
  );
}

export function UsersPage(): ReactNode {
  const users = useUsers();
  const mayWrite = usePermission("users:write");
  const [find, setFind] = useUrlFind();
  const [open, setOpen] = useUrlOpen("user");
  const [creating, setCreating] = useState(false);
  const all = users.data ?? [];
  const found = matching(all, find, words);
  const { shown, ...pages } = usePaged(found, find);
  const user = all.find((entry) => entry.name === open);
  return (
    <div className={styles.split}>
      <div className={styles.page}>
        <div className={styles.head}>
          <p className={styles.lead}>{text.lead}</p>
          {mayWrite && (
            <Button size="xs" leftSection={<IconPlus size={14} />} onClick={() => setCreating(true)}>
              {text.new}
            </Button>
          )}
        </div>
        {users.isPending && <Skeleton rows={6} />}
        {users.isError && <ErrorState error={users.error} onRetry={() => void users.refetch()} />}
        {users.isSuccess && all.length === 0 && <State title={text.none} />}
        {all.length > 0 && (
          <>
            <div className={styles.bar}>
              <FindField label={text.find} hint={text.findHint} value={find} onChange={setFind} />
              <span className={styles.quiet} role="status" data-testid="user-count">
                {found.length === 0 ? s.noMatch : text.count(found.length, all.length)}
              </span>
            </div>
            {found.length > 0 && (
              <div className={styles.box}>
                <table className={styles.table} aria-label={text.list}>
                  <thead>
                    <tr>
                      <th scope="col">{text.user}</th>
                      <th scope="col">{text.roles}</th>
                      <th scope="col" data-minor>
                        {text.teams}
                      </th>
                      <th scope="col" data-minor>
                        {text.factor}
                      </th>
                      <th scope="col" data-minor>
                        {text.lastLogin}
                      </th>
                      <th scope="col">
                        <span className="visually-hidden">{text.state}</span>
                      </th>
                    </tr>
                  </thead>
                  <tbody>
                    {shown.map((entry) => (
                      <Row
                        key={entry.name}
                        user={entry}
                        selected={entry.name === open}
                        onOpen={() => setOpen(entry.name)}
                      />
                    ))}
                  </tbody>
                </table>
              </div>
            )}
            <Pager {...pages} />
          </>
        )}
        <CreateUser opened={creating} onClose={() => setCreating(false)} onCreated={setOpen} />
      </div>
      {open !== "" && users.isSuccess && (
        <UserPanel key={open} name={open} user={user} mayWrite={mayWrite} onClose={() => setOpen("")} />
      )}
    </div>
  );
}

export { UsersPage as Component };
