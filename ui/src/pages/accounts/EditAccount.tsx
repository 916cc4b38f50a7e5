/** The dialog of a service account, new or there already. */

import { Button, Switch, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { Dialog, Problem, styles } from "../../components/security/parts.tsx";
import { RolesField } from "../../components/security/RolesField.tsx";
import type { AccountInfo } from "../../core/api/security.ts";
import { s } from "../../core/securityText.ts";
import { toast } from "../../core/toasts.ts";
import { useApi } from "../../hooks/useApi.tsx";
import { useChanged } from "../../hooks/useSecurity.ts";

const text = s.accounts;

function Form({ account, onClose }: { account: AccountInfo | null; onClose(): void }): ReactNode {
  const api = useApi();
  const changed = useChanged("accounts");
  const [name, setName] = useState(account?.name ?? "");
  const [description, setDescription] = useState(account?.description ?? "");
  const [disabled, setDisabled] = useState(account?.disabled ?? false);
  const [roles, setRoles] = useState(account?.roles ?? []);
  const [tried, setTried] = useState(false);
  const save = useMutation({
    mutationFn: () =>
      api.saveAccount(account?.id ?? "", { name: name.trim(), description: description.trim(), disabled, roles }),
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
      <RolesField roles={roles} onChange={setRoles} />
      {account && (
        <Switch
          label={text.enabled}
          description={text.enabledHelp}
          checked={!disabled}
          onChange={(event) => setDisabled(!event.currentTarget.checked)}
        />
      )}
      <Problem error={save.error} />
      <div className={styles.actions}>
        <Button variant="default" onClick={onClose}>
          {s.cancel}
        </Button>
        <Button type="submit" loading={save.isPending}>
          {account ? s.save : text.create}
        </Button>
      </div>
    </form>
  );
}

export function EditAccount({ editing, onClose }: { editing: AccountInfo | "new" | null; onClose(): void }): ReactNode {
  const account = editing === "new" ? null : editing;
  return (
    <Dialog
      opened={editing !== null}
      onClose={onClose}
      title={account ? text.editTitle(account.name) : text.new}
      size="lg"
    >
      {editing && <Form account={account} onClose={onClose} />}
    </Dialog>
  );
}
