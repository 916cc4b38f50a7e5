/** Deleting records for good: counted first, confirmed by typing their number, then followed until the disk is clean. */
import { Button } from "@mantine/core";
import { IconTrash } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";
import { Skeleton } from "../../components/common/State.tsx";
import type { Deletion } from "../../core/api/lifecycle.ts";
import { formatCount } from "../../core/format.ts";
import { t } from "../../core/text.ts";
import { formatInstant } from "../../core/time/format.ts";
import { fromNsText } from "../../core/time/instant.ts";
import { useDeletions } from "../../hooks/useLifecycle.ts";
import { usePrefs } from "../../hooks/usePrefs.ts";
import styles from "./DataPage.module.css";
import { DeleteRecords } from "./DeleteRecords.tsx";
import { Moment } from "./Moment.tsx";
import { Refused } from "./Refused.tsx";

function Range({ deletion }: { deletion: Deletion }): ReactNode {
  const { zone } = usePrefs();
  if (deletion.from === "" && deletion.to === "") return t.data.deletions.allTime;
  const side = (text: string, none: string): string => (text === "" ? none : formatInstant(fromNsText(text), zone, 0));
  return t.data.deletions.between(side(deletion.from, t.data.deletions.start), side(deletion.to, t.data.deletions.end));
}

function State({ deletion }: { deletion: Deletion }): ReactNode {
  const { state, parts_total: total, parts_left: left } = deletion;
  const busy = state === "running" || state === "verifying";
  return (
    <>
      <span className={styles.state} data-state={state} data-testid="deletion-state">
        {t.data.deletions.states[state]}
      </span>
      {busy && total > 0 && (
        <>
          <progress
            className={styles.progress}
            max={total}
            value={total - left}
            aria-label={t.data.deletions.progressOf(deletion.query)}
          />
          <span className={styles.quiet}>{t.data.deletions.progress(total - left, total)}</span>
        </>
      )}
      {deletion.error && <p className={styles.error}>{deletion.error}</p>}
    </>
  );
}

export function Deletions(): ReactNode {
  const deletions = useDeletions(true);
  const [open, setOpen] = useState(false);
  const list = deletions.data ?? [];
  return (
    <section className={styles.section} aria-labelledby="deletions-title">
      <div className={styles.head}>
        <div>
          <h2 id="deletions-title">{t.data.deletions.title}</h2>
          <p className={styles.quiet}>{t.data.deletions.help}</p>
        </div>
        {!deletions.isError && (
          <Button size="xs" variant="default" leftSection={<IconTrash size={14} />} onClick={() => setOpen(true)}>
            {t.data.deletions.new}
          </Button>
        )}
      </div>
      {deletions.isPending && <Skeleton rows={3} />}
      {deletions.isError && (
        <Refused error={deletions.error} permission="logs:delete" onRetry={() => void deletions.refetch()} />
      )}
      {deletions.isSuccess && list.length === 0 && <p className={styles.quiet}>{t.data.deletions.none}</p>}
      {list.length > 0 && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard
        <section className={`${styles.box} ${styles.tall}`} aria-label={t.data.deletions.list} tabIndex={0}>
          <table className={styles.table}>
            <thead>
              <tr>
                <th scope="col">{t.data.deletions.when}</th>
                <th scope="col">{t.data.deletions.query}</th>
                <th scope="col" className={styles.number}>
                  {t.data.deletions.records}
                </th>
                <th scope="col">{t.data.deletions.state}</th>
                <th scope="col">{t.data.deletions.by}</th>
                <th scope="col">{t.data.deletions.reason}</th>
              </tr>
            </thead>
            <tbody>
              {list.map((deletion) => (
                <tr key={deletion.id} data-testid="deletion">
                  <td>
                    <Moment text={deletion.created_at} />
                  </td>
                  <td>
                    <code>{deletion.query}</code>
                    <div className={styles.quiet}>
                      <Range deletion={deletion} />
                    </div>
                  </td>
                  <td className={styles.number}>{formatCount(deletion.records)}</td>
                  <td>
                    <State deletion={deletion} />
                  </td>
                  <td>{deletion.requested_by}</td>
                  <td className={styles.words}>{deletion.reason}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
      <DeleteRecords opened={open} onClose={() => setOpen(false)} />
    </section>
  );
}
