/** Setting up an authenticator app: secret and QR code, a first code, then the recovery codes, shown once. */
import { Button, Checkbox, TextInput } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import type { TotpSetup } from "../../core/api/security.ts";
import { qrPath, qrSize } from "../../core/security/qr.ts";
import { s } from "../../core/securityText.ts";
import { useApi } from "../../hooks/useApi.tsx";
import { CopyIcon, CopyTextButton } from "../common/CopyButton.tsx";
import { Problem, styles } from "./parts.tsx";
import totpStyles from "./Totp.module.css";

/** Dark on light in both themes: readers want it so. */
function QrCode({ rows }: { rows: readonly string[] }): ReactNode {
  const size = qrSize(rows);
  return (
    <svg
      className={totpStyles.qr}
      viewBox={`0 0 ${size} ${size}`}
      shapeRendering="crispEdges"
      role="img"
      aria-label={s.totp.qr}
    >
      <rect width={size} height={size} fill="#fff" />
      <path d={qrPath(rows)} fill="#000" />
    </svg>
  );
}

/** Recovery codes; goes on only when somebody says that they are stored. */
export function RecoveryCodes({ codes, onDone }: { codes: readonly string[]; onDone(): void }): ReactNode {
  const [stored, setStored] = useState(false);
  const text = `${codes.join("\n")}\n`;
  const download = (): void => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    link.download = s.codes.file;
    link.click();
    URL.revokeObjectURL(link.href);
  };
  return (
    <div className={styles.form}>
      <h3>{s.codes.title}</h3>
      <p>{s.codes.help}</p>
      <ul className={totpStyles.codes} data-testid="recovery-codes">
        {codes.map((code) => (
          <li key={code}>
            <code>{code}</code>
          </li>
        ))}
      </ul>
      <div className={styles.bar}>
        <CopyTextButton text={text} label={s.codes.copy} />
        <Button size="compact-xs" variant="default" leftSection={<IconDownload size={14} />} onClick={download}>
          {s.codes.download}
        </Button>
      </div>
      <Checkbox label={s.codes.stored} checked={stored} onChange={(event) => setStored(event.currentTarget.checked)} />
      <div className={styles.actions}>
        <Button disabled={!stored} onClick={onDone}>
          {s.codes.done}
        </Button>
      </div>
    </div>
  );
}

/** `onDone` when the app is on and the recovery codes are stored. */
export function TotpForm({ setup, onDone }: { setup: TotpSetup; onDone(): void }): ReactNode {
  const api = useApi();
  const [code, setCode] = useState("");
  const confirm = useMutation({ mutationFn: () => api.confirmTotp(code.replaceAll(/\s/g, "")) });
  if (confirm.data) return <RecoveryCodes codes={confirm.data.recovery_codes} onDone={onDone} />;
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (code.trim() !== "") confirm.mutate();
  };
  return (
    <form className={styles.form} onSubmit={submit}>
      <div className={totpStyles.setup}>
        <p>{s.totp.scan}</p>
        <QrCode rows={setup.qr} />
        <p>{s.totp.secret}</p>
        <div className={totpStyles.secret}>
          <code data-testid="totp-secret">{setup.secret.replace(/.{4}(?=.)/g, "$& ")}</code>
          <CopyIcon text={setup.secret} />
        </div>
      </div>
      <TextInput
        data-autofocus
        label={s.totp.code}
        value={code}
        inputMode="numeric"
        autoComplete="one-time-code"
        maxLength={12}
        onChange={(event) => setCode(event.currentTarget.value)}
      />
      <Problem error={confirm.error} />
      <div className={styles.actions}>
        <Button type="submit" loading={confirm.isPending}>
          {s.totp.confirm}
        </Button>
      </div>
    </form>
  );
}
