/** One's own account: name, password, second factor, passkeys, sessions, roles. */
import type { ReactNode } from "react";
import { ErrorState, Skeleton } from "../../components/common/State.tsx";
import { RoleChips, styles } from "../../components/security/parts.tsx";
import { s } from "../../core/securityText.ts";
import { useProfile } from "../../hooks/useProfile.ts";
import { Account } from "./Account.tsx";
import { Factor } from "./Factor.tsx";
import { Passkeys } from "./Passkeys.tsx";
import own from "./ProfilePage.module.css";
import { Sessions } from "./Sessions.tsx";

export function ProfilePage(): ReactNode {
  const profile = useProfile();
  if (profile.isPending) return <Skeleton rows={8} />;
  if (profile.isError) return <ErrorState error={profile.error} onRetry={() => void profile.refetch()} />;
  const { roles, teams } = profile.data;
  return (
    <div className={own.page}>
      <Account profile={profile.data} />
      <Factor profile={profile.data} />
      <Passkeys profile={profile.data} />
      <Sessions sessions={profile.data.sessions} />
      <section className={own.card} aria-labelledby="profile-access">
        <h2 id="profile-access">{s.profile.access}</h2>
        {roles.length === 0 ? <p className={styles.quiet}>{s.profile.noRoles}</p> : <RoleChips roles={roles} />}
        {teams.length > 0 && (
          <dl className={styles.facts}>
            <dt>{s.profile.teams}</dt>
            <dd>{teams.join(", ")}</dd>
          </dl>
        )}
      </section>
    </div>
  );
}

export { ProfilePage as Component };
