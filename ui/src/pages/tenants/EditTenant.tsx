/** The dialog of a tenant: a new one, or the description of one. */

import { Button, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { Dialog, Problem, styles } from "../../components/security/parts.tsx";
import type { TenantInfo } from "../../core/api/security.ts";
import { readDays } from "../../core/lifecycle/days.ts";
import { s } from "../../core/securityText.ts";
import { toast } from "../../core/toasts.ts";
import { useApi } from "../../hooks/useApi.tsx";
import { useChanged } from "../../hooks/useSecurity.ts";

const text = s.tenants;

function Form({ tenant, onClose }: { tenant: TenantInfo | null; onClose(): void }): ReactNode {
  const api = useApi();
  const changed = useChanged("tenant-list");
  const [name, setName] = useState("");
  const [description, setDescription] = useState(tenant?.description ?? "");
  const [days, setDays] = useState("");
  const [tried, setTried] = useState(false);
  const retention = readDays(days);
  const save = useMutation({
    mutationFn: () =>
      tenant
        ? api.changeTenant(tenant.name, { description: description.trim() })
        : api.createTenant({
            name: name.trim(),
            description: description.trim(),
            ...(typeof retention === "number" && { retention_days: retention }),
          }),
    onSuccess: () => {
      changed();
      toast(tenant ? text.saved : text.created);
      onClose();
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setTried(true);
    if ((tenant || name.trim() !== "") && retention !== undefined) save.mutate();
  };
  return (
    <form className={styles.form} onSubmit={submit} noValidate>
      {!tenant && (
        <TextInput
          data-autofocus
          label={s.name}
          value={name}
          spellCheck={false}
          maxLength={128}
          onChange={(event) => setName(event.currentTarget.value)}
          error={tried && name.trim() === "" ? text.needName : undefined}
        />
      )}
      <TextInput
        data-autofocus={tenant ? true : undefined}
        label={s.description}
        value={description}
        maxLength={1000}
        onChange={(event) => setDescription(event.currentTarget.value)}
      />
      {!tenant && (
        <TextInput
          label={text.retentionDays}
          description={text.retentionHelp}
          value={days}
          inputMode="numeric"
          w={220}
          onChange={(event) => setDays(event.currentTarget.value)}
          error={retention === undefined ? text.badDays : undefined}
        />
      )}
      <Problem error={save.error} />
      <div className={styles.actions}>
        <Button variant="default" onClick={onClose}>
          {s.cancel}
        </Button>
        <Button type="submit" loading={save.isPending}>
          {tenant ? s.save : text.create}
        </Button>
      </div>
    </form>
  );
}

export function EditTenant({ editing, onClose }: { editing: TenantInfo | "new" | null; onClose(): void }): ReactNode {
  const tenant = editing === "new" ? null : editing;
  return (
    <Dialog opened={editing !== null} onClose={onClose} title={tenant ? text.editTitle(tenant.name) : text.new}>
      {editing && <Form tenant={tenant} onClose={onClose} />}
    </Dialog>
  );
}
