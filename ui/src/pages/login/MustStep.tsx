/** What an account has to do before anything else: replace a password that was handed out, or add a second factor. */
import { Button, TextInput } from "@mantine/core";
import { IconDeviceMobile, IconFingerprint } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { NewPassword } from "../../components/security/NewPassword.tsx";
import { Problem } from "../../components/security/parts.tsx";
import { RecoveryCodes, TotpForm } from "../../components/security/Totp.tsx";
import { NotConfirmed, useConfirmed } from "../../components/security/useConfirmed.tsx";
import type { Session } from "../../core/api/security.ts";
import { makePasskey, PasskeyError, passkeysWork } from "../../core/security/webauthn.ts";
import { s } from "../../core/securityText.ts";
import { useBackend } from "../../hooks/useApi.tsx";
import { useLoginOptions } from "../../hooks/useProfile.ts";
import { useSignOut } from "../../hooks/useSession.ts";
import { Card, styles } from "./Card.tsx";

/** The session anew: what had to be done is done, or something else is left. */
function useOn(): () => void {
  const { client } = useBackend();
  return () => void client.invalidateQueries({ queryKey: ["session"] });
}

function Factor(): ReactNode {
  const { api } = useBackend();
  const on = useOn();
  const options = useLoginOptions().data;
  const [run, dialog] = useConfirmed(true);
  const [name, setName] = useState("");
  const begin = useMutation({ mutationFn: () => run((confirmation) => api.beginTotp(confirmation)) });
  const passkey = useMutation({
    mutationFn: async () => {
      const begun = await run((confirmation) => api.beginPasskey(confirmation));
      const credential = await makePasskey(begun.options);
      return api.finishPasskey({ token: begun.token, credential, name: name.trim() || s.profile.passkeyNameHint });
    },
    onSuccess: (added) => {
      if (added.recovery_codes.length === 0) on();
    },
  });
  const codes = passkey.data?.recovery_codes ?? [];
  if (codes.length > 0) return <RecoveryCodes codes={codes} onDone={on} />;
  if (begin.data) return <TotpForm setup={begin.data} onDone={on} />;
  const error = begin.error ?? passkey.error;
  return (
    <div className={styles.form}>
      <p className={styles.help}>{s.login.must.factorHelp}</p>
      <Button leftSection={<IconDeviceMobile size={16} />} loading={begin.isPending} onClick={() => begin.mutate()}>
        {s.profile.totp}
      </Button>
      {passkeysWork() && options?.passkeys !== false && (
        <>
          <div className={styles.or}>{s.login.or}</div>
          <TextInput
            label={s.profile.passkeyName}
            placeholder={s.profile.passkeyNameHint}
            value={name}
            maxLength={100}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <Button
            variant="default"
            leftSection={<IconFingerprint size={16} />}
            loading={passkey.isPending}
            onClick={() => passkey.mutate()}
          >
            {s.profile.addPasskey}
          </Button>
        </>
      )}
      {error instanceof PasskeyError ? (
        <p className={styles.error} role="alert">
          {s.passkeyFailures[error.kind]}
        </p>
      ) : (
        !(error instanceof NotConfirmed) && <Problem error={error} />
      )}
      {dialog}
    </div>
  );
}

export function MustStep({ session }: { session: Session }): ReactNode {
  const { api } = useBackend();
  const on = useOn();
  const signOut = useSignOut();
  const password = session.must === "change_password";
  return (
    <Card title={password ? s.login.must.password : s.login.must.factor} wide>
      {password ? (
        <>
          <p className={styles.help}>{s.login.must.passwordHelp}</p>
          <NewPassword
            username={session.username}
            withCurrent
            submit={s.password.change}
            save={(current, next) => api.changePassword({ current, new: next })}
            onDone={on}
          />
        </>
      ) : (
        <Factor />
      )}
      <button type="button" className={styles.link} onClick={() => void signOut()}>
        {s.login.signOut}
      </button>
    </Card>
  );
}
