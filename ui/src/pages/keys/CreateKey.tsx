/** The dialog that makes a key. */
import { Button, Checkbox, Modal, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { CopyTextButton } from "../../components/common/CopyButton.tsx";
import { ApiError } from "../../core/api/errors.ts";
import { t } from "../../core/text.ts";
import { useApi } from "../../hooks/useApi.tsx";
import { useSession } from "../../hooks/useSession.ts";
import { useUrlTenant } from "../../hooks/useUrlState.ts";
import styles from "./KeysPage.module.css";

function CreateForm({ onClose }: { onClose(): void }): ReactNode {
  const api = useApi();
  const client = useQueryClient();
  const session = useSession().data;
  const [urlTenant] = useUrlTenant();
  const [name, setName] = useState("");
  const [tenant, setTenant] = useState(urlTenant || session?.tenant || "");
  const [permissions, setPermissions] = useState(["logs:write"]);
  const [tried, setTried] = useState(false);
  const make = useMutation({
    mutationFn: () => api.createKey({ name: name.trim(), tenant, permissions }),
    onSuccess: () => void client.invalidateQueries({ queryKey: ["keys"] }),
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setTried(true);
    if (name.trim() !== "" && permissions.length > 0) make.mutate();
  };
  if (make.data) {
    return (
      <div className={styles.form}>
        <h3>{t.apiKeys.secretTitle}</h3>
        <p>{t.apiKeys.secretHelp}</p>
        <div className={styles.secret}>
          <code data-testid="secret">{make.data.secret}</code>
          <CopyTextButton text={make.data.secret} />
        </div>
        <div className={styles.actions}>
          <Button onClick={onClose}>{t.apiKeys.done}</Button>
        </div>
      </div>
    );
  }
  const offered = Object.entries(t.apiKeys.permission);
  return (
    <form className={styles.form} onSubmit={submit} noValidate>
      <TextInput
        data-autofocus
        label={t.apiKeys.name}
        placeholder={t.apiKeys.namePlaceholder}
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
        error={tried && name.trim() === "" ? t.apiKeys.needName : undefined}
      />
      <TextInput label={t.apiKeys.tenant} value={tenant} onChange={(event) => setTenant(event.currentTarget.value)} />
      <Checkbox.Group
        label={t.apiKeys.permissions}
        value={permissions}
        onChange={setPermissions}
        error={tried && permissions.length === 0 ? t.apiKeys.needPermission : undefined}
      >
        <div className={styles.checks}>
          {offered.map(([permission, label]) => (
            <Checkbox key={permission} value={permission} label={label} />
          ))}
        </div>
      </Checkbox.Group>
      {make.error instanceof ApiError && (
        <p className={styles.error} role="alert">
          {make.error.message} {make.error.hint}
        </p>
      )}
      <div className={styles.actions}>
        <Button variant="default" onClick={onClose}>
          {t.apiKeys.cancel}
        </Button>
        <Button type="submit" loading={make.isPending}>
          {t.apiKeys.create}
        </Button>
      </div>
    </form>
  );
}

export function CreateKey({ opened, onClose }: { opened: boolean; onClose(): void }): ReactNode {
  return (
    <Modal opened={opened} onClose={onClose} title={t.apiKeys.create} closeButtonProps={{ "aria-label": t.close }}>
      <CreateForm onClose={onClose} />
    </Modal>
  );
}
