/** Who it is: password, passkey, or single sign-on; what is not set up here is not shown. */
import { Button, PasswordInput, TextInput } from "@mantine/core";
import { IconFingerprint } from "@tabler/icons-react";
import { type FormEvent, type ReactNode, useRef, useState } from "react";
import { useLocation } from "react-router";
import { ErrorState, Skeleton } from "../../components/common/State.tsx";
import type { LoginOptions } from "../../core/api/security.ts";
import { passkeysWork } from "../../core/security/webauthn.ts";
import { s } from "../../core/securityText.ts";
import { safeNext } from "../../core/url/codecs.ts";
import { useApi } from "../../hooks/useApi.tsx";
import { useLoginOptions } from "../../hooks/useProfile.ts";
import { Card, Failure, styles } from "./Card.tsx";
import { ForgotStep } from "./ForgotStep.tsx";
import type { LoginFlow } from "./useLoginFlow.ts";

function PasswordForm({ flow, onForgot }: { flow: LoginFlow; onForgot?: () => void }): ReactNode {
  const api = useApi();
  const form = useRef<HTMLFormElement>(null);
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    // Read from the form: some password managers fill it without an event.
    const given = new FormData(form.current ?? undefined);
    const [username, password] = [String(given.get("username") ?? "").trim(), String(given.get("password") ?? "")];
    if (username === "" || password === "") flow.fail(s.login.empty);
    else await flow.step(() => api.login(username, password));
  };
  return (
    <form ref={form} className={styles.form} onSubmit={(event) => void submit(event)} noValidate>
      <TextInput
        label={s.login.username}
        name="username"
        autoComplete="username"
        autoCapitalize="off"
        autoCorrect="off"
        spellCheck={false}
        autoFocus
      />
      <PasswordInput label={s.login.password} name="password" autoComplete="current-password" />
      <Failure failed={flow.failed} />
      <Button type="submit" loading={flow.busy}>
        {s.login.submit}
      </Button>
      {onForgot && (
        <button type="button" className={styles.link} onClick={onForgot}>
          {s.login.forgot}
        </button>
      )}
    </form>
  );
}

function OtherWays({ flow, options, next }: { flow: LoginFlow; options: LoginOptions; next: string }): ReactNode {
  const passkeys = options.passkeys && passkeysWork();
  if (!passkeys && options.providers.length === 0) return null;
  return (
    <>
      {options.password && <div className={styles.or}>{s.login.or}</div>}
      {!options.password && <Failure failed={flow.failed} />}
      <div className={styles.ways}>
        {options.providers.map((provider) => (
          <Button
            key={provider.id}
            component="a"
            href={`${provider.url}?next=${encodeURIComponent(next)}`}
            variant="default"
          >
            {s.login.with(provider.name)}
          </Button>
        ))}
        {passkeys && (
          <Button
            variant="default"
            leftSection={<IconFingerprint size={16} />}
            disabled={flow.busy}
            onClick={() => void flow.passkey("")}
          >
            {s.login.passkey}
          </Button>
        )}
      </div>
    </>
  );
}

export function FirstStep({ flow, next }: { flow: LoginFlow; next: string }): ReactNode {
  const options = useLoginOptions();
  const [forgotten, setForgotten] = useState(false);
  const came = safeNext(new URLSearchParams(useLocation().search).get("next")) !== "/";
  if (forgotten) return <ForgotStep onBack={() => setForgotten(false)} />;
  if (options.isError) return <ErrorState error={options.error} onRetry={() => void options.refetch()} />;
  if (options.isPending)
    return (
      <Card title={s.login.title}>
        <Skeleton rows={4} />
      </Card>
    );
  const { password, mail, providers } = options.data;
  return (
    <Card title={s.login.title}>
      {flow.notice && (
        <p className={styles.notice} role="status">
          {flow.notice}
        </p>
      )}
      {came && !flow.failed && !flow.notice && <p className={styles.help}>{s.login.expired}</p>}
      {password && <PasswordForm flow={flow} onForgot={mail ? () => setForgotten(true) : undefined} />}
      <OtherWays flow={flow} options={options.data} next={next} />
      {!password && providers.length === 0 && !options.data.passkeys && <p className={styles.help}>{s.login.none}</p>}
      {password && <p className={styles.help}>{s.login.help}</p>}
    </Card>
  );
}
