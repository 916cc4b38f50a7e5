/** Legend, tooltip and data table of the histogram. */
import { Button } from "@mantine/core";
import { IconX } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { IconButton } from "../../components/common/IconButton.tsx";
import { formatCount, formatShort } from "../../core/format.ts";
import { bucketSpan, type Histogram, type Series } from "../../core/logs/histogram.ts";
import { t } from "../../core/text.ts";
import { formatClock, formatInstant } from "../../core/time/format.ts";
import type { Span } from "../../core/time/range.ts";
import styles from "./HistogramChart.module.css";

interface LegendProps {
  series: Series[];
  colors: Map<string, string>;
  hidden: ReadonlySet<string>;
  onToggle(key: string): void;
}

export function Legend({ series, colors, hidden, onToggle }: LegendProps): ReactNode {
  return (
    <div className={styles.legend}>
      {series.map((entry) => (
        <button
          key={entry.key}
          type="button"
          className={styles.key}
          aria-pressed={!hidden.has(entry.key)}
          title={hidden.has(entry.key) ? t.logs.show(entry.key) : t.logs.hide(entry.key)}
          onClick={() => onToggle(entry.key)}
        >
          <span className={styles.swatch} style={{ background: colors.get(entry.key) }} aria-hidden />
          {entry.key || t.logs.empty}
          <span className={styles.count}>{formatShort(entry.total)}</span>
        </button>
      ))}
    </div>
  );
}

interface PickedProps {
  span: Span;
  zone: string;
  onZoom(): void;
  onCompare(against: "rest" | "before"): void;
  onClose(): void;
}

/** What to do with a selected range. */
export function PickedRange({ span, zone, onZoom, onCompare, onClose }: PickedProps): ReactNode {
  return (
    <div
      className={styles.picked}
      role="group"
      aria-label={t.compare.brushed}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.preventDefault();
        event.stopPropagation();
        onClose();
      }}
    >
      <span>
        {formatInstant(span.from, zone, 0)} – {formatClock(span.to, zone, 0)}
      </span>
      <Button size="compact-xs" autoFocus onClick={() => onCompare("rest")}>
        {t.compare.withRest}
      </Button>
      <Button size="compact-xs" variant="default" onClick={() => onCompare("before")}>
        {t.compare.withBefore}
      </Button>
      <Button size="compact-xs" variant="default" onClick={onZoom}>
        {t.compare.zoom}
      </Button>
      <IconButton label={t.compare.cancel} size={24} onClick={onClose}>
        <IconX size={14} />
      </IconButton>
    </div>
  );
}

interface TipProps {
  histogram: Histogram;
  bucket: number;
  hidden: ReadonlySet<string>;
  colors: Map<string, string>;
  zone: string;
  left: number;
  width: number;
}

/** The nearest ten series of a bar, largest first. */
export function HistogramTip({ histogram, bucket, hidden, colors, zone, left, width }: TipProps): ReactNode {
  const rows = histogram.series
    .filter((series) => !hidden.has(series.key) && (series.counts[bucket] ?? 0) > 0)
    .map((series) => ({ key: series.key, count: series.counts[bucket] ?? 0 }))
    .sort((a, b) => b.count - a.count)
    .slice(0, 10);
  const side = left > width / 2 ? { right: width - left } : { left };
  return (
    <div className={styles.tip} style={side}>
      <div className={styles.tipHead}>
        {formatInstant(bucketSpan(histogram, bucket).from, zone, histogram.step < 1_000_000_000n ? 3 : 0)}
      </div>
      {rows.length === 0 && <div>{t.logs.matched(0)}</div>}
      {rows.map((row) => (
        <div key={row.key} className={styles.tipRow}>
          <span className={styles.swatch} style={{ background: colors.get(row.key) }} />
          <span>{row.key || t.logs.empty}</span>
          <span>{formatCount(row.count)}</span>
        </div>
      ))}
    </div>
  );
}

/** The same as a sentence, for the live region. */
export function HistogramSaid({
  histogram,
  bucket,
  zone,
}: {
  histogram: Histogram;
  bucket: number;
  zone: string;
}): ReactNode {
  const parts = histogram.series
    .filter((series) => (series.counts[bucket] ?? 0) > 0)
    .map((series) => `${series.key || t.logs.empty} ${series.counts[bucket]}`);
  return `${formatInstant(bucketSpan(histogram, bucket).from, zone, 0)}: ${parts.join(", ") || t.logs.matched(0)}`;
}

export function HistogramTable({ histogram, zone }: { histogram: Histogram; zone: string }): ReactNode {
  const rows = Array.from({ length: histogram.buckets }, (_, index) => index);
  return (
    <div className={styles.tableBox}>
      <table className={styles.table}>
        <caption className="visually-hidden">{t.logs.histogram}</caption>
        <thead>
          <tr>
            <th scope="col">{t.logs.bucket}</th>
            {histogram.series.map((series) => (
              <th key={series.key} scope="col">
                {series.key || t.logs.empty}
              </th>
            ))}
            <th scope="col">{t.logs.total}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((index) => (
            <tr key={index}>
              <th scope="row">{formatInstant(bucketSpan(histogram, index).from, zone, 0)}</th>
              {histogram.series.map((series) => (
                <td key={series.key}>{formatCount(series.counts[index] ?? 0)}</td>
              ))}
              <td>{formatCount(histogram.series.reduce((sum, series) => sum + (series.counts[index] ?? 0), 0))}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
