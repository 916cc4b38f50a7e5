/** One user: account, roles, how signing in works, sessions, and what the person sees. */

import { Button, Switch, TextInput } from "@mantine/core";
import { IconEye } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { ErrorState, Skeleton } from "../../components/common/State.tsx";
import { AccessPreview } from "../../components/security/AccessPreview.tsx";
import {
  ConfirmTyped,
  Dialog,
  Problem,
  RoleChips,
  SecretOnce,
  styles,
  When,
} from "../../components/security/parts.tsx";
import { RolesField } from "../../components/security/RolesField.tsx";
import { SessionTable } from "../../components/security/SessionTable.tsx";
import { SidePanel } from "../../components/shell/SidePanel.tsx";
import type { UserInfo } from "../../core/api/security.ts";
import { sourceName } from "../../core/security/source.ts";
import { s } from "../../core/securityText.ts";
import { toast } from "../../core/toasts.ts";
import { useApi } from "../../hooks/useApi.tsx";
import { useChanged } from "../../hooks/useSecurity.ts";
import { usePermission, useSession } from "../../hooks/useSession.ts";
import { secondFactorText } from "./factor.ts";

const text = s.users;

function Edit({ user }: { user: UserInfo }): ReactNode {
  const api = useApi();
  const changed = useChanged("users");
  const you = useSession().data?.username === user.name;
  const [displayName, setDisplayName] = useState(user.display_name);
  const [email, setEmail] = useState(user.email);
  const [roles, setRoles] = useState(user.roles);
  const [disabled, setDisabled] = useState(user.disabled);
  const dirty =
    displayName !== user.display_name ||
    email !== user.email ||
    disabled !== user.disabled ||
    JSON.stringify(roles) !== JSON.stringify(user.roles);
  const save = useMutation({
    mutationFn: () =>
      api.changeUser(user.name, {
        ...(displayName !== user.display_name && { display_name: displayName.trim() }),
        ...(email !== user.email && { email: email.trim() }),
        ...(disabled !== user.disabled && { disabled }),
        ...(JSON.stringify(roles) !== JSON.stringify(user.roles) && { roles }),
      }),
    onSuccess: () => {
      changed();
      toast(text.saved);
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (dirty) save.mutate();
  };
  return (
    <form className={styles.form} onSubmit={submit} noValidate>
      <TextInput
        size="xs"
        label={s.name}
        value={displayName}
        autoComplete="off"
        onChange={(event) => setDisplayName(event.currentTarget.value)}
      />
      <TextInput
        size="xs"
        label={s.profile.email}
        type="email"
        value={email}
        autoComplete="off"
        onChange={(event) => setEmail(event.currentTarget.value)}
      />
      <RolesField roles={roles} onChange={setRoles} />
      {!you && (
        <Switch
          label={text.disable}
          description={text.disableHelp}
          checked={!disabled}
          onChange={(event) => setDisabled(!event.currentTarget.checked)}
        />
      )}
      <Problem error={save.error} />
      <div className={styles.bar}>
        <Button size="xs" type="submit" disabled={!dirty} loading={save.isPending}>
          {s.save}
        </Button>
        {dirty && <span className={styles.quiet}>{s.unsaved}</span>}
      </div>
    </form>
  );
}

function Sessions({ user, mayWrite }: { user: UserInfo; mayWrite: boolean }): ReactNode {
  const api = useApi();
  const sessions = useQuery({
    queryKey: ["user-sessions", user.name],
    staleTime: 0,
    queryFn: async ({ signal }) => (await api.userSessions(user.name, signal)).sessions,
  });
  const end = useMutation({
    mutationFn: () => api.endUserSessions(user.name),
    onSuccess: ({ ended }) => toast(s.profile.endedOthers(ended)),
    onSettled: () => void sessions.refetch(),
  });
  return (
    <section className={styles.section} aria-labelledby="user-sessions">
      <div className={styles.head}>
        <h3 id="user-sessions">{text.sessions}</h3>
        {mayWrite && (sessions.data?.length ?? 0) > 0 && (
          <Button size="compact-xs" variant="default" loading={end.isPending} onClick={() => end.mutate()}>
            {text.endSessions}
          </Button>
        )}
      </div>
      {sessions.isPending && <Skeleton rows={2} />}
      {sessions.isError && <ErrorState error={sessions.error} onRetry={() => void sessions.refetch()} />}
      {sessions.data?.length === 0 && <p className={styles.quiet}>{text.noSessions}</p>}
      {sessions.data && sessions.data.length > 0 && <SessionTable sessions={sessions.data} />}
      <Problem error={end.error} />
    </section>
  );
}

type Question = "reset" | "factor" | "delete";

function Body({ user, mayWrite, onClose }: { user: UserInfo; mayWrite: boolean; onClose(): void }): ReactNode {
  const api = useApi();
  const changed = useChanged("users", "teams");
  const you = useSession().data?.username === user.name;
  const mayPreview = usePermission("roles:read");
  const [asked, setAsked] = useState<Question | null>(null);
  const [password, setPassword] = useState("");
  const [previewing, setPreviewing] = useState(false);
  const hasFactor = user.second_factor || user.passkeys > 0;
  const questions = {
    reset: {
      title: text.resetTitle(user.name),
      help: text.resetHelp,
      action: text.reset,
      run: async () => setPassword((await api.resetPassword(user.name)).password),
      onDone: () => setAsked(null),
    },
    factor: {
      title: text.removeFactorTitle(user.name),
      help: text.removeFactorHelp,
      action: text.removeFactor,
      run: () => api.removeSecondFactor(user.name),
      onDone: () => {
        setAsked(null);
        toast(text.factorRemoved);
        changed();
      },
    },
    delete: {
      title: text.deleteTitle(user.name),
      help: text.deleteHelp,
      action: text.delete,
      run: () => api.deleteUser(user.name),
      onDone: () => {
        toast(text.deleted);
        changed();
        onClose();
      },
    },
  };
  return (
    <div className={styles.panelBody}>
      <dl className={styles.facts}>
        <dt>{text.source}</dt>
        <dd>
          {sourceName(user.source)} {you && <span className={styles.chip}>{text.isYou}</span>}
        </dd>
        <dt>{s.created}</dt>
        <dd>
          <When text={user.created_at} none={s.unknownTime} />
        </dd>
        <dt>{text.lastLogin}</dt>
        <dd>
          <When text={user.last_login} none={s.never} />
        </dd>
        <dt>{text.factor}</dt>
        <dd>{secondFactorText(user)}</dd>
        <dt>{text.teams}</dt>
        <dd>{user.teams.join(", ") || "–"}</dd>
        {!mayWrite && (
          <>
            <dt>{text.roles}</dt>
            <dd>
              <RoleChips roles={user.roles} />
            </dd>
          </>
        )}
      </dl>
      {mayPreview && (
        <div>
          <Button
            size="xs"
            variant="default"
            leftSection={<IconEye size={14} />}
            aria-expanded={previewing}
            onClick={() => setPreviewing(!previewing)}
          >
            {text.preview}
          </Button>
        </div>
      )}
      {previewing && <AccessPreview request={{ user: user.name }} />}
      {mayWrite && (
        <Edit key={JSON.stringify([user.roles, user.display_name, user.email, user.disabled])} user={user} />
      )}
      <Sessions user={user} mayWrite={mayWrite} />
      {mayWrite && (
        <section className={styles.danger} aria-label={text.security}>
          <Button size="xs" variant="default" onClick={() => setAsked("reset")}>
            {text.reset}
          </Button>
          {hasFactor && (
            <Button size="xs" variant="default" onClick={() => setAsked("factor")}>
              {text.removeFactor}
            </Button>
          )}
          {!you && (
            <Button size="xs" variant="default" c="var(--danger)" onClick={() => setAsked("delete")}>
              {text.delete}
            </Button>
          )}
        </section>
      )}
      <ConfirmTyped asked={asked && { ...questions[asked], word: user.name, onClose: () => setAsked(null) }} />
      <Dialog opened={password !== ""} onClose={() => setPassword("")} title={text.resetDone}>
        <div className={styles.form}>
          <p>{text.madeHelp(user.name)}</p>
          {password && <SecretOnce secret={password} />}
          <div className={styles.actions}>
            <Button onClick={() => setPassword("")}>{s.done}</Button>
          </div>
        </div>
      </Dialog>
    </div>
  );
}

interface Props {
  name: string;
  user: UserInfo | undefined;
  mayWrite: boolean;
  onClose(): void;
}

export function UserPanel({ name, user, mayWrite, onClose }: Props): ReactNode {
  return (
    <SidePanel title={name} onClose={onClose}>
      {user ? (
        <Body user={user} mayWrite={mayWrite} onClose={onClose} />
      ) : (
        <p className={styles.panelBody}>{text.gone}</p>
      )}
    </SidePanel>
  );
}
