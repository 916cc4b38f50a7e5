/** Series of a query as charts draw them: one time axis, values in typed arrays, names for people. */
import type { MetricAnswer, SeriesAnswer } from "../api/metrics.ts";

export type Labels = Readonly<Record<string, string>>;

export interface ChartSeries {
  /** Unique within the chart. */
  key: string;
  name: string;
  labels: Labels;
  /** One a moment of the frame; NaN where there is none. */
  values: Float64Array;
  last: number | null;
  min: number | null;
  max: number | null;
  mean: number | null;
  /** Letter of the query. */
  query: string;
  /** Of an earlier period: drawn dashed, in the colour of this key. */
  earlier?: string;
}

export interface Frame {
  /** Seconds since the epoch, ascending. */
  times: Float64Array;
  series: ChartSeries[];
}

export const EMPTY_FRAME: Frame = { times: new Float64Array(0), series: [] };

/** A value as the server writes it: numbers JSON has none for are texts. */
export function toNumber(value: number | string | null | undefined): number {
  if (typeof value === "number") return value;
  if (value === null || value === undefined) return Number.NaN;
  if (value === "+Inf" || value === "Inf") return Number.POSITIVE_INFINITY;
  return value === "-Inf" ? Number.NEGATIVE_INFINITY : Number.NaN;
}

/** `{{label}}` replaced by the label's value; what is not there is empty. */
export function fillTemplate(template: string, labels: Labels): string {
  return template.replace(/\{\{\s*([^}]+?)\s*\}\}/g, (_, name: string) => labels[name] ?? "");
}

export function quoteValue(value: string): string {
  return `"${value.replace(/[\\"]/g, "\\$&").replace(/\n/g, "\\n")}"`;
}

const PLAIN = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const PLAIN_METRIC = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

export function labelName(name: string): string {
  return PLAIN.test(name) ? name : quoteValue(name);
}

/** A selector that picks these labels of a metric; UTF-8 names stand in quotes. */
export function selectorOf(metric: string, labels: Labels = {}): string {
  const plain = metric === "" || PLAIN_METRIC.test(metric);
  const terms = Object.entries(labels)
    .filter(([name]) => name !== "__name__")
    .map(([name, value]) => `${labelName(name)}=${quoteValue(value)}`);
  if (!plain) terms.unshift(quoteValue(metric));
  const inside = terms.length > 0 || metric === "" ? `{${terms.join(", ")}}` : "";
  return plain ? metric + inside : inside;
}

/** All labels as PromQL writes them. */
export function labelsText(labels: Labels): string {
  return selectorOf(labels.__name__ ?? "", labels);
}

/** Labels on whose values the series of one query differ. */
export function varyingLabels(all: readonly Labels[]): string[] {
  const names = [...new Set(all.flatMap((labels) => Object.keys(labels)))].sort();
  return names.filter((name) => new Set(all.map((labels) => labels[name] ?? "")).size > 1);
}

/** Names of the series of one query: by the template, else by the labels that differ, else the query itself. */
export function seriesNames(all: readonly Labels[], template: string, query: string): string[] {
  if (template !== "") return all.map((labels) => fillTemplate(template, labels) || labelsText(labels));
  const varying = varyingLabels(all);
  if (varying.length === 0)
    return all.map((labels) => (Object.keys(labels).length > 0 ? labelsText(labels) : query.replace(/\s+/g, " ")));
  if (varying.length === 1) return all.map((labels) => labels[varying[0] ?? ""] || `${varying[0]}=""`);
  return all.map((labels) => {
    const shown = Object.fromEntries(varying.filter((name) => labels[name]).map((name) => [name, labels[name] ?? ""]));
    return labelsText(shown);
  });
}

export interface Drawn<Answer extends MetricAnswer = MetricAnswer> {
  answer: Answer;
  letter: string;
  query: string;
  legend: string;
  /** Seconds that an earlier period is moved by to lie upon this one; 0 for this one. */
  shift: number;
  /** What an earlier period is called behind the name. */
  note?: string;
}

/** Times of a series that the server has thinned out; null on the grid of the answer. */
function ownTimes(one: SeriesAnswer): readonly number[] | null {
  return one.times && one.times.length > 0 ? one.times : null;
}

