/** One log line. Clicks and hovering are handled by the grid, so that a row carries no listener of its own. */
import { memo, type ReactNode } from "react";
import { hasAnsi } from "../../core/ansi.ts";
import type { LogRecord } from "../../core/api/types.ts";
import { cellText, joinLines, LINE_CHARACTERS, SHOWN_CHARACTERS } from "../../core/logs/records.ts";
import { asSeverity, SEVERITY_LETTER } from "../../core/logs/severity.ts";
import { t } from "../../core/text.ts";
import { formatClock, formatDate } from "../../core/time/format.ts";
import { fromNsText } from "../../core/time/instant.ts";
import { RecordDetail } from "./RecordDetail.tsx";
import styles from "./Rows.module.css";
import { AnsiText, Marked } from "./StyledText.tsx";

export interface RowProps {
  record: LogRecord;
  index: number;
  start: number;
  active: boolean;
  /** Column with the keyboard focus, -1 for none. */
  focused: number;
  expanded: boolean;
  selected: boolean;
  columns: string[];
  words: string[];
  zone: string;
  dated: boolean;
  wrap: boolean;
  detailWidth: number;
  measure: ((element: Element | null) => void) | undefined;
}

function BodyText({ body, words, wrap }: { body: string; words: string[]; wrap: boolean }): ReactNode {
  const limit = wrap ? SHOWN_CHARACTERS : LINE_CHARACTERS;
  const cut = body.length > limit;
  const text = cut ? body.slice(0, limit) : body;
  return (
    <>
      {hasAnsi(text) ? (
        <AnsiText text={text} words={words} line={!wrap} />
      ) : (
        <Marked text={wrap ? text : joinLines(text)} words={words} />
      )}
      {cut && <span className={styles.muted}> …</span>}
    </>
  );
}

export const Row: (props: RowProps) => ReactNode = memo(function Row(props: RowProps): ReactNode {
  const { record, index, start, focused, expanded, selected, columns, words, zone, dated, wrap } = props;
  const severity = asSeverity(record.severity);
  const at = fromNsText(record.timestamp);
  const clock = formatClock(at, zone, 3);
  const cells = ["service", ...columns, "body"];
  return (
    <div
      id={`row-${index}`}
      ref={props.measure}
      className={styles.row}
      style={{ transform: `translateY(${start}px)` }}
      role="row"
      aria-rowindex={index + 2}
      aria-selected={selected}
      data-index={index}
      data-active={props.active || undefined}
      data-testid="log-row"
    >
      <div className={styles.line} role="presentation">
        <div role="gridcell" className={styles.cell}>
          <button
            type="button"
            className={styles.chevron}
            tabIndex={-1}
            data-act="toggle"
            aria-expanded={expanded}
            aria-label={expanded ? t.logs.collapse : t.logs.expand}
          />
        </div>
        <div
          role="gridcell"
          className={`${styles.cell} ${styles.mark}`}
          style={{ color: `var(--severity-${severity})` }}
          data-cell="severity"
          aria-label={severity}
        >
          {SEVERITY_LETTER[severity]}
        </div>
        <div role="gridcell" className={`${styles.cell} ${styles.time}`}>
          {dated ? `${formatDate(at, zone).slice(5)} ${clock}` : clock}
        </div>
        {cells.map((name, position) => (
          <div
            key={name}
            role="gridcell"
            className={`${styles.cell} ${name === "body" ? styles.body : name === "service" ? styles.service : ""}`}
            data-cell={name}
            data-focused={focused === position || undefined}
          >
            {name === "body" ? <BodyText body={record.body} words={words} wrap={wrap} /> : cellText(record, name)}
          </div>
        ))}
      </div>
      {expanded && (
        <div role="gridcell" className={styles.expansion} style={{ width: props.detailWidth }}>
          <RecordDetail record={record} zone={zone} words={words} />
        </div>
      )}
    </div>
  );
});
