/** The second factor: authenticator app and recovery codes. */

import { Button } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { ConfirmTyped, Dialog, Problem, styles } from "../../components/security/parts.tsx";
import { RecoveryCodes, TotpForm } from "../../components/security/Totp.tsx";
import { NotConfirmed, useConfirmed } from "../../components/security/useConfirmed.tsx";
import type { Profile, TotpSetup } from "../../core/api/security.ts";
import { s } from "../../core/securityText.ts";
import { toast } from "../../core/toasts.ts";
import { useApi } from "../../hooks/useApi.tsx";
import { useProfileChanged } from "../../hooks/useProfile.ts";
import own from "./ProfilePage.module.css";

const text = s.profile;
const FEW_CODES = 3;

export function Factor({ profile }: { profile: Profile }): ReactNode {
  const api = useApi();
  const changed = useProfileChanged();
  const [run, dialog] = useConfirmed(profile.has_password);
  const [setup, setSetup] = useState<TotpSetup | null>(null);
  const [codes, setCodes] = useState<string[] | null>(null);
  const [asked, setAsked] = useState<"remove" | "codes" | null>(null);
  const [error, setError] = useState<unknown>(null);

  const begin = async (): Promise<void> => {
    setError(null);
    try {
      setSetup(await run((confirmation) => api.beginTotp(confirmation)));
    } catch (failure) {
      if (!(failure instanceof NotConfirmed)) setError(failure);
    }
  };
  /** The typed confirmation first, then who it is; giving that up is no failure. */
  const confirmed = async (act: () => Promise<void>): Promise<void> => {
    try {
      await act();
    } catch (failure) {
      if (!(failure instanceof NotConfirmed)) throw failure;
    }
  };
  const remove = (): Promise<void> =>
    confirmed(async () => {
      await run((confirmation) => api.removeTotp(confirmation));
      toast(s.users.factorRemoved);
      changed();
    });
  const renew = (): Promise<void> =>
    confirmed(async () => {
      const made = await run((confirmation) => api.newRecoveryCodes(confirmation));
      setCodes(made.recovery_codes);
    });
  const closed = (): void => {
    setSetup(null);
    setCodes(null);
    changed();
  };
  const questions = {
    remove: {
      title: text.removeTotpTitle,
      help: text.removeTotpHelp,
      word: profile.username,
      action: s.remove,
      run: remove,
    },
    codes: {
      title: text.newCodesTitle,
      help: text.newCodesHelp,
      word: profile.username,
      action: text.newCodes,
      run: renew,
    },
  };
  const close = (): void => setAsked(null);
  return (
    <section className={own.card} aria-labelledby="profile-factor">
      <h2 id="profile-factor">{text.factor}</h2>
      <div className={own.row}>
        <div className={own.label}>
          <strong>{text.totp}</strong>{" "}
          <span className={styles.chip} data-tone={profile.totp ? "ok" : undefined} data-testid="totp-state">
            {profile.totp ? text.totpOn : text.totpOff}
          </span>
          <span className={styles.sub}>
            {text.totpHelp} {profile.second_factor_required && text.factorRequired}
          </span>
        </div>
        <Button size="xs" variant="default" onClick={() => void begin()}>
          {profile.totp ? text.replaceTotp : text.addTotp}
        </Button>
        {profile.totp && (
          <Button size="xs" variant="default" onClick={() => setAsked("remove")}>
            {text.removeTotp}
          </Button>
        )}
      </div>
      {(profile.totp || profile.recovery_codes_left > 0) && (
        <div className={own.row}>
          <div className={own.label}>
            <strong>{text.recovery}</strong>{" "}
            <span
              className={styles.chip}
              data-tone={profile.recovery_codes_left < FEW_CODES ? "warn" : undefined}
              data-testid="recovery-left"
            >
              {text.recoveryLeft(profile.recovery_codes_left)}
            </span>
            <span className={styles.sub}>
              {text.recoveryHelp} {profile.recovery_codes_left < FEW_CODES && text.recoveryFew}
            </span>
          </div>
          <Button size="xs" variant="default" onClick={() => setAsked("codes")}>
            {text.newCodes}
          </Button>
        </div>
      )}
      <Problem error={error} />
      <Dialog opened={setup !== null} onClose={closed} title={s.totp.title}>
        {setup && <TotpForm setup={setup} onDone={closed} />}
      </Dialog>
      <Dialog opened={codes !== null} onClose={closed} title={text.recovery}>
        {codes && <RecoveryCodes codes={codes} onDone={closed} />}
      </Dialog>
      <ConfirmTyped asked={asked && { ...questions[asked], onDone: close, onClose: close }} />
      {dialog}
    </section>
  );
}
