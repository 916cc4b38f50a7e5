/** The audit log: newest first, filtered in the page. */
import { Button, TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { type ReactNode, useMemo, useState } from "react";
import { Skeleton } from "../../components/common/State.tsx";
import { detailText, matching } from "../../core/lifecycle/audit.ts";
import { t } from "../../core/text.ts";
import { useAudit } from "../../hooks/useLifecycle.ts";
import styles from "./DataPage.module.css";
import { Moment } from "./Moment.tsx";
import { Refused } from "./Refused.tsx";

const STEPS = [200, 1000, 10_000];

export function Audit(): ReactNode {
  const [step, setStep] = useState(0);
  const [words, setWords] = useState("");
  const limit = STEPS[step] ?? 200;
  const audit = useAudit(limit, true);
  const entries = audit.data;
  const shown = useMemo(() => matching(entries ?? [], words), [entries, words]);
  return (
    <section className={styles.section} aria-labelledby="audit-title">
      <div className={styles.head}>
        <div>
          <h2 id="audit-title">{t.data.audit.title}</h2>
          <p className={styles.quiet}>{t.data.audit.help}</p>
        </div>
        <TextInput
          size="xs"
          w={260}
          aria-label={t.data.audit.filter}
          placeholder={t.data.audit.filterHint}
          leftSection={<IconSearch size={14} />}
          value={words}
          onChange={(event) => setWords(event.currentTarget.value)}
        />
      </div>
      {audit.isPending && <Skeleton rows={5} />}
      {audit.isError && <Refused error={audit.error} permission="audit:read" onRetry={() => void audit.refetch()} />}
      {entries?.length === 0 && <p className={styles.quiet}>{t.data.audit.none}</p>}
      {entries && entries.length > 0 && (
        <>
          <p className={styles.quiet} role="status" data-testid="audit-count">
            {shown.length === 0 ? t.data.audit.noMatch : t.data.audit.shown(shown.length, entries.length)}
          </p>
          {shown.length > 0 && (
            // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard
            <section className={`${styles.box} ${styles.tall}`} aria-label={t.data.audit.list} tabIndex={0}>
              <table className={styles.table}>
                <thead>
                  <tr>
                    <th scope="col">{t.data.audit.at}</th>
                    <th scope="col">{t.data.audit.who}</th>
                    <th scope="col">{t.data.audit.action}</th>
                    <th scope="col">{t.data.audit.subject}</th>
                    <th scope="col">{t.data.audit.details}</th>
                  </tr>
                </thead>
                <tbody>
                  {shown.slice(0, 1000).map((entry, index) => (
                    <tr key={`${entry.at} ${index}`} data-testid="audit-entry">
                      <td>
                        <Moment text={entry.at} />
                      </td>
                      <td>{entry.who}</td>
                      <td>
                        <code className={styles.action}>{entry.action}</code>
                      </td>
                      <td className={styles.words}>{entry.subject}</td>
                      <td className={styles.words}>{detailText(entry)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </section>
          )}
          {entries.length >= limit && step < STEPS.length - 1 && (
            <div>
              <Button size="xs" variant="default" loading={audit.isFetching} onClick={() => setStep(step + 1)}>
                {t.data.audit.more}
              </Button>
            </div>
          )}
        </>
      )}
    </section>
  );
}
