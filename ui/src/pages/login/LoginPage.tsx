/** Signing in with the password; afterwards back to where one was. */
import { Button, PasswordInput, TextInput } from "@mantine/core";
import { type FormEvent, type ReactNode, useState } from "react";
import { Navigate, useLocation } from "react-router";
import { ErrorState } from "../../components/common/State.tsx";
import { Logo } from "../../components/shell/Logo.tsx";
import { ApiError } from "../../core/api/errors.ts";
import { t } from "../../core/text.ts";
import { safeNext } from "../../core/url/codecs.ts";
import { useBackend } from "../../hooks/useApi.tsx";
import { useSession } from "../../hooks/useSession.ts";
import styles from "./LoginPage.module.css";

export function LoginPage(): ReactNode {
  const { api, client } = useBackend();
  const session = useSession();
  const next = new URLSearchParams(useLocation().search).get("next");
  const [username, setUsername] = useState("admin");
  const [password, setPassword] = useState("");
  const [error, setError] = useState<ApiError | null>(null);
  const [busy, setBusy] = useState(false);

  if (session.isError) return <ErrorState error={session.error} onRetry={() => void session.refetch()} />;
  if (session.data?.authenticated) return <Navigate to={safeNext(next)} replace />;

  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (password === "") {
      setError(new ApiError(400, { message: t.login.empty }));
      return;
    }
    setBusy(true);
    setError(null);
    try {
      client.setQueryData(["session"], await api.login(username, password));
    } catch (failure) {
      setError(failure instanceof ApiError ? failure : new ApiError(0, { message: String(failure) }));
    } finally {
      setBusy(false);
    }
  };

  return (
    <main className={styles.page}>
      <form className={styles.card} onSubmit={(event) => void submit(event)}>
        <div className={styles.head}>
          <Logo size={32} />
          <h1>{t.login.title}</h1>
        </div>
        {next && !error && <p className={styles.help}>{t.login.expired}</p>}
        <TextInput
          label={t.login.username}
          value={username}
          onChange={(event) => setUsername(event.currentTarget.value)}
          autoComplete="username"
          name="username"
        />
        <PasswordInput
          label={t.login.password}
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
          autoComplete="current-password"
          name="password"
          autoFocus
        />
        {error && (
          <div className={styles.error} role="alert">
            {error.message} {error.hint}
          </div>
        )}
        <Button type="submit" loading={busy}>
          {t.login.submit}
        </Button>
        <p className={styles.help}>{t.login.help}</p>
      </form>
    </main>
  );
}
