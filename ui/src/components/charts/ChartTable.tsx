/** A chart as numbers: for those who do not see it, and for those who want them. */
import type { ReactNode } from "react";
import type { Frame } from "../../core/metrics/series.ts";
import { formatUnit, type Unit } from "../../core/metrics/units.ts";
import { c } from "../../core/metricsText.ts";
import { formatInstant } from "../../core/time/format.ts";
import { fromMs } from "../../core/time/instant.ts";
import type { Span } from "../../core/time/range.ts";
import type { Zone } from "../../core/time/zone.ts";
import styles from "./Chart.module.css";
import type { ChartExemplar } from "./model.ts";

const SAID = 5;
const ROWS = 200;

/** The chart in sentences. */
export function ChartSummary({ frame, unit }: { frame: Frame; unit: Unit }): ReactNode {
  const { series } = frame;
  return (
    <>
      {` ${c.summaryHead(series.length)}. `}
      {series
        .slice(0, SAID)
        .map((one) =>
          c.summary(one.name, formatUnit(one.last, unit), formatUnit(one.min, unit), formatUnit(one.max, unit)),
        )
        .join(" ")}
      {series.length > SAID && ` ${c.summaryMore(series.length - SAID)}`}
    </>
  );
}

interface Props {
  frame: Frame;
  span: Span;
  zone: Zone;
  unit: Unit;
  exemplars: readonly ChartExemplar[];
  onExemplar?: ((exemplar: ChartExemplar) => void) | undefined;
}

/** Moments down, series across; the newest first. */
export function ChartTable({ frame, span, zone, unit, exemplars, onExemplar }: Props): ReactNode {
  const [from, to] = [Number(span.from) / 1e9, Number(span.to) / 1e9];
  const moments: number[] = [];
  let inside = 0;
  for (let at = frame.times.length - 1; at >= 0; at -= 1) {
    const time = frame.times[at] ?? 0;
    if (time < from || time > to) continue;
    inside += 1;
    if (moments.length < ROWS) moments.push(at);
  }
  const clock = (time: number): string => formatInstant(fromMs(time * 1000), zone, 0);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: scrollable with the keyboard
    <div className={styles.tableBox} tabIndex={0} role="region" aria-label={c.asTable} data-testid="chart-table">
      <table className={styles.table}>
        <thead>
          <tr>
            <th scope="col">{c.time}</th>
            {frame.series.map((one) => (
              <th key={one.key} scope="col">
                {one.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {moments.map((at) => (
            <tr key={at}>
              <th scope="row">{clock(frame.times[at] ?? 0)}</th>
              {frame.series.map((one) => (
                <td key={one.key}>{formatUnit(one.values[at] ?? null, unit)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {inside > moments.length && <p className={styles.tableNote}>{c.rows(moments.length, inside)}</p>}
      {exemplars.length > 0 && onExemplar && (
        <section className={styles.exemplars} aria-label={c.exemplars}>
          {exemplars.slice(0, 50).map((one) => (
            <button key={one.key} type="button" className={styles.textButton} onClick={() => onExemplar(one)}>
              {c.openExemplar(formatUnit(one.value, unit), clock(one.time))}
            </button>
          ))}
        </section>
      )}
    </div>
  );
}
