/** Fields of a new password: typed twice, after the current one where that is asked for. */
import { Button, PasswordInput, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { s } from "../../core/securityText.ts";
import { Problem, styles } from "./parts.tsx";

interface Props {
  /** For password managers: whose password this is. Unknown when it comes by a link. */
  username: string;
  withCurrent: boolean;
  submit: string;
  save(current: string, next: string): Promise<unknown>;
  onDone(): void;
}

export function NewPassword({ username, withCurrent, submit, save, onDone }: Props): ReactNode {
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const [again, setAgain] = useState("");
  const [tried, setTried] = useState(false);
  const change = useMutation({
    mutationFn: () => save(current, next),
    onSuccess: () => {
      setCurrent("");
      setNext("");
      setAgain("");
      setTried(false);
      onDone();
    },
  });
  const lacksCurrent = withCurrent && current === "";
  const onSubmit = (event: FormEvent): void => {
    event.preventDefault();
    setTried(true);
    if (!lacksCurrent && next !== "" && next === again) change.mutate();
  };
  return (
    <form className={styles.form} onSubmit={onSubmit} noValidate>
      {username && (
        <TextInput
          className="visually-hidden"
          aria-hidden
          tabIndex={-1}
          autoComplete="username"
          value={username}
          readOnly
        />
      )}
      {withCurrent && (
        <PasswordInput
          label={s.password.current}
          value={current}
          autoComplete="current-password"
          onChange={(event) => setCurrent(event.currentTarget.value)}
          error={tried && lacksCurrent ? s.password.needCurrent : undefined}
        />
      )}
      <PasswordInput
        label={s.password.new}
        description={s.password.hint}
        value={next}
        autoComplete="new-password"
        onChange={(event) => setNext(event.currentTarget.value)}
        error={tried && next === "" ? s.password.empty : undefined}
      />
      <PasswordInput
        label={s.password.repeat}
        value={again}
        autoComplete="new-password"
        onChange={(event) => setAgain(event.currentTarget.value)}
        error={tried && next !== "" && next !== again ? s.password.differ : undefined}
      />
      <Problem error={change.error} />
      <div className={styles.actions}>
        <Button type="submit" loading={change.isPending}>
          {submit}
        </Button>
      </div>
    </form>
  );
}
