/** The dialog that revokes a key: its name has to be typed. */
import { Button, Modal, TextInput } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { ApiError } from "../../core/api/errors.ts";
import type { ApiKey } from "../../core/api/types.ts";
import { t } from "../../core/text.ts";
import { useApi } from "../../hooks/useApi.tsx";
import styles from "./KeysPage.module.css";

function RevokeForm({ apiKey, onClose }: { apiKey: ApiKey; onClose(): void }): ReactNode {
  const api = useApi();
  const client = useQueryClient();
  const [typed, setTyped] = useState("");
  const revoke = useMutation({
    mutationFn: () => api.revokeKey(apiKey.id),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ["keys"] });
      notifications.show({ message: t.apiKeys.revoked, autoClose: 2500 });
      onClose();
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (typed === apiKey.name) revoke.mutate();
  };
  return (
    <form className={styles.form} onSubmit={submit}>
      <p>{t.apiKeys.revokeHelp}</p>
      <TextInput
        data-autofocus
        label={t.apiKeys.typeName(apiKey.name)}
        value={typed}
        onChange={(event) => setTyped(event.currentTarget.value)}
        autoComplete="off"
      />
      {revoke.error instanceof ApiError && (
        <p className={styles.error} role="alert">
          {revoke.error.message} {revoke.error.hint}
        </p>
      )}
      <div className={styles.actions}>
        <Button variant="default" onClick={onClose}>
          {t.apiKeys.cancel}
        </Button>
        <Button type="submit" color="red.9" disabled={typed !== apiKey.name} loading={revoke.isPending}>
          {t.apiKeys.revoke}
        </Button>
      </div>
    </form>
  );
}

export function RevokeKey({ apiKey, onClose }: { apiKey: ApiKey | null; onClose(): void }): ReactNode {
  return (
    <Modal
      opened={apiKey !== null}
      onClose={onClose}
      title={apiKey ? t.apiKeys.revokeTitle(apiKey.name) : ""}
      closeButtonProps={{ "aria-label": t.close }}
    >
      {apiKey && <RevokeForm key={apiKey.id} apiKey={apiKey} onClose={onClose} />}
    </Modal>
  );
}
