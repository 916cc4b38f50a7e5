/** One record of the preview: which steps did something, and its fields before and after each of them. */
import { IconChevronDown, IconChevronLeft, IconChevronRight, IconChevronUp } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";
import { IconButton } from "../../components/common/IconButton.tsx";
import type { PreviewRecord, Processor, StepChange } from "../../core/api/pipelines.ts";
import type { Draft } from "../../core/pipelines/draft.ts";
import { type FieldRow, rowsAt, textDifference } from "../../core/pipelines/preview.ts";
import { t } from "../../core/text.ts";
import { titleOf } from "./PipelineList.tsx";
import styles from "./Preview.module.css";
import type { Choice } from "./useWorkbench.ts";

const SHOWN = 2000;

interface Props {
  record: PreviewRecord;
  at: number;
  count: number;
  processors: readonly Processor[];
  draft: Draft;
  onRecord(at: number): void;
  onChoose(choice: Choice): void;
}

function Values({ row }: { row: FieldRow }): ReactNode {
  if (row.kind === "added") return <ins className={styles.added}>{row.after.slice(0, SHOWN)}</ins>;
  if (row.kind === "removed") return <del className={styles.removed}>{row.before.slice(0, SHOWN)}</del>;
  if (row.kind === "same") return <span className={styles.same}>{row.after.slice(0, SHOWN)}</span>;
  const parts = textDifference(row.before.slice(0, SHOWN), row.after.slice(0, SHOWN));
  return (
    <>
      <div>
        {parts.head}
        {parts.removed && <del className={styles.removed}>{parts.removed}</del>}
        {parts.tail}
      </div>
      <div>
        {parts.head}
        {parts.added && <ins className={styles.added}>{parts.added}</ins>}
        {parts.tail}
      </div>
    </>
  );
}

export function Trial({ record, at, count, processors, draft, onRecord, onChoose }: Props): ReactNode {
  const [wanted, setWanted] = useState(0);
  const moment = Math.min(wanted, record.steps.length);
  const rows = rowsAt(record, moment);
  const different = rows.filter((row) => row.kind !== "same");
  const same = rows.filter((row) => row.kind === "same");
  const change = record.steps[moment - 1];
  const nameOf = (step: StepChange): string => {
    const found = draft.find((entry) => entry.spec.name === step.pipeline)?.steps[step.step];
    const name = found ? titleOf(found, processors) : "";
    return t.pipelines.preview.moment(step.pipeline, t.pipelines.stepNumber(step.step + 1, name));
  };
  const show = (next: number): void => {
    setWanted(next);
    const step = record.steps[next - 1];
    const pipeline = draft.find((entry) => entry.spec.name === step?.pipeline);
    const target = step && pipeline?.steps[step.step];
    if (pipeline && target) onChoose({ pipeline: pipeline.key, step: target.key });
  };
  const end = record.steps.find((step) => step.outcome === "dropped" || step.outcome === "routed");
  const message = change ? change.message : "";
  return (
    <div className={styles.trial} data-testid="trial">
      <div className={styles.trialHead}>
        <IconButton
          label={t.pipelines.preview.previousRecord}
          size={24}
          disabled={at === 0}
          onClick={() => onRecord(at - 1)}
        >
          <IconChevronUp size={16} />
        </IconButton>
        <span>{t.pipelines.preview.position(at + 1, count)}</span>
        <IconButton
          label={t.pipelines.preview.nextRecord}
          size={24}
          disabled={at === count - 1}
          onClick={() => onRecord(at + 1)}
        >
          <IconChevronDown size={16} />
        </IconButton>
        <span className={styles.space} />
        <IconButton
          label={t.pipelines.preview.previous}
          size={24}
          disabled={moment === 0}
          onClick={() => show(moment - 1)}
        >
          <IconChevronLeft size={16} />
        </IconButton>
        <IconButton
          label={t.pipelines.preview.next}
          size={24}
          disabled={moment === record.steps.length}
          onClick={() => show(moment + 1)}
        >
          <IconChevronRight size={16} />
        </IconButton>
      </div>
      <ol className={styles.moments} aria-label={t.pipelines.preview.moments}>
        <li>
          <button type="button" aria-current={moment === 0 ? "step" : undefined} onClick={() => show(0)}>
            {t.pipelines.preview.whole}
          </button>
        </li>
        {record.steps.map((step, index) => (
          <li key={`${step.pipeline} ${step.step}`}>
            <button
              type="button"
              aria-current={moment === index + 1 ? "step" : undefined}
              onClick={() => show(index + 1)}
            >
              <span className={styles.outcome} data-outcome={step.outcome}>
                {t.pipelines.preview.outcome[step.outcome]}
              </span>
              {nameOf(step)}
            </button>
          </li>
        ))}
      </ol>
      {record.steps.length === 0 && <p className={styles.hint}>{t.pipelines.preview.untouched}</p>}
      {moment === 0 && record.steps.length > 0 && !end && different.length === 0 && (
        <p className={styles.hint}>{t.pipelines.preview.netNothing}</p>
      )}
      {moment === 0 && end && (
        <p className={styles.ended} data-testid="ended">
          {end.outcome === "dropped" ? t.pipelines.preview.isDropped : t.pipelines.preview.isRouted}
        </p>
      )}
      {message && (
        <p className={styles.ended} data-outcome={change?.outcome}>
          {message}
        </p>
      )}
      {different.length > 0 && (
        <table className={styles.fields} data-testid="changed-fields">
          <caption>{t.pipelines.preview.changed(different.length)}</caption>
          <tbody>
            {different.map((row) => (
              <tr key={row.field} data-kind={row.kind}>
                <th scope="row">{row.field}</th>
                <td>
                  <Values row={row} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <details className={styles.details}>
        <summary>{t.pipelines.preview.same(same.length)}</summary>
        <table className={styles.fields}>
          <tbody>
            {same.map((row) => (
              <tr key={row.field}>
                <th scope="row">{row.field}</th>
                <td>
                  <Values row={row} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </div>
  );
}
