/** Asking for a link by mail. What is said is the same whether there is such an account or not. */
import { Button, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { ApiError } from "../../core/api/errors.ts";
import { s } from "../../core/securityText.ts";
import { useApi } from "../../hooks/useApi.tsx";
import { Card, Failure, styles } from "./Card.tsx";

export function ForgotStep({ onBack }: { onBack(): void }): ReactNode {
  const api = useApi();
  const [username, setUsername] = useState("");
  const [failed, setFailed] = useState<{ message: string; wait: number } | null>(null);
  const ask = useMutation({
    mutationFn: () => api.askForReset(username.trim()),
    onMutate: () => setFailed(null),
    onError: (error) => setFailed({ message: error.message, wait: error instanceof ApiError ? error.retryAfter : 0 }),
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (username.trim() !== "") ask.mutate();
  };
  return (
    <Card title={s.login.reset.title}>
      {ask.isSuccess ? (
        <p className={styles.notice} role="status">
          {s.login.reset.sent}
        </p>
      ) : (
        <form className={styles.form} onSubmit={submit}>
          <p className={styles.help}>{s.login.reset.help}</p>
          <TextInput
            label={s.login.username}
            name="username"
            value={username}
            autoComplete="username"
            autoCapitalize="off"
            spellCheck={false}
            autoFocus
            onChange={(event) => setUsername(event.currentTarget.value)}
          />
          <Failure failed={failed} />
          <Button type="submit" loading={ask.isPending}>
            {s.login.reset.submit}
          </Button>
        </form>
      )}
      <button type="button" className={styles.link} onClick={onBack}>
        {s.login.back}
      </button>
    </Card>
  );
}
