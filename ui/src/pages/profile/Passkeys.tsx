/** Passkeys: adding one, and removing one. */

import { Button, TextInput } from "@mantine/core";
import { IconFingerprint } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { ConfirmTyped, Dialog, Problem, styles, When } from "../../components/security/parts.tsx";
import { RecoveryCodes } from "../../components/security/Totp.tsx";
import { NotConfirmed, useConfirmed } from "../../components/security/useConfirmed.tsx";
import type { PasskeyInfo, Profile } from "../../core/api/security.ts";
import { makePasskey, PasskeyError, passkeysWork } from "../../core/security/webauthn.ts";
import { s } from "../../core/securityText.ts";
import { toast } from "../../core/toasts.ts";
import { useApi } from "../../hooks/useApi.tsx";
import { useLoginOptions, useProfileChanged } from "../../hooks/useProfile.ts";
import own from "./ProfilePage.module.css";

const text = s.profile;

export function Passkeys({ profile }: { profile: Profile }): ReactNode {
  const api = useApi();
  const changed = useProfileChanged();
  const [run, dialog] = useConfirmed(profile.has_password);
  const [adding, setAdding] = useState(false);
  const [name, setName] = useState("");
  const [tried, setTried] = useState(false);
  const [codes, setCodes] = useState<string[] | null>(null);
  const [removing, setRemoving] = useState<PasskeyInfo | null>(null);
  const add = useMutation({
    mutationFn: async () => {
      const begun = await run((confirmation) => api.beginPasskey(confirmation));
      const credential = await makePasskey(begun.options);
      return api.finishPasskey({ token: begun.token, credential, name: name.trim() });
    },
    onSuccess: (added) => {
      setAdding(false);
      changed();
      toast(text.passkeyAdded);
      if (added.recovery_codes.length > 0) setCodes(added.recovery_codes);
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setTried(true);
    if (name.trim() !== "") add.mutate();
  };
  const open = (): void => {
    setName("");
    setTried(false);
    add.reset();
    setAdding(true);
  };
  const remove = async (key: PasskeyInfo): Promise<void> => {
    try {
      await run((confirmation) => api.removePasskey(key.id, confirmation));
      changed();
    } catch (failure) {
      if (!(failure instanceof NotConfirmed)) throw failure;
    }
  };
  const options = useLoginOptions().data;
  const possible = passkeysWork() && options?.passkeys !== false;
  const storedCodes = (): void => {
    setCodes(null);
    changed();
  };
  return (
    <section className={own.card} aria-labelledby="profile-passkeys">
      <div className={own.row}>
        <div className={own.label}>
          <h2 id="profile-passkeys">{text.passkeys}</h2>
          <span className={styles.sub}>
            {possible ? text.passkeysHelp : options?.passkeys_reason || text.passkeysImpossible}
          </span>
        </div>
        {possible && (
          <Button size="xs" variant="default" leftSection={<IconFingerprint size={14} />} onClick={open}>
            {text.addPasskey}
          </Button>
        )}
      </div>
      {profile.passkeys.length === 0 ? (
        <p className={styles.quiet}>{text.noPasskeys}</p>
      ) : (
        <ul className={styles.list}>
          {profile.passkeys.map((key) => (
            <li key={key.id} className={styles.item} data-testid="passkey">
              <div className={styles.grow}>
                {key.name}
                <span className={styles.sub}>
                  {s.created} <When text={key.created_at} /> · {text.lastUsed}{" "}
                  <When text={key.last_used} none={s.never} />
                </span>
              </div>
              <Button
                size="compact-xs"
                variant="default"
                aria-label={text.removePasskey(key.name)}
                onClick={() => setRemoving(key)}
              >
                {s.remove}
              </Button>
            </li>
          ))}
        </ul>
      )}
      <Dialog opened={adding} onClose={() => setAdding(false)} title={text.addPasskey}>
        <form className={styles.form} onSubmit={submit}>
          <TextInput
            data-autofocus
            label={text.passkeyName}
            placeholder={text.passkeyNameHint}
            value={name}
            maxLength={100}
            onChange={(event) => setName(event.currentTarget.value)}
            error={tried && name.trim() === "" ? text.needName : undefined}
          />
          {add.error instanceof PasskeyError ? (
            <p className={styles.error} role="alert">
              {s.passkeyFailures[add.error.kind]}
            </p>
          ) : (
            !(add.error instanceof NotConfirmed) && <Problem error={add.error} />
          )}
          <div className={styles.actions}>
            <Button variant="default" onClick={() => setAdding(false)}>
              {s.cancel}
            </Button>
            <Button type="submit" loading={add.isPending}>
              {s.add}
            </Button>
          </div>
        </form>
      </Dialog>
      <Dialog opened={codes !== null} onClose={storedCodes} title={text.recovery}>
        {codes && <RecoveryCodes codes={codes} onDone={storedCodes} />}
      </Dialog>
      <ConfirmTyped
        asked={
          removing && {
            title: text.removePasskey(removing.name),
            help: text.removePasskeyHelp,
            word: removing.name,
            action: s.remove,
            run: () => remove(removing),
            onDone: () => setRemoving(null),
            onClose: () => setRemoving(null),
          }
        }
      />
      {dialog}
    </section>
  );
}
