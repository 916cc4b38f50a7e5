/** Teams: the list, and one of them in a dialog. */
import { Button } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";
import { ErrorState, Skeleton, State } from "../../components/common/State.tsx";
import {
  ConfirmTyped,
  FindField,
  Pager,
  RoleChips,
  styles,
  toast,
  usePaged,
} from "../../components/security/parts.tsx";
import type { TeamInfo } from "../../core/api/security.ts";
import { matching } from "../../core/security/paging.ts";
import { s } from "../../core/securityText.ts";
import { useApi } from "../../hooks/useApi.tsx";
import { useChanged, useTeams } from "../../hooks/useSecurity.ts";
import { usePermission } from "../../hooks/useSession.ts";
import { useUrlFind } from "../../hooks/useUrlState.ts";
import { EditTeam } from "./EditTeam.tsx";

const text = s.teams;
const MOST_MEMBERS = 6;

export function TeamsPage(): ReactNode {
  const api = useApi();
  const teams = useTeams();
  const changed = useChanged("teams", "users");
  const mayWrite = usePermission("users:write");
  const [find, setFind] = useUrlFind();
  const [editing, setEditing] = useState<TeamInfo | "new" | null>(null);
  const [deleting, setDeleting] = useState<TeamInfo | null>(null);
  const all = teams.data ?? [];
  const found = matching(all, find, (team) => `${team.name} ${team.description} ${team.members.join(" ")}`);
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
      {teams.isPending && <Skeleton rows={4} />}
      {teams.isError && <ErrorState error={teams.error} onRetry={() => void teams.refetch()} />}
      {teams.isSuccess && all.length === 0 && <State title={text.none}>{text.noneHelp}</State>}
      {all.length > 0 && (
        <>
          <FindField label={text.find} value={find} onChange={setFind} />
          {found.length === 0 && <p className={styles.quiet}>{s.noMatch}</p>}
          {found.length > 0 && (
            <div className={styles.box}>
              <table className={styles.table} aria-label={text.list}>
                <thead>
                  <tr>
                    <th scope="col">{text.team}</th>
                    <th scope="col">{text.members}</th>
                    <th scope="col">{s.roles.label}</th>
                    <th scope="col">
                      <span className="visually-hidden">{s.edit}</span>
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {shown.map((team) => (
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
                            <Button
                              size="compact-xs"
                              variant="default"
                              aria-label={`${s.edit} ${team.name}`}
                              onClick={() => setEditing(team)}
                            >
                              {s.edit}
                            </Button>
                            <Button
                              size="compact-xs"
                              variant="default"
                              aria-label={text.deleteTitle(team.name)}
                              onClick={() => setDeleting(team)}
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
    </div>
  );
}

export { TeamsPage as Component };
