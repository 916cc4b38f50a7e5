/** Rows of the waterfall: which spans are seen, how deep, and what is folded. Linear in the number of spans. */
import { ERROR, hasChildren, REPEATED, type Trace } from "./model.ts";

export interface Hidden {
  /** Spans shorter than this share of the trace. */
  below: number;
  /** Indexes of services and numbers of kinds. */
  services: readonly number[];
  kinds: readonly number[];
  /** Only spans that failed, and those above them. */
  errorsOnly: boolean;
  /** Only spans on the critical path. */
  pathOnly: boolean;
}

export const NOTHING_HIDDEN: Hidden = { below: 0, services: [], kinds: [], errorsOnly: false, pathOnly: false };

export interface Folds {
  /** Spans whose descendants are folded away. */
  spans: readonly number[];
  /** Repeated siblings are one row, but for the groups (first spans) that were opened. */
  repeated: boolean;
  opened: readonly number[];
}

export const NO_FOLDS: Folds = { spans: [], repeated: true, opened: [] };

/** A row stands for its span, or for repeated siblings when `size` is not 0. */
export interface Rows {
  span: Int32Array;
  depth: Int32Array;
  /** Repeated siblings that the row stands for. */
  size: Int32Array;
  /** Spans folded away below it. */
  folded: Int32Array;
  /** Spans that a filter hides. */
  hidden: number;
}

/** Which spans the filters leave. */
export function shownSpans(trace: Trace, hidden: Hidden): Uint8Array {
  const shown = new Uint8Array(trace.count);
  const least = hidden.below * trace.duration;
  const services = new Set(hidden.services);
  const kinds = new Set(hidden.kinds);
  for (let span = 0; span < trace.count; span += 1) {
    const out =
      (trace.durations[span] ?? 0) < least ||
      services.has(trace.service[span] ?? 0) ||
      kinds.has(trace.kind[span] ?? 0) ||
      (hidden.errorsOnly && (trace.failed[span] ?? 0) === 0) ||
      (hidden.pathOnly && (trace.onPath[span] ?? 0) === 0);
    shown[span] = out ? 0 : 1;
  }
  return shown;
}

interface Range {
  at: number;
  end: number;
  /** Group whose member is being walked: it is not folded again. */
  member: number;
  deeper: number;
}

export function layoutRows(trace: Trace, hidden: Hidden, folds: Folds): Rows {
  const { count, ends, parents } = trace;
  const shown = shownSpans(trace, hidden);
  const foldedSpans = new Set(folds.spans);
  const opened = new Set(folds.opened);
  const rows: Rows = {
    span: new Int32Array(count * 2),
    depth: new Int32Array(count * 2),
    size: new Int32Array(count * 2),
    folded: new Int32Array(count * 2),
    hidden: 0,
  };
  /** How deep the children of a span stand, given what is hidden above them. */
  const inner = new Int32Array(count);
  /** Seen members of groups, by the first span; and the groups whose row is there. */
  const sizes = new Int32Array(count);
  const done = new Uint8Array(count);
  let before = 0;
  const shownBefore = new Int32Array(count + 1);
  for (let span = 0; span < count; span += 1) {
    shownBefore[span] = before;
    before += shown[span] ?? 0;
    const group = trace.group[span] ?? -1;
    if (group >= 0 && shown[span]) sizes[group] = (sizes[group] ?? 0) + 1;
  }
  shownBefore[count] = before;
  rows.hidden = count - before;
  const inside = (from: number, to: number): number => (shownBefore[to] ?? 0) - (shownBefore[from] ?? 0);
  let row = 0;
  const put = (span: number, depth: number, size: number, folded: number): void => {
    rows.span[row] = span;
    rows.depth[row] = depth;
    rows.size[row] = size;
    rows.folded[row] = folded;
    row += 1;
  };
  const stack: Range[] = [{ at: 0, end: count, member: -1, deeper: 0 }];
  while (stack.length > 0) {
    const range = stack[stack.length - 1] as Range;
    if (range.at >= range.end) {
      stack.pop();
      continue;
    }
    const span = range.at;
    const parent = parents[span] ?? -1;
    const depth = (parent >= 0 ? (inner[parent] ?? 0) : 0) + (range.member === span ? range.deeper : 0);
    const group = trace.group[span] ?? -1;
    const grouped = folds.repeated && group >= 0 && (sizes[group] ?? 0) >= REPEATED && range.member !== span;
    if (grouped && shown[span]) {
      range.at = ends[span] ?? span + 1;
      if (done[group]) continue;
      done[group] = 1;
      const members: number[] = [];
      let within = 0;
      for (let one = span; one >= 0; one = trace.next[one] ?? -1) {
        if (!shown[one]) continue;
        members.push(one);
        within += inside(one, ends[one] ?? one + 1);
      }
      const open = opened.has(group);
      put(span, depth, members.length, open ? 0 : within);
      if (open)
        for (const member of members.reverse())
          stack.push({ at: member, end: ends[member] ?? member + 1, member, deeper: 1 });
      continue;
    }
    range.at = span + 1;
    if (!shown[span]) {
      inner[span] = depth;
      continue;
    }
    inner[span] = depth + 1;
    const fold = foldedSpans.has(span) && hasChildren(trace, span);
    put(span, depth, 0, fold ? inside(span + 1, ends[span] ?? span + 1) : 0);
    if (fold) range.at = ends[span] ?? span + 1;
  }
  return {
    span: rows.span.slice(0, row),
    depth: rows.depth.slice(0, row),
    size: rows.size.slice(0, row),
    folded: rows.folded.slice(0, row),
    hidden: rows.hidden,
  };
}

