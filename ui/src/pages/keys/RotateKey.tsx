/** The dialog that gives a key a new secret; the old one works on for a while. */
import { Button, NativeSelect } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { Dialog, Problem, SecretOnce, styles } from "../../components/security/parts.tsx";
import type { ApiKey } from "../../core/api/types.ts";
import { s } from "../../core/securityText.ts";
import { useApi } from "../../hooks/useApi.tsx";
import { useChanged } from "../../hooks/useSecurity.ts";

const text = s.keys;

function Form({ apiKey, onClose }: { apiKey: ApiKey; onClose(): void }): ReactNode {
  const api = useApi();
  const changed = useChanged("keys");
  const [overlap, setOverlap] = useState("86400");
  const rotate = useMutation({ mutationFn: () => api.rotateKey(apiKey.id, Number(overlap)), onSuccess: changed });
  if (rotate.data) {
    return (
      <div className={styles.form}>
        <h3>{text.secretTitle}</h3>
        <p>{text.secretHelp}</p>
        <SecretOnce secret={rotate.data.secret} />
        <div className={styles.actions}>
          <Button onClick={onClose}>{s.done}</Button>
        </div>
      </div>
    );
  }
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    rotate.mutate();
  };
  return (
    <form className={styles.form} onSubmit={submit}>
      <p>{text.rotateHelp}</p>
      <NativeSelect
        data-autofocus
        label={text.overlap}
        value={overlap}
        data={Object.entries(text.overlaps).map(([value, label]) => ({ value, label }))}
        onChange={(event) => setOverlap(event.currentTarget.value)}
      />
      <Problem error={rotate.error} />
      <div className={styles.actions}>
        <Button variant="default" onClick={onClose}>
          {s.cancel}
        </Button>
        <Button type="submit" loading={rotate.isPending}>
          {text.rotate}
        </Button>
      </div>
    </form>
  );
}

export function RotateKey({ apiKey, onClose }: { apiKey: ApiKey | null; onClose(): void }): ReactNode {
  return (
    <Dialog opened={apiKey !== null} onClose={onClose} title={apiKey ? text.rotateTitle(apiKey.name) : ""}>
      {apiKey && <Form key={apiKey.id} apiKey={apiKey} onClose={onClose} />}
    </Dialog>
  );
}
