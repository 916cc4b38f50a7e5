/** Spans by time and duration as cells: rows of duration classes, the shortest below; and boxes of them. */
import type { TracesHeatmapAnswer } from "../api/traces.ts";
import { fromNsText, type Instant, toIso } from "../time/instant.ts";
import type { Span } from "../time/range.ts";
import { addCondition, conditions, durationText, removeCondition, withoutStages } from "./traceql.ts";

export interface DurationHeat {
  columns: number;
  rows: number;
  /** Begin of each column, ns wide each `step`. */
  from: Instant;
  step: bigint;
  /** ns, of each row. */
  low: number[];
  high: number[];
  /** By column, then by row. */
  counts: Float64Array;
  errors: Float64Array;
  most: number;
  mostErrors: number;
  total: number;
  failed: number;
  /** A sentence when not all spans are in it. */
  incomplete: string;
}

/** Bounds of a class of durations in ns: four to an octave, 0 is no time at all. */
function boundsOf(number: number): { low: number; high: number } {
  if (number <= 0) return { low: 0, high: 1 };
  const edge = (at: number): number => 2 ** Math.floor(at / 4) * (1 + (at % 4) / 4);
  return { low: edge(number - 1), high: edge(number) };
}

/** Classes that do not occur are rows too, but for those beyond the shortest and the longest spans. */
export function readHeatmap(answer: TracesHeatmapAnswer, span: Span, step: bigint): DurationHeat {
  const from = span.from - (span.from % step);
  const columns = Math.max(1, Number((span.to - from + step - 1n) / step));
  const used = answer.classes.flatMap((one, index) =>
    answer.counts.some((column) => (column[index] ?? 0) > 0) ? [one.class] : [],
  );
  const first = used.reduce((least, number) => Math.min(least, number), Number.POSITIVE_INFINITY);
  const last = used.reduce((most, number) => Math.max(most, number), Number.NEGATIVE_INFINITY);
  const rows = used.length === 0 ? 0 : last - first + 1;
  const bounds = Array.from({ length: rows }, (_, row) => boundsOf(first + row));
  for (const { class: number, low, high } of answer.classes)
    if (bounds[number - first]) bounds[number - first] = { low: Number(low), high: Number(high) };
  const heat: DurationHeat = {
    columns,
    rows,
    from,
    step,
    low: bounds.map(({ low }) => low),
    high: bounds.map(({ high }) => high),
    counts: new Float64Array(columns * rows),
    errors: new Float64Array(columns * rows),
    most: 0,
    mostErrors: 0,
    total: 0,
    failed: 0,
    incomplete: answer.statistics.incomplete,
  };
  answer.buckets.forEach((bucket, index) => {
    const column = Number((fromNsText(bucket) - from) / step);
    if (column < 0 || column >= columns) return;
    answer.classes.forEach(({ class: number }, place) => {
      const row = number - first;
      if (row < 0 || row >= rows) return;
      const count = answer.counts[index]?.[place] ?? 0;
      const errors = answer.errors[index]?.[place] ?? 0;
      heat.counts[column * rows + row] = count;
      heat.errors[column * rows + row] = errors;
      heat.most = Math.max(heat.most, count);
      heat.mostErrors = Math.max(heat.mostErrors, errors);
      heat.total += count;
      heat.failed += errors;
    });
  });
  return heat;
}

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400] as const;

/** Width of a column in ns: round, so that there are at most so many. */
export function heatStep(span: Span, columns: number): bigint {
  const seconds = Number(span.to - span.from) / 1e9 / Math.max(1, columns);
  const found = STEPS.find((step) => step >= seconds) ?? Math.ceil(seconds / 86_400) * 86_400;
  return BigInt(found) * 1_000_000_000n;
}

/** Cells from one corner to the other, both included. */
export interface Box {
  fromColumn: number;
  toColumn: number;
  fromRow: number;
  toRow: number;
}

export function boxOf(a: { column: number; row: number }, b: { column: number; row: number }): Box {
  return {
    fromColumn: Math.min(a.column, b.column),
    toColumn: Math.max(a.column, b.column),
    fromRow: Math.min(a.row, b.row),
    toRow: Math.max(a.row, b.row),
  };
}

export interface Chosen {
  span: Span;
  /** As TraceQL spells it; "" where the box reaches the end. */
  min: string;
  max: string;
  spans: number;
  errors: number;
}

/** What a box selects. Rows at the edge of the picture have no end: nothing lies beyond them. */
export function chosenBy(heat: DurationHeat, box: Box): Chosen {
  let [spans, errors] = [0, 0];
  for (let column = box.fromColumn; column <= box.toColumn; column += 1)
    for (let row = box.fromRow; row <= box.toRow; row += 1) {
      spans += heat.counts[column * heat.rows + row] ?? 0;
      errors += heat.errors[column * heat.rows + row] ?? 0;
    }
  return {
    span: {
      from: heat.from + BigInt(box.fromColumn) * heat.step,
      to: heat.from + BigInt(box.toColumn + 1) * heat.step,
    },
    min: box.fromRow <= 0 ? "" : durationText(heat.low[box.fromRow] ?? 0),
    max: box.toRow >= heat.rows - 1 ? "" : durationText(heat.high[box.toRow] ?? 0),
    spans,
    errors,
  };
}

/** The query with the durations of a box instead of its own. */
export function withDurations(query: string, min: string, max: string): string {
  let text = withoutStages(query);
  for (const own of conditions(text).reverse())
    if (own.field === "duration" && /^[<>]=?$/.test(own.op)) text = removeCondition(text, own);
  if (min !== "") text = addCondition(text, `duration >= ${min}`);
  if (max !== "") text = addCondition(text, `duration <= ${max}`);
  return text;
}

/** Both sides of a comparison: the box, or what the query says, and everything else of the range. */
export function compareSides(
  query: string,
  page: Span,
  box: { span: Span | null; min: string; max: string } | null,
): { selection: { query: string; span: Span }; baseline: { query: string; span: Span } } | null {
  const base = withoutStages(query);
  if (box && (box.min !== "" || box.max !== "" || box.span)) {
    const span = box.span ?? page;
    const selection = withDurations(base, box.min, box.max);
    // Of the same time when durations tell them apart, of the same query at other times when they do not.
    if (box.min === "" && box.max === "")
      return { selection: { query: base, span }, baseline: { query: base, span: page } };
    const outside = [box.min && `duration < ${box.min}`, box.max && `duration > ${box.max}`]
      .filter(Boolean)
      .join(" || ");
    return { selection: { query: selection, span }, baseline: { query: addCondition(base, `(${outside})`), span } };
  }
  const parts = conditions(base);
  if (parts.length === 0) return null;
  const all = parts.map((part) => part.text).join(" && ");
  return { selection: { query: base, span: page }, baseline: { query: `{ !(${all}) }`, span: page } };
}

/** Times of a box for the address. */
export function boxTimes(span: Span): { bfrom: string; bto: string } {
  return { bfrom: toIso(span.from), bto: toIso(span.to) };
}
