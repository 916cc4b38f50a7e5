/** Values of one moment as a table that sorts and can be taken away; only the rows in view exist. */
import { IconArrowDown, IconArrowUp, IconDownload, IconLogs } from "@tabler/icons-react";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, useMemo, useRef, useState } from "react";
import { download } from "../../components/common/download.ts";
import { IconButton } from "../../components/common/IconButton.tsx";
import { toCsv } from "../../core/csv.ts";
import { type Labels, labelsText, toNumber } from "../../core/metrics/series.ts";
import { formatUnit, type Unit } from "../../core/metrics/units.ts";
import { m } from "../../core/metricsText.ts";
import { formatInstant } from "../../core/time/format.ts";
import { fromMs } from "../../core/time/instant.ts";
import type { Zone } from "../../core/time/zone.ts";
import type { Answered } from "../../hooks/useMetrics.ts";
import styles from "./InstantTable.module.css";

interface Part {
  answer: Answered;
  letter: string;
}

interface Row {
  letter: string;
  labels: Labels;
  value: number;
  text: string;
}

interface Props {
  parts: readonly Part[];
  unit: Unit;
  zone: Zone;
  stale: boolean;
  onSeries(labels: Labels): void;
}

const LABELS_SHOWN = 8;

function rowsOf(parts: readonly Part[], unit: Unit): Row[] {
  return parts.flatMap(({ answer, letter }) =>
    answer.type === "string"
      ? [{ letter, labels: {}, value: Number.NaN, text: answer.text }]
      : answer.series.map((one) => {
          const histogram = one.histograms?.at(-1);
          const raw = one.values.at(-1);
          const value = histogram ? toNumber(histogram[1]) : toNumber(raw);
          const text = histogram
            ? `count ${formatUnit(toNumber(histogram[1]), "")}, sum ${formatUnit(toNumber(histogram[2]), unit)}`
            : raw === "NaN"
              ? "NaN"
              : formatUnit(value, unit);
          return { letter, labels: one.labels, value, text };
        }),
  );
}

export function InstantTable({ parts, unit, zone, stale, onSeries }: Props): ReactNode {
  const scroller = useRef<HTMLDivElement>(null);
  const [order, setOrder] = useState<{ by: string; down: boolean } | null>(null);
  const all = useMemo(() => rowsOf(parts, unit), [parts, unit]);
  const names = useMemo(() => {
    const found = new Set(all.flatMap((row) => Object.keys(row.labels)));
    return [...found].sort((a, b) => (a === "__name__" ? -1 : b === "__name__" ? 1 : a.localeCompare(b)));
  }, [all]);
  const columns = names.length <= LABELS_SHOWN ? names : null;
  const rows = useMemo(() => {
    if (!order) return all;
    const sign = order.down ? -1 : 1;
    const text = (row: Row): string =>
      order.by === "query" ? row.letter : order.by === "labels" ? labelsText(row.labels) : (row.labels[order.by] ?? "");
    const number = (row: Row): number => (Number.isNaN(row.value) ? Number.NEGATIVE_INFINITY : row.value);
    return [...all].sort((a, b) =>
      order.by === "value"
        ? sign * (number(a) - number(b))
        : sign * text(a).localeCompare(text(b), "en", { numeric: true }),
    );
  }, [all, order]);
  const several = new Set(all.map((row) => row.letter)).size > 1;
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => 26,
    overscan: 20,
  });
  const template = [
    several ? "64px" : "",
    columns
      ? columns.map((name) => (name === "__name__" ? "minmax(160px, 2fr)" : "minmax(90px, 1fr)")).join(" ")
      : "minmax(300px, 1fr)",
    // The same in all rows, whatever stands in them.
    `max(130px, ${Math.max(0, ...all.map((row) => row.text.length)) + 3}ch) 36px`,
  ].join(" ");
  const head = (by: string, text: string, number = false): ReactNode => (
    <div
      key={by}
      role="columnheader"
      className={number ? styles.number : undefined}
      aria-sort={order?.by === by ? (order.down ? "descending" : "ascending") : undefined}
    >
      <button type="button" onClick={() => setOrder({ by, down: order?.by === by ? !order.down : by === "value" })}>
        {text}
        {order?.by === by && (order.down ? <IconArrowDown size={12} /> : <IconArrowUp size={12} />)}
      </button>
    </div>
  );
  const csv = (): string =>
    toCsv(
      [m.queryColumn, ...names, m.value],
      rows.map((row) => [
        row.letter,
        ...names.map((name) => row.labels[name] ?? ""),
        Number.isNaN(row.value) ? row.text : row.value,
      ]),
    );
  const at = parts[0] ? formatInstant(fromMs(parts[0].answer.start), zone, 0) : "";
  return (
    <div className={styles.box} data-stale={stale || undefined}>
      <div className={styles.head}>
        <span>{m.at(at)}</span>
        <IconButton label={m.csv} size={24} onClick={() => download("result.csv", "text/csv", csv())}>
          <IconDownload size={16} stroke={1.6} />
        </IconButton>
      </div>
      <div
        ref={scroller}
        className={styles.table}
        style={{ "--columns": template } as React.CSSProperties}
        role="grid"
        aria-label={m.result}
        aria-rowcount={rows.length + 1}
        tabIndex={0}
        data-testid="instant"
      >
        <div role="rowgroup" className={styles.heads}>
          <div role="row" className={styles.row}>
            {several && head("query", m.queryColumn)}
            {columns
              ? columns.map((name) => head(name, name === "__name__" ? m.name : name))
              : head("labels", m.labels)}
            {head("value", m.value, true)}
            <div role="columnheader">
              <span className="visually-hidden">{m.logs}</span>
            </div>
          </div>
        </div>
        <div role="rowgroup" style={{ height: virtual.getTotalSize(), position: "relative" }}>
          {virtual.getVirtualItems().map((item) => {
            const row = rows[item.index];
            if (!row) return null;
            return (
              <div
                key={item.key}
                role="row"
                aria-rowindex={item.index + 2}
                className={`${styles.row} ${styles.data}`}
                style={{ transform: `translateY(${item.start}px)` }}
              >
                {several && <div role="gridcell">{row.letter}</div>}
                {columns ? (
                  columns.map((name) => (
                    <div key={name} role="gridcell" title={row.labels[name]}>
                      {row.labels[name] ?? ""}
                    </div>
                  ))
                ) : (
                  <div role="gridcell" title={labelsText(row.labels)}>
                    {labelsText(row.labels)}
                  </div>
                )}
                <div
                  role="gridcell"
                  className={styles.number}
                  title={Number.isNaN(row.value) ? undefined : String(row.value)}
                >
                  {row.text}
                </div>
                <div role="gridcell">
                  {Object.keys(row.labels).length > 0 && (
                    <IconButton
                      label={`${m.logs}: ${labelsText(row.labels)}`}
                      size={24}
                      onClick={() => onSeries(row.labels)}
                    >
                      <IconLogs size={14} stroke={1.6} />
                    </IconButton>
                  )}
                </div>
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}
