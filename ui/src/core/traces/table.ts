/** The trace as tables: its spans in any order, and its operations added up. */
import { ERROR, nameOf, serviceOf, type Trace } from "./model.ts";
import { type Hidden, shownSpans } from "./rows.ts";

export const SPAN_ORDERS = ["start", "duration", "self", "path", "service", "name"] as const;
export type SpanOrder = (typeof SPAN_ORDERS)[number];

export function sortSpans(trace: Trace, hidden: Hidden, by: SpanOrder, down: boolean): Int32Array {
  const shown = shownSpans(trace, hidden);
  const spans = Int32Array.from({ length: trace.count }, (_, span) => span).filter((span) => shown[span] === 1);
  const sign = down ? -1 : 1;
  if (by === "service" || by === "name") {
    const texts = by === "service" ? trace.services : trace.names;
    const column = by === "service" ? trace.service : trace.name;
    const rank = new Int32Array(texts.length);
    texts
      .map((_, index) => index)
      .sort((a, b) => (texts[a] ?? "").localeCompare(texts[b] ?? ""))
      .forEach((index, place) => {
        rank[index] = place;
      });
    return spans.sort((a, b) => sign * ((rank[column[a] ?? 0] ?? 0) - (rank[column[b] ?? 0] ?? 0)) || a - b);
  }
  const column = { start: trace.starts, duration: trace.durations, self: trace.self, path: trace.onPath }[by];
  return spans.sort((a, b) => sign * ((column[a] ?? 0) - (column[b] ?? 0)) || a - b);
}

export interface Operation {
  service: string;
  name: string;
  count: number;
  errors: number;
  /** ns */
  total: number;
  self: number;
  mean: number;
  longest: number;
  path: number;
  /** Its longest span. */
  span: number;
}

/** Spans of one service and name added up, the most self time first. */
export function operations(trace: Trace, hidden: Hidden): Operation[] {
  const shown = shownSpans(trace, hidden);
  const all = new Map<number, Operation>();
  for (let span = 0; span < trace.count; span += 1) {
    if (!shown[span]) continue;
    const key = (trace.service[span] ?? 0) * trace.names.length + (trace.name[span] ?? 0);
    let one = all.get(key);
    if (!one) {
      one = {
        service: serviceOf(trace, span),
        name: nameOf(trace, span),
        count: 0,
        errors: 0,
        total: 0,
        self: 0,
        mean: 0,
        longest: -1,
        path: 0,
        span,
      };
      all.set(key, one);
    }
    const duration = trace.durations[span] ?? 0;
    one.count += 1;
    one.total += duration;
    one.self += trace.self[span] ?? 0;
    one.path += trace.onPath[span] ?? 0;
    if (trace.status[span] === ERROR) one.errors += 1;
    if (duration > one.longest) {
      one.longest = duration;
      one.span = span;
    }
  }
  const rows = [...all.values()];
  for (const row of rows) row.mean = row.total / row.count;
  return rows.sort((a, b) => b.self - a.self || b.total - a.total);
}
