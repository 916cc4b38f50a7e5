/** Runs what lets somebody in or locks somebody out; when the server asks who is at the keyboard, a dialog does. */
import { Button, PasswordInput, SegmentedControl, TextInput } from "@mantine/core";
import { type FormEvent, type ReactNode, useCallback, useState } from "react";
import { ApiError } from "../../core/api/errors.ts";
import type { Confirmation } from "../../core/api/security.ts";
import { s } from "../../core/securityText.ts";
import { Dialog, Problem, styles } from "./parts.tsx";

export const CONFIRMATION_REQUIRED = "confirmation_required";

interface Asked {
  retry(confirmation: Confirmation): Promise<void>;
  cancel(): void;
}

/** Asking was given up. */
export class NotConfirmed extends Error {}

function Form({ asked, hasPassword }: { asked: Asked; hasPassword: boolean }): ReactNode {
  const [by, setBy] = useState<"password" | "code">(hasPassword ? "password" : "code");
  const [value, setValue] = useState("");
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (value.trim() === "") return;
    setBusy(true);
    setError(null);
    try {
      await asked.retry(by === "password" ? { password: value } : { code: value.trim() });
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  };
  const field = {
    value,
    onChange: (event: { currentTarget: { value: string } }) => setValue(event.currentTarget.value),
  };
  return (
    <form className={styles.form} onSubmit={(event) => void submit(event)}>
      <p>{s.confirm.help}</p>
      {hasPassword && (
        <SegmentedControl
          size="xs"
          aria-label={s.confirm.with}
          value={by}
          data={[
            { value: "password", label: s.confirm.password },
            { value: "code", label: s.confirm.code },
          ]}
          onChange={(next) => {
            setBy(next as "password" | "code");
            setValue("");
          }}
        />
      )}
      {by === "password" ? (
        <PasswordInput data-autofocus label={s.confirm.password} autoComplete="current-password" {...field} />
      ) : (
        <TextInput data-autofocus label={s.confirm.code} autoComplete="one-time-code" {...field} />
      )}
      <Problem error={error} />
      <div className={styles.actions}>
        <Button variant="default" onClick={asked.cancel}>
          {s.cancel}
        </Button>
        <Button type="submit" loading={busy}>
          {s.confirm.submit}
        </Button>
      </div>
    </form>
  );
}

/** The function that runs an action, and the dialog to be shown beside it. Rejects with `NotConfirmed` when given up. */
export function useConfirmed(
  hasPassword: boolean,
): [<T>(action: (confirmation: Confirmation) => Promise<T>) => Promise<T>, ReactNode] {
  const [asked, setAsked] = useState<Asked | null>(null);
  const run = useCallback(async <T,>(action: (confirmation: Confirmation) => Promise<T>): Promise<T> => {
    try {
      return await action({});
    } catch (error) {
      if (!(error instanceof ApiError && error.code === CONFIRMATION_REQUIRED)) throw error;
    }
    return new Promise<T>((resolve, reject) => {
      setAsked({
        retry: async (confirmation) => {
          const result = await action(confirmation);
          setAsked(null);
          resolve(result);
        },
        cancel: () => {
          setAsked(null);
          reject(new NotConfirmed());
        },
      });
    });
  }, []);
  const dialog = (
    <Dialog opened={asked !== null} onClose={() => asked?.cancel()} title={s.confirm.title}>
      {asked && <Form asked={asked} hasPassword={hasPassword} />}
    </Dialog>
  );
  return [run, dialog];
}
