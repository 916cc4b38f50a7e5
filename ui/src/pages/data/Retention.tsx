/** How long records are kept: rules in order, and the days of all others. */

import { Button, TextInput } from "@mantine/core";
import { IconPlus, IconX } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { IconButton } from "../../components/common/IconButton.tsx";
import { Skeleton } from "../../components/common/State.tsx";
import { SortableList } from "../../components/dnd/SortableList.tsx";
import { QueryField } from "../../components/editor/QueryField.tsx";
import { ApiError } from "../../core/api/errors.ts";
import type { RetentionAnswer } from "../../core/api/lifecycle.ts";
import { readDays } from "../../core/lifecycle/days.ts";
import { moved } from "../../core/pipelines/draft.ts";
import { t } from "../../core/text.ts";
import { toast } from "../../core/toasts.ts";
import { useBackend } from "../../hooks/useApi.tsx";
import { useRetention } from "../../hooks/useLifecycle.ts";
import { usePermission } from "../../hooks/useSession.ts";
import styles from "./DataPage.module.css";
import { Refused } from "./Refused.tsx";

interface Rule {
  key: string;
  query: string;
  days: string;
}

let keys = 0;

function ruleOf(query = "", days = ""): Rule {
  keys += 1;
  return { key: `r${keys}`, query, days };
}

interface Policy {
  rules: Rule[];
  days: string;
}

function policyOf(answer: RetentionAnswer): Policy {
  return {
    rules: answer.rules.map((rule) => ruleOf(rule.query, String(rule.days))),
    days: answer.days === null ? "" : String(answer.days),
  };
}

function meaning({ rules, days }: Policy): string {
  return JSON.stringify([rules.map((rule) => [rule.query.trim(), rule.days.trim()]), days.trim()]);
}

function Form({ answer }: { answer: RetentionAnswer }): ReactNode {
  const { api, client, tenant } = useBackend();
  const mayWrite = usePermission("retention:write");
  const [base, setBase] = useState(() => policyOf(answer));
  const [policy, setPolicy] = useState(base);
  const [tried, setTried] = useState(false);
  const { rules } = policy;
  const others = readDays(policy.days);
  const sound =
    others !== undefined && rules.every((rule) => rule.query.trim() !== "" && typeof readDays(rule.days) === "number");
  const dirty = meaning(policy) !== meaning(base);
  const save = useMutation({
    mutationFn: () =>
      api.saveRetention({
        rules: rules.map((rule) => ({ query: rule.query.trim(), days: readDays(rule.days) ?? 0 })),
        days: others ?? null,
      }),
    onSuccess: (next) => {
      client.setQueryData(["retention", tenant.current], next);
      void client.invalidateQueries({ queryKey: ["audit"] });
      setBase(policy);
      setTried(false);
      toast(t.data.retention.saved);
    },
  });
  const edit = (next: Partial<Policy>): void => {
    save.reset();
    setPolicy({ ...policy, ...next });
  };
  const change = (key: string, next: Partial<Rule>): void =>
    edit({ rules: rules.map((rule) => (rule.key === key ? { ...rule, ...next } : rule)) });
  const onSave = (): void => {
    setTried(true);
    if (sound) save.mutate();
  };
  const badDays = (text: string, needed: boolean): string | undefined => {
    const days = readDays(text);
    return days === undefined || (needed && days === null && tried) ? t.data.retention.badDays : undefined;
  };
  return (
    <>
      {rules.length === 0 && <p className={styles.quiet}>{t.data.retention.none}</p>}
      <fieldset className={styles.rules} disabled={!mayWrite}>
        <legend className="visually-hidden">{t.data.retention.rules}</legend>
        <SortableList
          items={rules}
          label={t.data.retention.rules}
          nameOf={(rule) => t.data.retention.rule(rules.indexOf(rule) + 1)}
          onMove={(from, to) => edit({ rules: moved(rules, from, to) })}
        >
          {(rule, index, handle) => (
            <div className={styles.rule} data-testid="retention-rule">
              {handle}
              <div className={styles.grow}>
                <QueryField
                  hideLabel
                  label={t.data.retention.query(index + 1)}
                  hint={t.data.retention.queryHint}
                  value={rule.query}
                  disabled={!mayWrite}
                  error={tried && rule.query.trim() === "" ? t.data.retention.needQuery : undefined}
                  onChange={(query) => query !== rule.query && change(rule.key, { query })}
                />
              </div>
              <TextInput
                size="xs"
                w={96}
                inputMode="numeric"
                aria-label={t.data.retention.ruleDays(index + 1)}
                placeholder={t.data.retention.days}
                title={t.data.retention.daysHelp}
                rightSection={<span className={styles.unit}>d</span>}
                value={rule.days}
                onChange={(event) => change(rule.key, { days: event.currentTarget.value })}
                error={badDays(rule.days, true)}
              />
              {mayWrite && (
                <IconButton
                  label={t.data.retention.remove(index + 1)}
                  onClick={() => edit({ rules: rules.filter((entry) => entry.key !== rule.key) })}
                >
                  <IconX size={14} />
                </IconButton>
              )}
            </div>
          )}
        </SortableList>
        {mayWrite && (
          <div>
            <Button
              size="compact-xs"
              variant="subtle"
              leftSection={<IconPlus size={14} />}
              onClick={() => edit({ rules: [...rules, ruleOf()] })}
            >
              {t.data.retention.add}
            </Button>
          </div>
        )}
        <TextInput
          size="xs"
          className={styles.others}
          label={t.data.retention.others}
          description={`${t.data.retention.othersHelp(t.data.days(answer.default_days))} ${t.data.retention.daysHelp}`}
          placeholder={String(answer.default_days)}
          rightSection={<span className={styles.unit}>d</span>}
          inputMode="numeric"
          value={policy.days}
          onChange={(event) => edit({ days: event.currentTarget.value })}
          error={badDays(policy.days, false)}
        />
      </fieldset>
      {save.error && (
        <p className={styles.error} role="alert" data-testid="retention-problem">
          <strong>{t.data.retention.failed}.</strong> {save.error.message}{" "}
          {save.error instanceof ApiError && save.error.hint}
        </p>
      )}
      <div className={styles.bar}>
        {mayWrite && (
          <>
            <Button size="xs" disabled={!dirty} loading={save.isPending} onClick={onSave}>
              {t.data.retention.save}
            </Button>
            <Button size="xs" variant="default" disabled={!dirty} onClick={() => edit(base)}>
              {t.data.retention.discard}
            </Button>
          </>
        )}
        <span className={styles.quiet} role="status" data-testid="retention-progress">
          {dirty
            ? t.data.retention.shorter
            : answer.applying
              ? t.data.retention.applying(answer.parts_left)
              : t.data.retention.applied}
        </span>
      </div>
    </>
  );
}

export function Retention(): ReactNode {
  const retention = useRetention(true);
  return (
    <section className={styles.section} aria-labelledby="retention-title">
      <h2 id="retention-title">{t.data.retention.title}</h2>
      <p className={styles.quiet}>{t.data.retention.help}</p>
      {retention.isPending && <Skeleton rows={3} />}
      {retention.isError && (
        <Refused error={retention.error} permission="retention:read" onRetry={() => void retention.refetch()} />
      )}
      {retention.data && <Form answer={retention.data} />}
    </section>
  );
}