/** What a row of repeated siblings says: its whole extent, the sum of durations, and how many failed. */
export function groupFacts(
  trace: Trace,
  first: number,
): { from: number; to: number; total: number; errors: number; longest: number } {
  let [from, to, total, errors, longest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0, first];
  for (let span = first; span >= 0; span = trace.next[span] ?? -1) {
    const [start, duration] = [trace.starts[span] ?? 0, trace.durations[span] ?? 0];
    from = Math.min(from, start);
    to = Math.max(to, start + duration);
    total += duration;
    if (trace.status[span] === ERROR) errors += 1;
    if (duration > (trace.durations[longest] ?? 0)) longest = span;
  }
  return { from, to, total, errors, longest };
}

/** Row of a span, or of the group or the ancestor that it is folded into; -1 when a filter hides it and all above. */
export function rowOf(trace: Trace, rows: Rows, span: number): number {
  const at = new Map<number, number>();
  for (let row = 0; row < rows.span.length; row += 1) {
    const one = rows.span[row] ?? 0;
    if (rows.size[row] === 0 || !at.has(one)) at.set(one, row);
  }
  for (let one = span; one >= 0; one = trace.parents[one] ?? -1) {
    const row = at.get(one) ?? at.get(trace.group[one] ?? -1);
    if (row !== undefined) return row;
  }
  return -1;
}

/** Folds without those that keep a span from being seen. */
export function reveal(trace: Trace, folds: Folds, span: number): Folds {
  const above = new Set<number>();
  const groups = new Set<number>();
  for (let one = span; one >= 0; one = trace.parents[one] ?? -1) {
    if (one !== span) above.add(one);
    const group = trace.group[one] ?? -1;
    if (group >= 0) groups.add(group);
  }
  const spans = folds.spans.filter((one) => !above.has(one));
  const missing = [...groups].filter((group) => !folds.opened.includes(group));
  if (spans.length === folds.spans.length && missing.length === 0) return folds;
  return { ...folds, spans, opened: [...folds.opened, ...missing] };
}

/** Every span with children at this depth or below is folded. */
export function foldBelow(trace: Trace, depth: number): number[] {
  const spans: number[] = [];
  for (let span = 0; span < trace.count; span += 1)
    if ((trace.depth[span] ?? 0) >= depth && hasChildren(trace, span)) spans.push(span);
  return spans;
}
