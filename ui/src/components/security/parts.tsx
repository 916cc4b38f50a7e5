/** Small parts that the pages of the settings and the profile share. */
import { Button, Modal, TextInput } from "@mantine/core";
import { IconChevronLeft, IconChevronRight, IconSearch } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { ApiError } from "../../core/api/errors.ts";
import type { RoleIn } from "../../core/api/security.ts";
import { type Paged, paged } from "../../core/security/paging.ts";
import { rolesInOrder } from "../../core/security/roles.ts";
import { s } from "../../core/securityText.ts";
import { t } from "../../core/text.ts";
import { formatAge, formatInstant } from "../../core/time/format.ts";
import { fromMs } from "../../core/time/instant.ts";
import { useApi } from "../../hooks/useApi.tsx";
import { usePrefs } from "../../hooks/usePrefs.ts";
import { CopyTextButton } from "../common/CopyButton.tsx";
import { IconButton } from "../common/IconButton.tsx";
import styles from "./Admin.module.css";

export { styles };

/** An age with the time on hover; `exact` the other way round. */
export function When({ text, none = "", exact }: { text: string; none?: string; exact?: boolean }): ReactNode {
  const { zone } = usePrefs();
  const api = useApi();
  const ms = Date.parse(text);
  if (text === "" || Number.isNaN(ms)) return none;
  const at = fromMs(ms);
  const age = formatAge(at, fromMs(api.now()));
  const time = formatInstant(at, zone, 0);
  return (
    <time className={styles.time} dateTime={text} title={exact ? age : time}>
      {exact ? time : age}
    </time>
  );
}

/** What went wrong, in the server's words. */
export function Problem({ error, title }: { error: unknown; title?: string }): ReactNode {
  if (!error) return null;
  const hint = error instanceof ApiError ? error.hint : "";
  return (
    <p className={styles.error} role="alert">
      {title && <strong>{title}. </strong>}
      {error instanceof Error ? error.message : String(error)} {hint}
    </p>
  );
}

/** A secret that is shown this once. */
export function SecretOnce({ secret, testId = "secret" }: { secret: string; testId?: string }): ReactNode {
  return (
    <div className={styles.secret}>
      <code data-testid={testId}>{secret}</code>
      <CopyTextButton text={secret} />
    </div>
  );
}

export function RoleChips({ roles, none = s.roles.none }: { roles: readonly RoleIn[]; none?: string }): ReactNode {
  if (roles.length === 0) return <span className={styles.quiet}>{none}</span>;
  const all = rolesInOrder(roles);
  const shown = all.slice(0, 6);
  return (
    <span className={styles.chips}>
      {shown.map((entry) => (
        <span key={`${entry.role} ${entry.tenant}`} className={styles.chip}>
          {s.roleIn(entry.role, entry.tenant)}
        </span>
      ))}
      {all.length > shown.length && <span className={styles.chip}>+{all.length - shown.length}</span>}
    </span>
  );
}

export function FindField({
  value,
  label,
  hint,
  onChange,
}: {
  value: string;
  label: string;
  hint?: string;
  onChange(text: string): void;
}): ReactNode {
  return (
    <TextInput
      size="xs"
      w={260}
      aria-label={label}
      placeholder={hint ?? label}
      leftSection={<IconSearch size={14} />}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}

/** One page of a long list; back to the first when the list becomes another one (`key` of the words). */
export function usePaged<T>(entries: readonly T[], words: string): Paged<T> & { setPage(page: number): void } {
  const [state, setState] = useState({ page: 0, words });
  const wanted = state.words === words ? state.page : 0;
  return { ...paged(entries, wanted), setPage: (page) => setState({ page, words }) };
}

export function Pager({
  page,
  pages,
  setPage,
}: {
  page: number;
  pages: number;
  setPage(page: number): void;
}): ReactNode {
  if (pages < 2) return null;
  return (
    <div className={styles.pager}>
      <IconButton label={s.earlier} disabled={page === 0} onClick={() => setPage(page - 1)}>
        <IconChevronLeft size={16} />
      </IconButton>
      <span role="status">{s.page(page + 1, pages)}</span>
      <IconButton label={s.later} disabled={page >= pages - 1} onClick={() => setPage(page + 1)}>
        <IconChevronRight size={16} />
      </IconButton>
    </div>
  );
}

interface ConfirmProps {
  title: string;
  help: ReactNode;
  /** What has to be typed. */
  word: string;
  action: string;
  run(): Promise<unknown>;
  onDone(): void;
  onClose(): void;
}

function ConfirmForm({ help, word, action, run, onDone, onClose }: ConfirmProps): ReactNode {
  const [typed, setTyped] = useState("");
  const act = useMutation({ mutationFn: run, onSuccess: onDone });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (typed === word) act.mutate();
  };
  return (
    <form className={styles.form} onSubmit={submit}>
      <p>{help}</p>
      <TextInput
        data-autofocus
        label={s.type(word)}
        value={typed}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => setTyped(event.currentTarget.value)}
      />
      <Problem error={act.error} />
      <div className={styles.actions}>
        <Button variant="default" onClick={onClose}>
          {s.cancel}
        </Button>
        <Button type="submit" color="red.9" disabled={typed !== word} loading={act.isPending}>
          {action}
        </Button>
      </div>
    </form>
  );
}

/** The dialog of what cannot be undone: a word has to be typed. Closed without one. */
export function ConfirmTyped({ asked }: { asked: ConfirmProps | null }): ReactNode {
  return (
    <Dialog opened={asked !== null} onClose={() => asked?.onClose()} title={asked?.title ?? ""}>
      {asked && <ConfirmForm {...asked} />}
    </Dialog>
  );
}

export function Dialog({
  opened,
  title,
  size,
  onClose,
  children,
}: {
  opened: boolean;
  title: string;
  size?: string | number;
  onClose(): void;
  children: ReactNode;
}): ReactNode {
  return (
    <Modal opened={opened} onClose={onClose} title={title} size={size} closeButtonProps={{ "aria-label": t.close }}>
      {children}
    </Modal>
  );
}
