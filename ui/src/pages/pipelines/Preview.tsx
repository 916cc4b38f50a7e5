/** What the pipelines would do to the newest stored records: a list of them, and one of them step by step. */
import type { UseQueryResult } from "@tanstack/react-query";
import { type KeyboardEvent, type ReactNode, useState } from "react";
import { Marked } from "../../components/common/Marked.tsx";
import { ErrorState, NoPermission, Skeleton, State } from "../../components/common/State.tsx";
import { QueryField } from "../../components/editor/QueryField.tsx";
import { ApiError } from "../../core/api/errors.ts";
import type { Outcome, PreviewAnswer, Processor } from "../../core/api/pipelines.ts";
import { formatCount } from "../../core/format.ts";
import { oneLine } from "../../core/logs/records.ts";
import type { Draft } from "../../core/pipelines/draft.ts";
import { outcomeOf, tally } from "../../core/pipelines/preview.ts";
import { t } from "../../core/text.ts";
import { formatClock } from "../../core/time/format.ts";
import { fromNsText } from "../../core/time/instant.ts";
import { usePrefs } from "../../hooks/usePrefs.ts";
import styles from "./Preview.module.css";
import { Trial } from "./Trial.tsx";
import type { Choice } from "./useWorkbench.ts";

const OUTCOMES: readonly Outcome[] = ["changed", "dropped", "routed", "failed", "unchanged"];

interface Props {
  query: string;
  onQuery(query: string): void;
  /** There is nothing to try. */
  empty: boolean;
  answer: UseQueryResult<PreviewAnswer>;
  /** The mistake is shown at its step already. */
  placed: boolean;
  stale: boolean;
  processors: readonly Processor[];
  draft: Draft;
  onChoose(choice: Choice): void;
}

function Records({
  answer,
  processors,
  draft,
  onChoose,
}: Omit<Props, "answer"> & { answer: PreviewAnswer }): ReactNode {
  const { zone } = usePrefs();
  const [wanted, setWanted] = useState(0);
  const { records } = answer;
  const at = Math.min(wanted, records.length - 1);
  const record = records[at];
  const counts = tally(records);
  if (!record) return <State title={t.pipelines.preview.none}>{t.pipelines.preview.noneHelp}</State>;
  const onKey = (event: KeyboardEvent): void => {
    const by = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (by === 0 || event.altKey) return;
    event.preventDefault();
    setWanted(Math.max(0, Math.min(records.length - 1, at + by)));
  };
  return (
    <>
      <div className={styles.tally} data-testid="preview-tally">
        {OUTCOMES.filter((outcome) => counts[outcome] > 0).map((outcome) => (
          <span key={outcome} className={styles.outcome} data-outcome={outcome}>
            {formatCount(counts[outcome])} {t.pipelines.preview.outcome[outcome]}
          </span>
        ))}
      </div>
      <div
        className={styles.records}
        role="listbox"
        tabIndex={0}
        aria-label={t.pipelines.preview.records}
        aria-activedescendant={`tried-${at}`}
        onKeyDown={onKey}
      >
        {records.map((entry, index) => {
          const outcome = outcomeOf(entry);
          return (
            <div
              key={entry.before.id}
              id={`tried-${index}`}
              className={styles.record}
              role="option"
              aria-selected={index === at}
              data-testid="preview-record"
              data-outcome={outcome}
              onClick={() => setWanted(index)}
              onKeyDown={undefined}
            >
              <time>{formatClock(fromNsText(entry.before.timestamp), zone, 3)}</time>
              <span className={styles.outcome} data-outcome={outcome}>
                {t.pipelines.preview.outcome[outcome]}
              </span>
              <span className={styles.body}>{oneLine(entry.before.body, 200)}</span>
            </div>
          );
        })}
      </div>
      <Trial
        key={record.before.id}
        record={record}
        at={at}
        count={records.length}
        processors={processors}
        draft={draft}
        onRecord={setWanted}
        onChoose={onChoose}
      />
    </>
  );
}

function Result(props: Props): ReactNode {
  const { answer, empty, placed } = props;
  if (empty) return <p className={styles.hint}>{t.pipelines.preview.nothing}</p>;
  if (answer.isError) {
    if (answer.error instanceof ApiError && answer.error.status === 403) return <NoPermission />;
    if (placed || (answer.error instanceof ApiError && answer.error.status === 400))
      return (
        <p className={styles.mistake} role={placed ? undefined : "alert"} data-testid="preview-mistake">
          <Marked text={`${answer.error.message} ${answer.error instanceof ApiError ? answer.error.hint : ""}`} />
        </p>
      );
    return <ErrorState title={t.pipelines.preview.failed} error={answer.error} onRetry={() => void answer.refetch()} />;
  }
  if (!answer.data) return <Skeleton rows={5} label={t.pipelines.preview.waiting} />;
  return (
    <div className={styles.result} data-stale={props.stale || undefined} data-testid="preview-result">
      {answer.data.tests.length > 0 && (
        <div className={styles.tests} role="alert" data-testid="failing-tests">
          <strong>{t.pipelines.preview.testsFail(answer.data.tests.length)}</strong>
          <ul>
            {answer.data.tests.slice(0, 10).map((sentence) => (
              <li key={sentence}>{sentence}</li>
            ))}
          </ul>
        </div>
      )}
      <Records {...props} answer={answer.data} />
    </div>
  );
}

export function Preview(props: Props): ReactNode {
  return (
    <>
      <div className={styles.head}>
        <h2>{t.pipelines.preview.title}</h2>
        <QueryField
          label={t.pipelines.preview.query}
          hideLabel
          hint={t.pipelines.preview.queryHint}
          value={props.query}
          onChange={props.onQuery}
        />
      </div>
      <p className={styles.hint}>{t.pipelines.preview.help}</p>
      <Result {...props} />
    </>
  );
}
