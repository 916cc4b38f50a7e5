/** The dialog of a team, new or there already. */

import { Button, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { NamesField } from "../../components/security/NamesField.tsx";
import { Dialog, Problem, styles } from "../../components/security/parts.tsx";
import { RolesField } from "../../components/security/RolesField.tsx";
import type { TeamInfo } from "../../core/api/security.ts";
import { s } from "../../core/securityText.ts";
import { toast } from "../../core/toasts.ts";
import { useApi } from "../../hooks/useApi.tsx";
import { useChanged, useUsers } from "../../hooks/useSecurity.ts";

const text = s.teams;

function Form({ team, onClose }: { team: TeamInfo | null; onClose(): void }): ReactNode {
  const api = useApi();
  const changed = useChanged("teams", "users");
  const users = useUsers();
  const [name, setName] = useState(team?.name ?? "");
  const [description, setDescription] = useState(team?.description ?? "");
  const [members, setMembers] = useState(team?.members ?? []);
  const [roles, setRoles] = useState(team?.roles ?? []);
  const [tried, setTried] = useState(false);
  const save = useMutation({
    mutationFn: () =>
      api.saveTeam(team?.id ?? "", { name: name.trim(), description: description.trim(), members, roles }),
    onSuccess: () => {
      changed();
      toast(text.saved);
      onClose();
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setTried(true);
    if (name.trim() !== "") save.mutate();
  };
  const managed = team?.source === "scim";
  return (
    <form className={styles.form} onSubmit={submit} noValidate>
      <TextInput
        data-autofocus
        label={s.name}
        value={name}
        maxLength={128}
        onChange={(event) => setName(event.currentTarget.value)}
        error={tried && name.trim() === "" ? text.needName : undefined}
      />
      <TextInput
        label={s.description}
        value={description}
        maxLength={1000}
        onChange={(event) => setDescription(event.currentTarget.value)}
      />
      {managed ? (
        <p className={styles.quiet}>
          {text.memberCount(members.length)}. {text.managed}
        </p>
      ) : (
        <NamesField
          label={text.members}
          description={text.membersHelp}
          hint={text.membersHint}
          names={members}
          offered={(users.data ?? []).map((user) => user.name)}
          removeLabel={text.removeMember}
          onChange={setMembers}
        />
      )}
      <RolesField roles={roles} onChange={setRoles} />
      <Problem error={save.error} />
      <div className={styles.actions}>
        <Button variant="default" onClick={onClose}>
          {s.cancel}
        </Button>
        <Button type="submit" loading={save.isPending}>
          {team ? s.save : text.create}
        </Button>
      </div>
    </form>
  );
}

export function EditTeam({ editing, onClose }: { editing: TeamInfo | "new" | null; onClose(): void }): ReactNode {
  const team = editing === "new" ? null : editing;
  return (
    <Dialog opened={editing !== null} onClose={onClose} title={team ? text.editTitle(team.name) : text.new} size="lg">
      {editing && <Form team={team} onClose={onClose} />}
    </Dialog>
  );
}