function timesOf(answer: MetricAnswer, one: SeriesAnswer, shift: number): Float64Array {
  const length = one.values.length;
  const times = new Float64Array(length);
  const given = ownTimes(one);
  for (let at = 0; at < length; at += 1)
    times[at] = (given ? (given[at] ?? 0) : answer.start + at * answer.step) / 1000 + shift;
  return times;
}

function sameTimes(a: Float64Array, b: Float64Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at += 1) if (a[at] !== b[at]) return false;
  return true;
}

function union(parts: readonly Float64Array[]): Float64Array {
  let size = 0;
  for (const part of parts) size += part.length;
  const all = new Float64Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  all.sort();
  let kept = 0;
  for (let index = 0; index < size; index += 1)
    if (index === 0 || all[index] !== all[kept - 1]) all[kept++] = all[index] ?? 0;
  return all.slice(0, kept);
}

/**
 * Values on the frame's axis. A moment that only other series have takes the line's value there, so that series with
 * times of their own stay lines and only gaps of their own are gaps.
 */
function align(times: Float64Array, own: Float64Array, values: Float64Array): Float64Array {
  const out = new Float64Array(times.length).fill(Number.NaN);
  let next = 0;
  for (let at = 0; at < times.length; at += 1) {
    const moment = times[at] ?? 0;
    while (next < own.length && (own[next] ?? 0) < moment) next += 1;
    if (next >= own.length) break;
    if (own[next] === moment) out[at] = values[next] ?? Number.NaN;
    else if (next > 0) {
      const [left, right] = [own[next - 1] ?? 0, own[next] ?? 0];
      const [low, high] = [values[next - 1] ?? Number.NaN, values[next] ?? Number.NaN];
      out[at] = low + ((high - low) * (moment - left)) / (right - left);
    }
  }
  return out;
}

function unique(name: string, taken: Set<string>): string {
  let key = name;
  for (let copy = 2; taken.has(key); copy += 1) key = `${name} (${copy})`;
  taken.add(key);
  return key;
}

/** One frame of several queries, and of the earlier periods that they are compared with. */
export function toFrame(drawn: readonly Drawn[]): Frame {
  const several = new Set(drawn.map((part) => part.letter)).size > 1;
  const found: { one: SeriesAnswer; times: Float64Array; series: Omit<ChartSeries, "values"> }[] = [];
  const taken = new Set<string>();
  /** Keys by query and labels, for the colours of earlier periods. */
  const keys = new Map<string, string>();
  let shared: Float64Array | null = null;
  for (const part of drawn) {
    const all = part.answer.series.map((one) => one.labels);
    const names = seriesNames(all, part.legend, part.query);
    part.answer.series.forEach((one, index) => {
      const id = `${part.letter} ${labelsText(one.labels)}`;
      const base = (several ? `${part.letter} · ` : "") + (names[index] ?? "");
      const name = part.note ? `${base} · ${part.note}` : base;
      const key = unique(name, taken);
      if (!part.note) keys.set(id, key);
      const times: Float64Array = ownTimes(one) ? timesOf(part.answer, one, part.shift) : gridOf(part, one, shared);
      shared ??= times;
      found.push({
        one,
        times,
        series: {
          key,
          name: key,
          labels: one.labels,
          last: one.last,
          min: one.min,
          max: one.max,
          mean: one.mean,
          query: part.letter,
          ...(part.note ? { earlier: keys.get(id) ?? base } : {}),
        },
      });
    });
  }
  const axes: Float64Array[] = [];
  for (const { times } of found) if (!axes.some((axis) => axis === times || sameTimes(axis, times))) axes.push(times);
  const times = axes.length === 1 ? (axes[0] ?? new Float64Array(0)) : union(axes);
  const series = found.map(({ one, times: own, series: rest }) => {
    const values = new Float64Array(one.values.length);
    for (let at = 0; at < values.length; at += 1) {
      const value = one.values[at];
      values[at] = typeof value === "number" ? value : toNumber(value);
    }
    return { ...rest, values: own === times || sameTimes(own, times) ? values : align(times, own, values) };
  });
  return { times, series };
}

/** The grid of an answer; the one before when it is the same. */
function gridOf(part: Drawn, one: SeriesAnswer, before: Float64Array | null): Float64Array {
  const { start, step } = part.answer;
  const length = one.values.length;
  const first = start / 1000 + part.shift;
  const last = (start + step * (length - 1)) / 1000 + part.shift;
  if (before && before.length === length && before[0] === first && before[length - 1] === last) return before;
  return timesOf(part.answer, one, part.shift);
}
