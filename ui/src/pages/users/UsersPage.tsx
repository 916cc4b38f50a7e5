/** Users: the list, a new one, and one of them in the panel beside it. */
import { type ReactNode, useState } from "react";
import { RoleChips, styles, When } from "../../components/security/parts.tsx";
import { TablePage } from "../../components/security/TablePage.tsx";
import type { UserInfo } from "../../core/api/security.ts";
import { s } from "../../core/securityText.ts";
import { useUsers } from "../../hooks/useSecurity.ts";
import { usePermission } from "../../hooks/useSession.ts";
import { useUrlOpen } from "../../hooks/useUrlState.ts";
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
  const [open, setOpen] = useUrlOpen("user");
  const [creating, setCreating] = useState(false);
  const user = users.data?.find((entry) => entry.name === open);
  return (
    <div className={styles.split}>
      <TablePage
        text={text}
        entries={users}
        words={words}
        bars={6}
        count={{ text: text.count, testId: "user-count" }}
        columns={[
          { name: text.user },
          { name: text.roles },
          { name: text.teams, minor: true },
          { name: text.factor, minor: true },
          { name: text.lastLogin, minor: true },
          { name: text.state, silent: true },
        ]}
        onNew={mayWrite ? () => setCreating(true) : null}
        row={(entry) => (
          <Row key={entry.name} user={entry} selected={entry.name === open} onOpen={() => setOpen(entry.name)} />
        )}
      >
        <CreateUser opened={creating} onClose={() => setCreating(false)} onCreated={setOpen} />
      </TablePage>
      {open !== "" && users.isSuccess && (
        <UserPanel key={open} name={open} user={user} mayWrite={mayWrite} onClose={() => setOpen("")} />
      )}
    </div>
  );
}

export { UsersPage as Component };
