/** Shapes a histogram answer for drawing: sorted series, stacked bars as one SVG path each, bucket under a pointer. */
import { type Instant, toIso } from "../time/instant.ts";
import type { Span } from "../time/range.ts";
import { SEVERITIES } from "./severity.ts";

export interface Series {
  key: string;
  counts: number[];
  total: number;
}

export interface Histogram {
  start: Instant;
  step: bigint;
  buckets: number;
  total: number;
  series: Series[];
}

interface Answer {
  start: string;
  step: string;
  buckets: number;
  total: number;
  series: { key: string; counts: number[] }[];
}

/** Severities in their order, other keys by size. */
export function shapeHistogram(answer: Answer): Histogram {
  const series = answer.series.map(({ key, counts }) => ({
    key,
    counts,
    total: counts.reduce((sum, count) => sum + count, 0),
  }));
  const rank = (key: string): number => (SEVERITIES as readonly string[]).indexOf(key);
  series.sort((a, b) => {
    const [left, right] = [rank(a.key), rank(b.key)];
    return left >= 0 && right >= 0 ? left - right : b.total - a.total;
  });
  return {
    start: BigInt(answer.start || "0"),
    step: BigInt(answer.step || "1"),
    buckets: answer.buckets,
    total: answer.total,
    series: series.filter((entry) => entry.total > 0),
  };
}

export interface Bars {
  paths: { key: string; d: string }[];
  max: number;
}

/** x of an instant inside the span, in a plot `width` wide. */
export function xOf(at: Instant, span: Span, width: number): number {
  return (Number(at - span.from) / Number(span.to - span.from)) * width;
}

export function instantAt(x: number, span: Span, width: number): Instant {
  const share = Math.min(1, Math.max(0, x / width));
  return span.from + BigInt(Math.round(share * Number(span.to - span.from)));
}

/** A round number not below `max`, for the top of the axis. */
export function niceMax(max: number): number {
  if (max <= 4) return max <= 1 ? 1 : max <= 2 ? 2 : 4;
  const power = 10 ** Math.floor(Math.log10(max));
  return ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= max) ?? 10) * power;
}

/** Stacked bars; the first series lies at the bottom, so that errors share a base line. */
export function stackBars(
  histogram: Histogram,
  hidden: ReadonlySet<string>,
  span: Span,
  width: number,
  height: number,
): Bars {
  const shown = histogram.series.filter((series) => !hidden.has(series.key));
  const totals = Array.from({ length: histogram.buckets }, (_, index) =>
    shown.reduce((sum, series) => sum + (series.counts[index] ?? 0), 0),
  );
  const max = niceMax(Math.max(0, ...totals));
  const base = new Array<number>(histogram.buckets).fill(0);
  const paths = shown.map((series) => {
    let d = "";
    for (let index = 0; index < histogram.buckets; index += 1) {
      const count = series.counts[index] ?? 0;
      if (count === 0) continue;
      const at = histogram.start + BigInt(index) * histogram.step;
      const left = Math.max(0, xOf(at, span, width));
      const right = Math.min(width, xOf(at + histogram.step, span, width));
      const gap = right - left > 4 ? 1 : 0;
      const below = base[index] ?? 0;
      const bottom = height - (below / max) * height;
      // A single error among millions must still be seen: at least one pixel.
      const top = Math.min(bottom - 1, height - ((below + count) / max) * height);
      base[index] = below + count;
      if (right <= left) continue;
      d += `M${left.toFixed(1)} ${bottom.toFixed(1)}H${Math.max(right - gap, left + 0.5).toFixed(1)}V${top.toFixed(1)}H${left.toFixed(1)}Z`;
    }
    return { key: series.key, d };
  });
  return { paths, max };
}

export function bucketAt(histogram: Histogram, at: Instant): number {
  const index = Number((at - histogram.start) / histogram.step);
  return Math.min(histogram.buckets - 1, Math.max(0, index));
}

export function bucketSpan(histogram: Histogram, index: number): Span {
  const from = histogram.start + BigInt(index) * histogram.step;
  return { from, to: from + histogram.step };
}

/** One sentence for people who cannot see the bars. */
export function summarize(histogram: Histogram): string {
  if (histogram.total === 0) return "No records in this range.";
  let peak = 0;
  let peakCount = -1;
  for (let index = 0; index < histogram.buckets; index += 1) {
    const count = histogram.series.reduce((sum, series) => sum + (series.counts[index] ?? 0), 0);
    if (count > peakCount) [peak, peakCount] = [index, count];
  }
  const parts = histogram.series.slice(0, 7).map((series) => `${series.key || "(empty)"} ${series.total}`);
  return `${histogram.total} records. ${parts.join(", ")}. Most in one bar: ${peakCount}, from ${toIso(bucketSpan(histogram, peak).from)}.`;
}
