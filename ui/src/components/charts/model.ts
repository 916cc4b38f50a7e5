/** What a chart draws, worked out of its series before any canvas is touched. */
import { decimate, stack, withGaps } from "../../core/metrics/decimate.ts";
import { type Heat, placeOf } from "../../core/metrics/heat.ts";
import { type Look, looksOf } from "../../core/metrics/look.ts";
import type { ChartStyle } from "../../core/metrics/queries.ts";
import type { ChartSeries, Frame } from "../../core/metrics/series.ts";
import type { Unit } from "../../core/metrics/units.ts";

export interface ChartExemplar {
  key: string;
  /** Seconds since the epoch. */
  time: number;
  value: number;
  labels: Readonly<Record<string, string>>;
  /** Labels of the series that it belongs to. */
  series: Readonly<Record<string, string>>;
}

export interface Threshold {
  value: number;
  tone?: "danger" | "warn" | "ok";
}

export interface DrawnSeries {
  series: ChartSeries;
  look: Look;
  /** As they are: what is said about a moment. */
  values: (number | null)[];
  /** As they are drawn: on top of those below when stacked. */
  drawn: (number | null)[];
}

export interface Model {
  /** Seconds, ascending; at most two a pixel. */
  times: number[];
  series: DrawnSeries[];
  style: ChartStyle;
  unit: Unit;
  from: number;
  to: number;
  thresholds: readonly Threshold[];
  exemplars: readonly ChartExemplar[];
  /** Lowest and highest end of the scale, when they are given. */
  range: readonly [number, number] | null;
  /** Drawn in the place of series: the scale is that of its rows. */
  heat: Heat | null;
}

/** A value on the scale of the chart. */
export function onScale(model: Model, value: number): number {
  return model.heat ? placeOf(model.heat, value) : value;
}

/** Runs `work` and leaves its time as a measure of that name, for tests and profiles. */
export function measured<T>(name: string, work: () => T): T {
  const start = performance.now();
  const result = work();
  performance.clearMeasures?.(name);
  performance.measure?.(name, { start, end: performance.now() });
  return result;
}

export function looksFor(series: readonly ChartSeries[]): Map<string, Look> {
  const looks = looksOf(series.filter((one) => one.earlier === undefined).map((one) => one.key));
  const own = looksOf(
    series.filter((one) => one.earlier !== undefined && !looks.has(one.earlier)).map((one) => one.key),
  );
  for (const one of series) {
    if (one.earlier === undefined) continue;
    const base = looks.get(one.earlier) ?? own.get(one.key);
    looks.set(one.key, { color: base?.color ?? "--series-rest", dash: [5, 4] });
  }
  return looks;
}

interface Wanted extends Omit<Model, "times" | "series"> {
  frame: Frame;
  looks: ReadonlyMap<string, Look>;
  /** Keys of the series that are shown; null shows all. */
  only: ReadonlySet<string> | null;
  width: number;
}

/** Charts stack what is of one time; an earlier period stays a line over it. */
export function buildModel({ width, ...wanted }: Wanted): Model {
  const model = seriesModel(width, wanted);
  return model.exemplars.length > 0 ? { ...model, exemplars: thinned(model, width) } : model;
}

function seriesModel(width: number, { frame, looks, only, ...rest }: Omit<Wanted, "width">): Model {
  if (rest.heat) return { ...rest, times: rest.heat.times, series: [] };
  const shown = frame.series.filter((one) => only === null || only.has(one.key));
  const { times, values } = decimate(
    frame.times,
    shown.map((one) => one.values),
    rest.from,
    rest.to,
    width,
  );
  const columns = values.map(withGaps);
  const stacked = rest.style === "stacked" ? shown.map((one) => one.earlier === undefined) : [];
  const sums = stack(columns.filter((_, index) => stacked[index]));
  let next = 0;
  const series = shown.map((one, index) => ({
    series: one,
    look: looks.get(one.key) ?? { color: "--series-rest", dash: [] },
    values: columns[index] ?? [],
    drawn: (stacked[index] ? sums[next++] : columns[index]) ?? [],
  }));
  return { ...rest, times: Array.from(times), series };
}

/** Pixels that an exemplar has to itself, and rows of them. */
const APART = 20;
const BANDS = 10;

