/** The dialog that makes a user; a password that was made up is shown once. */

import { Button, PasswordInput, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { Dialog, Problem, SecretOnce, styles } from "../../components/security/parts.tsx";
import { RolesField } from "../../components/security/RolesField.tsx";
import type { RoleIn } from "../../core/api/security.ts";
import { s } from "../../core/securityText.ts";
import { toast } from "../../core/toasts.ts";
import { useApi } from "../../hooks/useApi.tsx";
import { useChanged } from "../../hooks/useSecurity.ts";

const text = s.users;

interface Props {
  onClose(): void;
  onCreated(name: string): void;
}

function Form({ onClose, onCreated }: Props): ReactNode {
  const api = useApi();
  const changed = useChanged("users");
  const [name, setName] = useState("");
  const [displayName, setDisplayName] = useState("");
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [roles, setRoles] = useState<RoleIn[]>([]);
  const [tried, setTried] = useState(false);
  const finish = (made: string): void => {
    onClose();
    onCreated(made);
  };
  const make = useMutation({
    mutationFn: () =>
      api.createUser({ name: name.trim(), display_name: displayName.trim(), email: email.trim(), password, roles }),
    onSuccess: (made) => {
      changed();
      toast(text.created);
      if (made.password === "") finish(made.user.name);
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setTried(true);
    if (name.trim() !== "") make.mutate();
  };
  const made = make.data;
  if (made?.password) {
    return (
      <div className={styles.form}>
        <h3>{text.madePassword}</h3>
        <p>{text.madeHelp(made.user.name)}</p>
        <SecretOnce secret={made.password} />
        <div className={styles.actions}>
          <Button onClick={() => finish(made.user.name)}>{s.done}</Button>
        </div>
      </div>
    );
  }
  return (
    <form className={styles.form} onSubmit={submit} noValidate autoComplete="off">
      <TextInput
        data-autofocus
        label={text.userName}
        description={text.userNameHelp}
        value={name}
        autoComplete="off"
        autoCapitalize="off"
        spellCheck={false}
        maxLength={128}
        onChange={(event) => setName(event.currentTarget.value)}
        error={tried && name.trim() === "" ? text.needName : undefined}
      />
      <div className={styles.pair}>
        <TextInput
          label={s.name}
          value={displayName}
          autoComplete="off"
          onChange={(event) => setDisplayName(event.currentTarget.value)}
        />
        <TextInput
          label={s.profile.email}
          type="email"
          value={email}
          autoComplete="off"
          onChange={(event) => setEmail(event.currentTarget.value)}
        />
      </div>
      <PasswordInput
        label={text.password}
        description={text.passwordHelp}
        value={password}
        autoComplete="new-password"
        onChange={(event) => setPassword(event.currentTarget.value)}
      />
      <RolesField roles={roles} onChange={setRoles} />
      <Problem error={make.error} />
      <div className={styles.actions}>
        <Button variant="default" onClick={onClose}>
          {s.cancel}
        </Button>
        <Button type="submit" loading={make.isPending}>
          {text.create}
        </Button>
      </div>
    </form>
  );
}

export function CreateUser({ opened, ...props }: Props & { opened: boolean }): ReactNode {
  return (
    <Dialog opened={opened} onClose={props.onClose} title={text.new} size="lg">
      <Form {...props} />
    </Dialog>
  );
}
