/** From what the server sends to what the pages work with: durations as numbers, kinds and statuses as words, series as frames. */
import type { FoundTrace, Scalar, TagsAnswer, TagValue, TracesMetricsAnswer, WholeSpan } from "../api/traces.ts";
import { type ChartSeries, type Frame, seriesNames } from "../metrics/series.ts";
import { KINDS, STATUSES } from "./model.ts";
import { fieldOf } from "./traceql.ts";

export interface MatchedSpan {
  spanId: string;
  name: string;
  service: string;
  /** ns */
  duration: number;
  attributes: Record<string, Scalar>;
}

export interface TraceSummary {
  traceId: string;
  rootService: string;
  rootName: string;
  start: string;
  /** ns */
  duration: number;
  spans: number;
  errors: number;
  services: FoundTrace["services"];
  sets: { matched: number; attributes: Record<string, Scalar>; spans: MatchedSpan[] }[];
}

export function readSummary(found: FoundTrace): TraceSummary {
  return {
    ...found,
    duration: Number(found.duration),
    sets: found.sets.map((set) => ({
      ...set,
      spans: set.spans.map((span) => ({ ...span, duration: Number(span.duration) })),
    })),
  };
}

export interface SpanEvent {
  time: string;
  name: string;
  attributes: Record<string, unknown>;
}

export interface SpanLink {
  traceId: string;
  spanId: string;
  attributes: Record<string, unknown>;
}

export interface SpanDetail {
  traceId: string;
  spanId: string;
  parentSpanId: string;
  name: string;
  kind: string;
  service: string;
  start: string;
  /** ns */
  duration: number;
  status: string;
  statusMessage: string;
  traceState: string;
  /** Spans that it stands for. */
  weight: number;
  scope: WholeSpan["scope"];
  resource: Record<string, unknown>;
  attributes: Record<string, unknown>;
  events: SpanEvent[];
  links: SpanLink[];
  dropped: WholeSpan["dropped"];
}

export function readSpan(span: WholeSpan): SpanDetail {
  return {
    ...span,
    duration: Number(span.duration),
    kind: KINDS[span.kind] ?? "unspecified",
    status: STATUSES[span.status] ?? "unset",
  };
}

/** Fields by their names in TraceQL. */
export function fieldsOf({ scopes }: TagsAnswer): string[] {
  return scopes.flatMap((scope) => scope.tags.map((tag) => fieldOf(scope.name, tag)));
}

export interface Choice {
  value: string;
  type: string;
  count: number;
}

export function choicesOf(values: readonly TagValue[]): Choice[] {
  return values.map((entry) => ({ ...entry, value: String(entry.value) }));
}

/** Series as charts draw them. A label that the spans do not have is empty. */
export function frameOfSeries(answer: TracesMetricsAnswer, query: string): Frame {
  const moments = new Set<string>();
  for (const { points } of answer.series) for (const [time] of points) moments.add(time);
  const sorted = [...moments].sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
  const place = new Map(sorted.map((time, at) => [time, at]));
  const labels = answer.series.map((one) =>
    Object.fromEntries(Object.entries(one.labels).map(([name, value]) => [name, value === null ? "" : String(value)])),
  );
  const names = seriesNames(labels, "", query);
  const taken = new Set<string>();
  const series = answer.series.map((one, index): ChartSeries => {
    const values = new Float64Array(sorted.length).fill(Number.NaN);
    let [last, min, max, sum, count] = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0];
    for (const [time, value] of one.points) {
      if (value === null) continue;
      values[place.get(time) ?? 0] = value;
      last = value;
      min = Math.min(min, value);
      max = Math.max(max, value);
      sum += value;
      count += 1;
    }
    let key = names[index] ?? "";
    for (let copy = 2; taken.has(key); copy += 1) key = `${names[index]} (${copy})`;
    taken.add(key);
    const known = (value: number): number | null => (count > 0 ? value : null);
    return {
      key,
      name: key,
      labels: labels[index] ?? {},
      values,
      last: known(last),
      min: known(min),
      max: known(max),
      mean: known(sum / count),
      query: "A",
    };
  });
  series.sort((a, b) => (b.mean ?? 0) - (a.mean ?? 0));
  return { times: Float64Array.from(sorted, (time) => Number(BigInt(time) / 1_000_000n) / 1000), series };
}
