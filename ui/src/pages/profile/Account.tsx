/** Name, e-mail and password. */

import { Button, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { NewPassword } from "../../components/security/NewPassword.tsx";
import { Dialog, Problem, styles, When } from "../../components/security/parts.tsx";
import { NotConfirmed, useConfirmed } from "../../components/security/useConfirmed.tsx";
import type { Profile } from "../../core/api/security.ts";
import { sourceName } from "../../core/security/source.ts";
import { s } from "../../core/securityText.ts";
import { toast } from "../../core/toasts.ts";
import { useBackend } from "../../hooks/useApi.tsx";
import { useProfileChanged } from "../../hooks/useProfile.ts";
import own from "./ProfilePage.module.css";

const text = s.profile;

function Names({ profile }: { profile: Profile }): ReactNode {
  const { api, client } = useBackend();
  const changed = useProfileChanged();
  const [name, setName] = useState(profile.display_name);
  const [email, setEmail] = useState(profile.email);
  const [run, dialog] = useConfirmed(profile.has_password);
  const save = useMutation({
    mutationFn: () =>
      run((confirmation) =>
        api.changeProfile({
          ...(name.trim() !== profile.display_name && { display_name: name.trim() }),
          ...(email.trim() !== profile.email && { email: email.trim() }),
          ...confirmation,
        }),
      ),
    onSuccess: () => {
      changed();
      void client.invalidateQueries({ queryKey: ["session"] });
      toast(text.saved);
    },
  });
  const dirty = name.trim() !== profile.display_name || email.trim() !== profile.email;
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (dirty) save.mutate();
  };
  const form = (
    <form className={styles.form} onSubmit={submit} noValidate>
      <div className={styles.pair}>
        <TextInput
          label={text.displayName}
          value={name}
          autoComplete="name"
          maxLength={200}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <TextInput
          label={text.email}
          description={text.emailHelp}
          inputWrapperOrder={["label", "input", "description", "error"]}
          type="email"
          value={email}
          autoComplete="email"
          maxLength={254}
          onChange={(event) => setEmail(event.currentTarget.value)}
        />
      </div>
      {!(save.error instanceof NotConfirmed) && <Problem error={save.error} />}
      <div>
        <Button size="xs" type="submit" disabled={!dirty} loading={save.isPending}>
          {s.save}
        </Button>
      </div>
    </form>
  );
  return (
    <>
      {form}
      {dialog}
    </>
  );
}

export function Account({ profile }: { profile: Profile }): ReactNode {
  const { api } = useBackend();
  const changed = useProfileChanged();
  const [changing, setChanging] = useState(false);
  const local = profile.source === "local";
  return (
    <section className={own.card} aria-labelledby="profile-account">
      <h2 id="profile-account">{text.account}</h2>
      <dl className={styles.facts}>
        <dt>{text.username}</dt>
        <dd>{profile.username}</dd>
        {!local && (
          <>
            <dt>{text.displayName}</dt>
            <dd>{profile.display_name}</dd>
            <dt>{text.email}</dt>
            <dd>{profile.email}</dd>
          </>
        )}
      </dl>
      {local ? (
        <Names key={`${profile.display_name}\n${profile.email}`} profile={profile} />
      ) : (
        <p className={styles.quiet}>{text.managed(sourceName(profile.source))}</p>
      )}
      <div className={own.row}>
        <div className={own.label}>
          <strong>{text.password}</strong>
          <span className={styles.sub}>
            {profile.has_password ? (
              <>
                {text.passwordSince} <When text={profile.password_changed_at} none={s.unknownTime} />
              </>
            ) : (
              text.noPassword
            )}
          </span>
        </div>
        {profile.has_password && (
          <Button size="xs" variant="default" onClick={() => setChanging(true)}>
            {s.password.change}
          </Button>
        )}
      </div>
      <Dialog opened={changing} onClose={() => setChanging(false)} title={s.password.change}>
        <NewPassword
          username={profile.username}
          withCurrent
          submit={s.password.change}
          save={(current, next) => api.changePassword({ current, new: next })}
          onDone={() => {
            setChanging(false);
            changed();
            toast(s.password.changed);
          }}
        />
      </Dialog>
    </section>
  );
}
