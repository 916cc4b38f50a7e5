/** The legend as a table with a fixed share of the chart: last, min, max and mean of each series, sorted by any of them. */
import { IconArrowDown, IconArrowUp, IconLogs } from "@tabler/icons-react";
import { type MouseEvent, type ReactNode, useMemo, useState } from "react";
import type { Look } from "../../core/metrics/look.ts";
import { type ChartSeries, labelsText } from "../../core/metrics/series.ts";
import { formatUnit, type Unit } from "../../core/metrics/units.ts";
import { c, m } from "../../core/metricsText.ts";
import { IconButton } from "../common/IconButton.tsx";
import styles from "./Chart.module.css";

export function Swatch({ look }: { look: Look }): ReactNode {
  return (
    <svg className={styles.swatch} width="16" height="10" aria-hidden="true">
      <line
        x1="0"
        x2="16"
        y1="5"
        y2="5"
        strokeWidth="3"
        stroke={`var(${look.color})`}
        strokeDasharray={look.dash.length > 0 ? look.dash.map((part) => part / 2).join(" ") : undefined}
      />
    </svg>
  );
}

const COLUMNS = ["last", "min", "max", "mean"] as const;
type Column = (typeof COLUMNS)[number];

interface Props {
  series: readonly ChartSeries[];
  looks: ReadonlyMap<string, Look>;
  unit: Unit;
  only: ReadonlySet<string> | null;
  onOnly(only: ReadonlySet<string> | null): void;
  total?: number | undefined;
  onTop?: ((top: number) => void) | undefined;
  onSeries?: ((series: ChartSeries) => void) | undefined;
  onHover?: ((series: ChartSeries | null) => void) | undefined;
}

/** A click shows one alone, or all again; with Ctrl, Shift or Command it comes to the others or leaves them. */
export function choose(
  only: ReadonlySet<string> | null,
  key: string,
  add: boolean,
  all: readonly string[],
): ReadonlySet<string> | null {
  if (!add) return only?.size === 1 && only.has(key) ? null : new Set([key]);
  const next = new Set(only ?? all);
  if (!next.delete(key)) next.add(key);
  return next.size === 0 || next.size === all.length ? null : next;
}

export function ChartLegend(props: Props): ReactNode {
  const { series, looks, unit, only, onOnly, total, onTop, onSeries, onHover } = props;
  const [order, setOrder] = useState<{ by: Column | "name"; down: boolean } | null>(null);
  const rows = useMemo(() => {
    if (!order) return series;
    const sign = order.down ? -1 : 1;
    const { by } = order;
    return [...series].sort((a, b) =>
      by === "name"
        ? sign * a.name.localeCompare(b.name)
        : sign * ((a[by] ?? Number.NEGATIVE_INFINITY) - (b[by] ?? Number.NEGATIVE_INFINITY)),
    );
  }, [series, order]);
  const keys = series.map((one) => one.key);
  const click = (event: MouseEvent, key: string): void =>
    onOnly(choose(only, key, event.ctrlKey || event.metaKey || event.shiftKey, keys));
  const heading = (by: Column | "name", text: string): ReactNode => (
    <th
      key={by}
      scope="col"
      aria-sort={order?.by === by ? (order.down ? "descending" : "ascending") : undefined}
      data-number={by === "name" ? undefined : true}
    >
      <button type="button" onClick={() => setOrder({ by, down: order?.by === by ? !order.down : by !== "name" })}>
        {text}
        {order?.by === by && (order.down ? <IconArrowDown size={12} /> : <IconArrowUp size={12} />)}
      </button>
    </th>
  );
  const current = series.filter((one) => one.earlier === undefined).length;
  const left = Math.max(0, (total ?? current) - current);
  return (
    <div className={styles.legendBox} data-testid="legend">
      <table className={styles.legend} aria-label={m.legend}>
        <thead>
          <tr>
            {heading("name", m.name)}
            {COLUMNS.map((column) => heading(column, m[column]))}
            {onSeries && (
              <th scope="col">
                <span className="visually-hidden">{m.logs}</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {rows.map((one) => {
            const on = only === null || only.has(one.key);
            return (
              <tr
                key={one.key}
                data-off={!on || undefined}
                onPointerEnter={onHover && (() => onHover(one))}
                onPointerLeave={onHover && (() => onHover(null))}
              >
                <th scope="row">
                  <button
                    type="button"
                    className={styles.key}
                    aria-pressed={on}
                    title={`${labelsText(one.labels)}\n${c.isolate}`}
                    onClick={(event) => click(event, one.key)}
                  >
                    <Swatch look={looks.get(one.key) ?? { color: "--series-rest", dash: [] }} />
                    <span>{one.name}</span>
                  </button>
                </th>
                {COLUMNS.map((column) => (
                  <td key={column}>{formatUnit(one[column], unit)}</td>
                ))}
                {onSeries && (
                  <td>
                    <IconButton label={`${m.logs}: ${one.name}`} size={24} onClick={() => onSeries(one)}>
                      <IconLogs size={14} stroke={1.6} />
                    </IconButton>
                  </td>
                )}
              </tr>
            );
          })}
        </tbody>
      </table>
      {(left > 0 || only !== null) && (
        <div className={styles.legendFoot}>
          {left > 0 && (
            <span title={m.topHelp} data-testid="more-series">
              {m.more(left)}
            </span>
          )}
          {left > 0 && onTop && current < 100 && (
            <button type="button" className={styles.textButton} onClick={() => onTop(Math.min(100, current + 30))}>
              {m.showMore(Math.min(100, current + 30, current + left))}
            </button>
          )}
          {only !== null && (
            <button type="button" className={styles.textButton} onClick={() => onOnly(null)}>
              {c.showAll}
            </button>
          )}
        </div>
      )}
    </div>
  );
}
