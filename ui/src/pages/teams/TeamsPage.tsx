/** Teams: the list, and one of them in a dialog. */

import { type ReactNode, useState } from "react";
import { ConfirmTyped, RoleChips, styles } from "../../components/security/parts.tsx";
import { EditDelete, TablePage } from "../../components/security/TablePage.tsx";
import type { TeamInfo } from "../../core/api/security.ts";
import { s } from "../../core/securityText.ts";
import { toast } from "../../core/toasts.ts";
import { useApi } from "../../hooks/useApi.tsx";
import { useChanged, useTeams } from "../../hooks/useSecurity.ts";
import { usePermission } from "../../hooks/useSession.ts";
import { EditTeam } from "./EditTeam.tsx";

const text = s.teams;
const MOST_MEMBERS = 6;

export function TeamsPage(): ReactNode {
  const api = useApi();
  const teams = useTeams();
  const changed = useChanged("teams", "users");
  const mayWrite = usePermission("users:write");
  const [editing, setEditing] = useState<TeamInfo | "new" | null>(null);
  const [deleting, setDeleting] = useState<TeamInfo | null>(null);
  return (
    <TablePage
      text={text}
      entries={teams}
      words={(team) => `${team.name} ${team.description} ${team.members.join(" ")}`}
      columns={[{ name: text.team }, { name: text.members }, { name: s.roles.label }, { name: s.edit, silent: true }]}
      onNew={mayWrite ? () => setEditing("new") : null}
      row={(team) => (
        <tr key={team.id} data-testid="team">
          <th scope="row">
            {team.name}
            <span className={styles.sub}>{team.description}</span>
          </th>
          <td>
            {text.memberCount(team.members.length)}
            <span className={styles.sub}>
              {team.members.slice(0, MOST_MEMBERS).join(", ")}
              {team.members.length > MOST_MEMBERS && ", …"}
            </span>
          </td>
          <td>
            <RoleChips roles={team.roles} />
          </td>
          <td>
            {mayWrite && (
              <div className={styles.rowActions}>
                <EditDelete
                  name={team.name}
                  deleteLabel={text.deleteTitle(team.name)}
                  onEdit={() => setEditing(team)}
                  onDelete={() => setDeleting(team)}
                />
              </div>
            )}
          </td>
        </tr>
      )}
    >
      <EditTeam editing={editing} onClose={() => setEditing(null)} />
      <ConfirmTyped
        asked={
          deleting && {
            title: text.deleteTitle(deleting.name),
            help: text.deleteHelp,
            word: deleting.name,
            action: text.delete,
            run: () => api.deleteTeam(deleting.id),
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

export { TeamsPage as Component };
