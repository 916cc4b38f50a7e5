/** The second step of a login: a code of the app, a recovery code, or a passkey. */
import { Button, TextInput } from "@mantine/core";
import { IconFingerprint } from "@tabler/icons-react";
import { type FormEvent, type ReactNode, useState } from "react";
import type { Challenge } from "../../core/api/security.ts";
import { passkeysWork } from "../../core/security/webauthn.ts";
import { s } from "../../core/securityText.ts";
import { useApi } from "../../hooks/useApi.tsx";
import { Card, Failure, styles } from "./Card.tsx";
import type { LoginFlow } from "./useLoginFlow.ts";

const text = s.login.second;

export function SecondStep({ flow, challenge }: { flow: LoginFlow; challenge: Challenge }): ReactNode {
  const api = useApi();
  const { methods, token } = challenge;
  const typed = methods.filter((method) => method !== "passkey");
  const [method, setMethod] = useState(typed[0] ?? "");
  const [code, setCode] = useState("");
  const passkey = methods.includes("passkey") && passkeysWork();
  const other = typed.find((name) => name !== method);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const given = method === "totp" ? code.replaceAll(/\s/g, "") : code.trim();
    if (given === "") flow.fail(text.empty);
    else void flow.step(() => api.secondFactor(token, given)).then((done) => done || setCode(""));
  };
  return (
    <Card title={text.title}>
      {method ? (
        <form className={styles.form} onSubmit={submit} noValidate>
          <TextInput
            key={method}
            label={method === "totp" ? text.totp : text.recovery}
            description={method === "totp" ? text.totpHelp : text.recoveryHelp}
            name={method === "totp" ? "code" : "recovery-code"}
            value={code}
            inputMode={method === "totp" ? "numeric" : "text"}
            autoComplete={method === "totp" ? "one-time-code" : "off"}
            maxLength={64}
            autoFocus
            onChange={(event) => setCode(event.currentTarget.value)}
          />
          <Failure failed={flow.failed} />
          <Button type="submit" loading={flow.busy}>
            {text.submit}
          </Button>
        </form>
      ) : (
        <Failure failed={flow.failed} />
      )}
      {passkey && (
        <Button
          variant="default"
          leftSection={<IconFingerprint size={16} />}
          disabled={flow.busy}
          onClick={() => void flow.passkey(token)}
        >
          {text.passkey}
        </Button>
      )}
      <div className={styles.links}>
        {other && (
          <button
            type="button"
            className={styles.link}
            onClick={() => {
              setMethod(other);
              setCode("");
            }}
          >
            {other === "recovery" ? text.useRecovery : text.useTotp}
          </button>
        )}
        <button type="button" className={styles.link} onClick={() => flow.restart()}>
          {s.login.restart}
        </button>
      </div>
    </Card>
  );
}
