/** The dialog that deletes records: what, of when, why; how many that are; and their number typed before it runs. */

import { Button, Modal, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { Link } from "react-router";
import { QueryField } from "../../components/editor/QueryField.tsx";
import { ApiError } from "../../core/api/errors.ts";
import type { DeletionRequest } from "../../core/api/lifecycle.ts";
import { confirms } from "../../core/lifecycle/days.ts";
import { t } from "../../core/text.ts";
import { toast } from "../../core/toasts.ts";
import { useBackend } from "../../hooks/useApi.tsx";
import { usePagePath } from "../../hooks/usePagePath.ts";
import styles from "./DataPage.module.css";

function Problem({ error }: { error: Error | null }): ReactNode {
  return (
    error && (
      <p className={styles.error} role="alert">
        <strong>{t.data.deletions.failed}.</strong> {error.message} {error instanceof ApiError && error.hint}
      </p>
    )
  );
}

function Form({ onClose }: { onClose(): void }): ReactNode {
  const { api, client } = useBackend();
  const to = usePagePath();
  const [query, setQuery] = useState("");
  const [from, setFrom] = useState("");
  const [until, setUntil] = useState("");
  const [reason, setReason] = useState("");
  const [typed, setTyped] = useState("");
  const [tried, setTried] = useState(false);
  const wanted = (): DeletionRequest => ({
    query: query.trim(),
    ...(from.trim() && { from: from.trim() }),
    ...(until.trim() && { to: until.trim() }),
    reason: reason.trim(),
  });
  const count = useMutation({
    mutationFn: async () => {
      const request = wanted();
      return { request, found: await api.deleteRecords({ ...request, dry_run: true }) };
    },
  });
  const remove = useMutation({
    // What was counted is what is deleted, and its bounds are those that were shown.
    mutationFn: () => {
      const counted = count.data;
      if (!counted) throw new Error(t.data.deletions.failed);
      const { from: start, to: end } = counted.found;
      return api.deleteRecords({
        ...counted.request,
        reason: reason.trim(),
        ...(start && { from: start }),
        ...(end && { to: end }),
      });
    },
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ["deletions"] });
      void client.invalidateQueries({ queryKey: ["audit"] });
      void client.invalidateQueries({ queryKey: ["logs"] });
      toast(t.data.deletions.begun);
      onClose();
    },
  });
  /** Another question needs another count. */
  const edit =
    (set: (text: string) => void) =>
    (text: string): void => {
      set(text);
      setTyped("");
      count.reset();
      remove.reset();
    };
  const onCount = (): void => {
    setTried(true);
    if (query.trim() !== "") count.mutate();
  };
  const records = count.data?.found.records;
  const sure = records !== undefined && records > 0 && confirms(typed, records);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (records === undefined) onCount();
    else if (sure) remove.mutate();
  };
  const range: Record<string, string> = { q: query.trim(), from: from.trim() || "0", to: until.trim() || "now" };
  return (
    <form className={styles.form} onSubmit={submit} noValidate>
      <QueryField
        label={t.data.deletions.query}
        hint={t.data.deletions.queryHint}
        value={query}
        error={tried && query.trim() === "" ? t.data.deletions.needQuery : undefined}
        onChange={(text) => text !== query && edit(setQuery)(text)}
        onRun={onCount}
      />
      <div className={styles.pair}>
        <TextInput
          label={t.data.deletions.from}
          description={t.data.deletions.rangeHelp}
          placeholder={t.data.deletions.timeHint}
          size="xs"
          value={from}
          onChange={(event) => edit(setFrom)(event.currentTarget.value)}
        />
        <TextInput
          label={t.data.deletions.to}
          description={t.data.deletions.rangeHelp}
          placeholder={t.data.deletions.timeHint}
          size="xs"
          value={until}
          onChange={(event) => edit(setUntil)(event.currentTarget.value)}
        />
      </div>
      <TextInput
        label={t.data.deletions.reason}
        description={t.data.deletions.reasonHelp}
        size="xs"
        maxLength={1000}
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
      />
      <div className={styles.bar}>
        <Button size="xs" variant="default" loading={count.isPending} onClick={onCount}>
          {t.data.deletions.count}
        </Button>
        <span role="status" data-testid="deletion-count">
          {count.isPending && t.data.deletions.counting}
          {records === 0 && t.data.deletions.nothing}
          {records !== undefined && records > 0 && (
            <>
              <strong>{t.data.deletions.matches(records)}</strong>{" "}
              <Link to={to("/logs", range)}>{t.data.deletions.show}</Link>
            </>
          )}
        </span>
      </div>
      {records !== undefined && records > 0 && (
        <div className={styles.confirm}>
          <p>{t.data.deletions.confirmHelp(records)}</p>
          <TextInput
            size="xs"
            label={t.data.deletions.confirmType(records)}
            value={typed}
            inputMode="numeric"
            autoComplete="off"
            onChange={(event) => setTyped(event.currentTarget.value)}
          />
        </div>
      )}
      <Problem error={count.error ?? remove.error} />
      <div className={styles.actions}>
        <Button size="xs" variant="default" onClick={onClose}>
          {t.data.deletions.cancel}
        </Button>
        <Button size="xs" type="submit" color="red.9" disabled={!sure} loading={remove.isPending}>
          {t.data.deletions.confirm}
        </Button>
      </div>
    </form>
  );
}

export function DeleteRecords({ opened, onClose }: { opened: boolean; onClose(): void }): ReactNode {
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      size="lg"
      title={t.data.deletions.new}
      closeButtonProps={{ "aria-label": t.close }}
    >
      <Form onClose={onClose} />
    </Modal>
  );
}
