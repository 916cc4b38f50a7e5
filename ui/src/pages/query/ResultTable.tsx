/** A result as a virtual table: only the rows in view exist. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, useMemo, useRef } from "react";
import type { SqlAnswer } from "../../core/api/types.ts";
import { t } from "../../core/text.ts";
import styles from "./QueryPage.module.css";

const SHOWN = 300;

function cellText(value: unknown): string {
  if (value === null || value === undefined) return "NULL";
  const text = typeof value === "string" ? value : typeof value === "object" ? JSON.stringify(value) : String(value);
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text.replace(/\n/g, " ⏎ ");
}

/** Column widths in ch, from the head and a sample of rows. */
export function columnWidths(answer: SqlAnswer): number[] {
  return answer.columns.map((column, index) => {
    let longest = Math.max(column.name.length, column.type.length);
    for (const row of answer.rows.slice(0, 100)) longest = Math.max(longest, cellText(row[index]).length);
    return Math.min(80, Math.max(8, longest)) + 4;
  });
}

export function isNumeric(type: string): boolean {
  return /^(Nullable\()?(U?Int|Float|Decimal)/.test(type);
}

export function ResultTable({ answer }: { answer: SqlAnswer }): ReactNode {
  const scroller = useRef<HTMLDivElement>(null);
  const template = useMemo(
    () =>
      columnWidths(answer)
        .map((width) => `${width}ch`)
        .join(" "),
    [answer],
  );
  const virtual = useVirtualizer({
    count: answer.rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => 24,
    overscan: 20,
  });
  return (
    <div
      ref={scroller}
      className={styles.result}
      style={{ "--columns": template } as React.CSSProperties}
      role="grid"
      aria-label={t.query.result}
      aria-rowcount={answer.rows.length + 1}
      aria-colcount={answer.columns.length}
      tabIndex={0}
      data-testid="result"
    >
      <div role="rowgroup">
        <div className={`${styles.row} ${styles.head}`} role="row" aria-rowindex={1}>
          {answer.columns.map((column, index) => (
            <div key={index} role="columnheader" className={styles.cell}>
              {column.name}
              <small>{column.type}</small>
            </div>
          ))}
        </div>
      </div>
      <div role="rowgroup" style={{ height: virtual.getTotalSize(), position: "relative" }}>
        {virtual.getVirtualItems().map((item) => (
          <div
            key={item.key}
            className={styles.row}
            style={{ transform: `translateY(${item.start}px)` }}
            role="row"
            aria-rowindex={item.index + 2}
          >
            {answer.columns.map((column, index) => {
              const value = answer.rows[item.index]?.[index];
              return (
                <div
                  key={index}
                  role="gridcell"
                  title={typeof value === "string" && value.length > 40 ? value.slice(0, 2000) : undefined}
                  className={`${styles.cell} ${isNumeric(column.type) ? styles.number : ""} ${value === null ? styles.null : ""}`}
                >
                  {cellText(value)}
                </div>
              );
            })}
          </div>
        ))}
      </div>
    </div>
  );
}