/** Exemplars that can be told apart: of those that would lie on each other the greatest. In the order of time. */
export function thinned(model: Model, width: number): ChartExemplar[] {
  const { from, to, exemplars } = model;
  const inside = exemplars.filter(({ time }) => time >= from && time <= to);
  const places = inside.map(({ value }) => onScale(model, value));
  const low = places.reduce((least, place) => Math.min(least, place), Number.POSITIVE_INFINITY);
  const high = places.reduce((most, place) => Math.max(most, place), Number.NEGATIVE_INFINITY);
  const columns = Math.max(1, Math.floor(width / APART));
  const kept = new Map<number, ChartExemplar>();
  inside.forEach((one, at) => {
    const column = Math.min(columns - 1, Math.floor(((one.time - from) / (to - from || 1)) * columns));
    const band = Math.min(BANDS - 1, Math.floor((((places[at] ?? 0) - low) / (high - low || 1)) * BANDS));
    const cell = column * BANDS + band;
    const other = kept.get(cell);
    if (!other || one.value > other.value) kept.set(cell, one);
  });
  return [...kept.values()].sort((a, b) => a.time - b.time);
}

/** Index of the moment that lies nearest; -1 without any. */
export function nearestIndex(times: readonly number[], time: number): number {
  let [low, high] = [0, times.length - 1];
  if (high < 0) return -1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? 0) < time) low = middle + 1;
    else high = middle;
  }
  const before = low - 1;
  return before >= 0 && time - (times[before] ?? 0) <= (times[low] ?? 0) - time ? before : low;
}

export interface TipRow {
  series: ChartSeries;
  look: Look;
  value: number;
  /** The one that lies nearest to the pointer. */
  nearest: boolean;
}

export const TIP_ROWS = 10;

export interface HeatRow {
  row: number;
  count: number;
  nearest: boolean;
}

/** Buckets of a column, the highest first: five around a place on the scale, or without one the ten fullest. */
export function heatRows(heat: Heat, index: number, place: number | null): HeatRow[] {
  const column = heat.columns[index] ?? [];
  const all = column.map((count, row) => ({ row, count, nearest: place !== null && row === Math.floor(place) }));
  const chosen =
    place === null
      ? all
          .filter(({ count }) => count > 0)
          .sort((a, b) => b.count - a.count)
          .slice(0, TIP_ROWS)
      : all.filter(({ row }) => Math.abs(row - Math.floor(place)) <= 2);
  return chosen.sort((a, b) => b.row - a.row);
}

/** The ten series nearest to a height (in the unit of `heightOf`), the largest value first, and how many there are. */
export function tipRows(
  model: Model,
  index: number,
  height: number | null,
  heightOf: (value: number) => number,
): { rows: TipRow[]; count: number } {
  const there = model.series.flatMap((one) => {
    const value = one.values[index];
    const drawn = one.drawn[index];
    if (value === null || value === undefined || drawn === null || drawn === undefined) return [];
    return [{ one, value, distance: height === null ? 0 : Math.abs(heightOf(drawn) - height) }];
  });
  const byDistance =
    height === null ? [...there].sort((a, b) => b.value - a.value) : [...there].sort((a, b) => a.distance - b.distance);
  const nearest = height === null ? undefined : byDistance[0];
  const rows = byDistance
    .slice(0, TIP_ROWS)
    .sort((a, b) => b.value - a.value)
    .map((entry) => ({
      series: entry.one.series,
      look: entry.one.look,
      value: entry.value,
      nearest: entry === nearest,
    }));
  return { rows, count: there.length };
}

/** The scale of the values, with room above and below; begins at zero where that wastes little or areas are filled. */
export function valueRange(low: number | null, high: number | null, model: Model): [number, number] {
  if (model.heat) return [0, Math.max(1, model.heat.bounds.length)];
  let [min, max] = [low ?? Number.POSITIVE_INFINITY, high ?? Number.NEGATIVE_INFINITY];
  for (const { value } of model.thresholds) {
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  for (const { value } of model.exemplars) {
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  if (model.range) [min, max] = [Math.min(min, model.range[0]), Math.max(max, model.range[1])];
  if (!Number.isFinite(min) || !Number.isFinite(max)) return [0, 1];
  const filled = model.style === "area" || model.style === "stacked";
  if (min >= 0 && (filled || min < max * 0.6)) min = 0;
  else if (max <= 0 && filled) max = 0;
  if (min === max) {
    const room = Math.abs(min) * 0.1 || 1;
    return [min === 0 ? 0 : min - room, max + room];
  }
  const room = (max - min) * 0.06;
  return [min === 0 ? 0 : min - room, max === 0 ? 0 : max + room];
}
