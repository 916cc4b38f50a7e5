/** The values of a moment: the ten nearest series, the largest first. Pinned, it stays and can be read and copied from. */
import { IconX } from "@tabler/icons-react";
import { type ReactNode, useLayoutEffect, useRef, useState } from "react";
import { formatBucket, type Heat, shadeColor, shadeOf } from "../../core/metrics/heat.ts";
import { traceOf } from "../../core/metrics/pivot.ts";
import { formatUnit, type Unit } from "../../core/metrics/units.ts";
import { c } from "../../core/metricsText.ts";
import { formatInstant } from "../../core/time/format.ts";
import { fromMs } from "../../core/time/instant.ts";
import type { Zone } from "../../core/time/zone.ts";
import { IconButton } from "../common/IconButton.tsx";
import styles from "./Chart.module.css";
import { Swatch } from "./ChartLegend.tsx";
import { type ChartExemplar, heatRows, type Model, tipRows } from "./model.ts";

interface FrameProps {
  head: ReactNode;
  left: number;
  width: number;
  pinned?: boolean;
  onUnpin?(): void;
  /** Moved by the keyboard: read it out. */
  said: boolean;
  label: string;
  children: ReactNode;
}

/** Stands beside a moment, on the side where there is room. */
function TipFrame({ head, left, width, pinned = false, onUnpin, said, label, children }: FrameProps): ReactNode {
  const box = useRef<HTMLDivElement>(null);
  const [own, setOwn] = useState(240);
  useLayoutEffect(() => {
    if (box.current) setOwn(box.current.offsetWidth);
  });
  const right = left + 14 + own <= width;
  return (
    <div
      ref={box}
      className={styles.tip}
      data-tip
      data-pinned={pinned || undefined}
      data-testid="chart-tip"
      role="group"
      aria-label={label}
      aria-live={said ? "polite" : undefined}
      style={{ left: right ? left + 12 : Math.max(0, left - 12 - own) }}
    >
      <div className={styles.tipHead}>
        {head}
        {pinned && onUnpin && (
          <IconButton label={c.unpin} size={20} onClick={onUnpin}>
            <IconX size={12} />
          </IconButton>
        )}
      </div>
      {children}
    </div>
  );
}

interface MomentProps {
  zone: Zone;
  left: number;
  width: number;
  pinned: boolean;
  onUnpin(): void;
  said: boolean;
}

function clock(seconds: number, zone: Zone): string {
  return formatInstant(fromMs(seconds * 1000), zone, 0);
}

interface Props extends MomentProps {
  model: Model;
  index: number;
  y: number | null;
  heightOf(value: number): number;
}

export function ChartTip({ model, index, y, heightOf, ...rest }: Props): ReactNode {
  const { rows, count } = tipRows(model, index, y, heightOf);
  const total = model.style === "stacked" ? rows.reduce((sum, row) => sum + row.value, 0) : null;
  return (
    <TipFrame {...rest} head={clock(model.times[index] ?? 0, rest.zone)} label={rest.pinned ? c.pinned : c.values}>
      {rows.length === 0 && <div className={styles.tipRow}>{c.noData}</div>}
      {rows.map((row) => (
        <div key={row.series.key} className={styles.tipRow} data-nearest={row.nearest || undefined}>
          <Swatch look={row.look} />
          <span className={styles.tipName}>{row.series.name}</span>
          <span className={styles.tipValue}>{formatUnit(row.value, model.unit)}</span>
        </div>
      ))}
      {total !== null && count <= rows.length && rows.length > 1 && (
        <div className={styles.tipRow}>
          <span className={styles.tipName}>{c.total}</span>
          <span className={styles.tipValue}>{formatUnit(total, model.unit)}</span>
        </div>
      )}
      {count > rows.length && <div className={styles.tipMore}>{c.nearest(count - rows.length)}</div>}
    </TipFrame>
  );
}

interface HeatProps extends MomentProps {
  heat: Heat;
  index: number;
  /** Where on the scale of the rows the pointer is; null without one. */
  place: number | null;
  unit: Unit;
  counts: Unit;
}

/** Counts of the buckets around the pointer; or without one, of the fullest. */
export function HeatTip({ heat, index, place, unit, counts, ...rest }: HeatProps): ReactNode {
  const rows = heatRows(heat, index, place);
  const total = (heat.columns[index] ?? []).reduce((sum, count) => sum + count, 0);
  return (
    <TipFrame {...rest} head={clock(heat.times[index] ?? 0, rest.zone)} label={rest.pinned ? c.pinned : c.values}>
      {rows.length === 0 && <div className={styles.tipRow}>{c.noData}</div>}
      {rows.map(({ row, count, nearest }) => (
        <div key={row} className={styles.tipRow} data-nearest={nearest || undefined}>
          <span
            className={styles.shade}
            style={count > 0 ? { background: shadeColor(shadeOf(count, heat.max)) } : undefined}
            aria-hidden
          />
          <span className={styles.tipName}>{formatBucket(heat.bounds[row] ?? [0, 0], unit)}</span>
          <span className={styles.tipValue}>{formatUnit(count, counts)}</span>
        </div>
      ))}
      {rows.length > 0 && (
        <div className={styles.tipRow}>
          <span className={styles.tipName}>{c.allBuckets}</span>
          <span className={styles.tipValue}>{formatUnit(total, counts)}</span>
        </div>
      )}
    </TipFrame>
  );
}

interface ExemplarProps {
  exemplar: ChartExemplar;
  unit: Unit;
  zone: Zone;
  left: number;
  width: number;
  said: boolean;
}

/** What an exemplar carries; its trace opens with a click or Enter. */
export function ExemplarTip({ exemplar, unit, zone, ...rest }: ExemplarProps): ReactNode {
  const labels = Object.entries(exemplar.labels);
  const trace = traceOf(exemplar.labels);
  return (
    <TipFrame
      {...rest}
      head={formatInstant(fromMs(exemplar.time * 1000), zone, 3)}
      label={c.openExemplar(formatUnit(exemplar.value, unit), clock(exemplar.time, zone))}
    >
      <div className={styles.tipRow} data-nearest>
        <span className={styles.tipName}>{c.exemplar}</span>
        <span className={styles.tipValue}>{formatUnit(exemplar.value, unit)}</span>
      </div>
      {labels.map(([name, value]) => (
        <div key={name} className={styles.tipRow}>
          <span className={styles.tipName}>{name}</span>
          <code className={styles.tipValue}>{value}</code>
        </div>
      ))}
      <div className={styles.tipMore}>{trace === "" ? c.noTrace : c.openTrace}</div>
    </TipFrame>
  );
}
