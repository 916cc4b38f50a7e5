/** Histograms over time as a chart draws them: a column a moment, a row a bucket, the darker the more. */
import type { HeatmapAnswer } from "../api/metrics.ts";
import type { ChartSeries, Frame } from "./series.ts";
import { toNumber } from "./series.ts";
import { formatUnit, type Unit, unitOfMetric, unitOfQuery } from "./units.ts";

export interface Heat {
  /** Seconds since the epoch in the middle of each column; all are `step` wide. */
  times: number[];
  step: number;
  /** Lower and upper bound of the rows, the lowest first. */
  bounds: (readonly [number, number])[];
  /** Counts of the rows; empty where there is no histogram. */
  columns: readonly (readonly number[])[];
  /** The greatest count. */
  max: number;
  /** How many histograms were added up. */
  series: number;
}

/** `shift` moves an earlier period onto this one, in seconds. */
export function toHeat(answer: HeatmapAnswer, shift = 0): Heat {
  const bounds = answer.bounds.map(([low, high]) => [toNumber(low), toNumber(high)] as const);
  let max = 0;
  for (const column of answer.columns) for (const count of column) if (count > max) max = count;
  return {
    times: answer.columns.map((_, at) => (answer.start + at * answer.step) / 1000 + shift),
    step: answer.step / 1000,
    bounds,
    columns: answer.columns,
    max,
    series: answer.series,
  };
}

/** Thresholds of zero buckets are no numbers that mean anything. */
const NOTHING = 1e-30;

export function formatBound(value: number, unit: Unit): string {
  if (Math.abs(value) < NOTHING) return formatUnit(0, unit);
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  return formatUnit(value, unit);
}

export function formatBucket([low, high]: readonly [number, number], unit: Unit): string {
  if (low < 0 && high > 0 && -low < NOTHING && high < NOTHING) return formatUnit(0, unit);
  if (!Number.isFinite(high)) return `> ${formatBound(low, unit)}`;
  if (!Number.isFinite(low)) return `≤ ${formatBound(high, unit)}`;
  return `${formatBound(low, unit)} – ${formatBound(high, unit)}`;
}

/** Where a value lies among the rows: row 2 and a half is 2.5. Within wide rows by the logarithm. */
export function placeOf(heat: Heat, value: number): number {
  const row = heat.bounds.findIndex(([, high]) => value <= high);
  if (row < 0) return heat.bounds.length;
  const [low, high] = heat.bounds[row] ?? [0, 0];
  if (value <= low) return row;
  if (!Number.isFinite(low) || !Number.isFinite(high)) return row + 0.5;
  if (low > 0) return row + Math.log(value / low) / Math.log(high / low);
  return row + (value - low) / (high - low);
}

/** How much of the colour a count has, 0 to 1: by the root, so that few are still seen beside many. */
export function shadeOf(count: number, max: number): number {
  return max > 0 && count > 0 ? Math.sqrt(Math.min(1, count / max)) : 0;
}

/** CSS of a share of the scale. */
export function shadeColor(share: number): string {
  const [from, to, part] =
    share < 0.5 ? ["--heat-low", "--heat-mid", share * 2] : ["--heat-mid", "--heat-high", share * 2 - 1];
  return `color-mix(in oklab, var(${to}) ${Math.round(part * 100)}%, var(${from}))`;
}

/** The rows as series: for tables, and for those who do not see the chart. */
export function heatFrame(heat: Heat, unit: Unit): Frame {
  const series = heat.bounds.map((bucket, row): ChartSeries => {
    const values = Float64Array.from(heat.columns, (column) => column[row] ?? Number.NaN);
    let [min, max, sum, count, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0, Number.NaN];
    for (const value of values) {
      if (Number.isNaN(value)) continue;
      min = Math.min(min, value);
      max = Math.max(max, value);
      sum += value;
      count += 1;
      last = value;
    }
    const known = (value: number): number | null => (count > 0 ? value : null);
    const name = formatBucket(bucket, unit);
    return {
      key: `${row} ${name}`,
      name,
      labels: {},
      values,
      last: known(last),
      min: known(min),
      max: known(max),
      mean: known(sum / count),
      query: "",
    };
  });
  return { times: Float64Array.from(heat.times), series };
}

/** The unit of the values that a query counts in buckets: that of its metric, whatever rates are taken. */
export function unitOfBuckets(query: string): Unit {
  const metric = /[a-zA-Z_:][a-zA-Z0-9_:]*(?=\s*[{[])/.exec(query)?.[0];
  return metric ? unitOfMetric(metric) : unitOfQuery(query);
}

/** Rates of counts are counts a second. */
export function unitOfCounts(query: string): Unit {
  return /\b(?:rate|irate)\s*\(/.test(query) ? "ops" : "";
}

/** Are the series the buckets of a classic histogram? */
export function areBuckets(labels: readonly Readonly<Record<string, string>>[]): boolean {
  return labels.length > 1 && labels.every(({ le }) => /^(?:[+-]?Inf|[+-]?[\d.]+(?:e[+-]?\d+)?)$/i.test(le ?? ""));
}
