/**
 * A trace in typed arrays, and what follows from its tree: depths, subtrees, self times, repeated siblings. Spans are indexes
 * in depth-first order, so the descendants of a span are the indexes up to `ends`.
 */
import type { TraceDocument } from "../api/traces.ts";
import { fromNsText, type Instant } from "../time/instant.ts";

export const KINDS = ["unspecified", "internal", "server", "client", "producer", "consumer"] as const;
export const STATUSES = ["unset", "ok", "error"] as const;
export const ERROR = 2;

export const ORPHAN = 1;
export const SKEWED = 2;
export const CYCLE = 4;

/** So many siblings of one service and name are folded into one row. */
export const REPEATED = 5;

export interface Trace {
  id: string;
  start: Instant;
  /** ns, as all offsets and durations. */
  duration: number;
  count: number;
  errors: number;
  services: string[];
  names: string[];
  ids: string[];
  parents: Int32Array;
  starts: Float64Array;
  durations: Float64Array;
  service: Int32Array;
  name: Int32Array;
  kind: Uint8Array;
  status: Uint8Array;
  events: Int32Array;
  links: Int32Array;
  depth: Int32Array;
  /** One behind the last descendant. */
  ends: Int32Array;
  /** Time in which no child runs. */
  self: Float64Array;
  /** Failed spans of the subtree, the span included. */
  failed: Int32Array;
  /** ORPHAN, SKEWED, CYCLE. */
  flags: Uint8Array;
  /** Time on the critical path, and its pieces in the order of time. */
  onPath: Float64Array;
  path: { span: Int32Array; from: Float64Array; to: Float64Array };
  /** First of the repeated siblings that a span is one of, -1 for all others; and the next of them, -1 behind the last. */
  group: Int32Array;
  next: Int32Array;
  truncated: boolean;
}

/** Numbers that do not depend on each other's order: sorted starts and ends of children tell what they cover. */
function selfTimes(parents: Int32Array, starts: Float64Array, durations: Float64Array): Float64Array {
  const count = parents.length;
  const self = durations.slice();
  // Siblings come by start, so the cover of each parent grows to the right.
  const covered = new Float64Array(count).fill(Number.NEGATIVE_INFINITY);
  for (let span = 0; span < count; span += 1) {
    const parent = parents[span] ?? -1;
    if (parent < 0) continue;
    const [low, high] = [starts[parent] ?? 0, (starts[parent] ?? 0) + (durations[parent] ?? 0)];
    const from = Math.max(low, starts[span] ?? 0, covered[parent] ?? 0);
    const to = Math.min(high, (starts[span] ?? 0) + (durations[span] ?? 0));
    if (to <= from) continue;
    self[parent] = (self[parent] ?? 0) - (to - from);
    covered[parent] = to;
  }
  return self;
}

function repeatedSiblings(trace: Pick<Trace, "parents" | "service" | "name" | "names" | "services">): {
  group: Int32Array;
  next: Int32Array;
} {
  const count = trace.parents.length;
  const group = new Int32Array(count).fill(-1);
  const next = new Int32Array(count).fill(-1);
  const width = Math.max(1, trace.names.length);
  const kinds = width * Math.max(1, trace.services.length);
  const seen = new Map<number, { first: number; last: number; size: number }>();
  for (let span = 0; span < count; span += 1) {
    const key =
      ((trace.parents[span] ?? -1) + 1) * kinds + (trace.service[span] ?? 0) * width + (trace.name[span] ?? 0);
    const found = seen.get(key);
    if (!found) {
      seen.set(key, { first: span, last: span, size: 1 });
      continue;
    }
    next[found.last] = span;
    found.last = span;
    found.size += 1;
  }
  for (const { first, size } of seen.values()) {
    let span = first;
    while (span >= 0) {
      const after = next[span] ?? -1;
      if (size >= REPEATED) group[span] = first;
      else next[span] = -1;
      span = after;
    }
  }
  return { group, next };
}

/** Reads a document. Parents that stand behind their child are none: the order is what everything here relies on. */
export function readTrace(document: TraceDocument): Trace {
  const count = document.ids.length;
  const parents = Int32Array.from(document.parents, (parent, span) => (parent < span ? parent : -1));
  const starts = Float64Array.from(document.starts);
  const durations = Float64Array.from(document.durations);
  const depth = new Int32Array(count);
  const ends = new Int32Array(count);
  const failed = new Int32Array(count);
  const flags = new Uint8Array(count);
  for (let span = 0; span < count; span += 1) {
    const parent = parents[span] ?? -1;
    if (parent >= 0) depth[span] = (depth[parent] ?? 0) + 1;
  }
  for (let span = count - 1; span >= 0; span -= 1) {
    ends[span] = Math.max(ends[span] ?? 0, span + 1);
    if (document.status[span] === ERROR) failed[span] = (failed[span] ?? 0) + 1;
    const parent = parents[span] ?? -1;
    if (parent < 0) continue;
    ends[parent] = Math.max(ends[parent] ?? 0, ends[span] ?? 0);
    failed[parent] = (failed[parent] ?? 0) + (failed[span] ?? 0);
  }
  for (const [spans, flag] of [
    [document.orphans, ORPHAN],
    [document.skewed, SKEWED],
    [document.cycles, CYCLE],
  ] as const)
    for (const span of spans) flags[span] = (flags[span] ?? 0) | flag;
  const onPath = new Float64Array(count);
  for (const [span, from, to] of document.critical) onPath[span] = (onPath[span] ?? 0) + (to - from);
  const service = Int32Array.from(document.service);
  const name = Int32Array.from(document.name);
  const { names, services } = document;
  return {
    id: document.traceId,
    start: fromNsText(document.start),
    duration: Number(document.duration),
    count,
    errors: document.errors,
    services,
    names,
    ids: document.ids,
    parents,
    starts,
    durations,
    service,
    name,
    kind: Uint8Array.from(document.kind),
    status: Uint8Array.from(document.status),
    events: Int32Array.from(document.events),
    links: Int32Array.from(document.links),
    depth,
    ends,
    self: selfTimes(parents, starts, durations),
    failed,
    flags,
    onPath,
    path: {
      span: Int32Array.from(document.critical, (piece) => piece[0]),
      from: Float64Array.from(document.critical, (piece) => piece[1]),
      to: Float64Array.from(document.critical, (piece) => piece[2]),
    },
    ...repeatedSiblings({ parents, service, name, names, services }),
    truncated: document.truncated,
  };
}

export function serviceOf(trace: Trace, span: number): string {
  return trace.services[trace.service[span] ?? 0] ?? "";
}

export function nameOf(trace: Trace, span: number): string {
  return trace.names[trace.name[span] ?? 0] ?? "";
}

export function hasChildren(trace: Trace, span: number): boolean {
  return (trace.ends[span] ?? 0) > span + 1;
}

/** From the root down to the span, itself included. */
export function lineage(trace: Trace, span: number): number[] {
  const line: number[] = [];
  for (let at = span; at >= 0; at = trace.parents[at] ?? -1) line.unshift(at);
  return line;
}

/** Index of the span with this id; -1 when there is none. */
export function spanById(trace: Trace, id: string): number {
  return id === "" ? -1 : trace.ids.indexOf(id);
}

export const BLAME = ["slow", "error"] as const;
export type Blame = (typeof BLAME)[number];

/**
 * The span that is to blame for how long the trace took (the most time on the critical path), or for its failure (failed,
 * with nothing below it that failed, the most time on the path first). -1 when there is none.
 */
export function blamed(trace: Trace, what: Blame): number {
  let found = -1;
  for (let span = 0; span < trace.count; span += 1) {
    if (what === "error" && (trace.status[span] !== ERROR || trace.failed[span] !== 1)) continue;
    if (found < 0 || (trace.onPath[span] ?? 0) > (trace.onPath[found] ?? 0)) found = span;
  }
  return found;
}

/** Time on the critical path by service, the most first. */
export function pathByService(trace: Trace): { service: string; time: number; share: number }[] {
  const times = new Float64Array(trace.services.length);
  let total = 0;
  for (let span = 0; span < trace.count; span += 1) {
    const time = trace.onPath[span] ?? 0;
    const service = trace.service[span] ?? 0;
    times[service] = (times[service] ?? 0) + time;
    total += time;
  }
  return [...times]
    .map((time, index) => ({ service: trace.services[index] ?? "", time, share: total > 0 ? time / total : 0 }))
    .filter((row) => row.time > 0)
    .sort((a, b) => b.time - a.time);
}

/** Services with their number of spans and errors, the most spans first. */
export function serviceShares(trace: Trace): { index: number; name: string; spans: number; errors: number }[] {
  const spans = new Int32Array(trace.services.length);
  const errors = new Int32Array(trace.services.length);
  for (let span = 0; span < trace.count; span += 1) {
    const service = trace.service[span] ?? 0;
    spans[service] = (spans[service] ?? 0) + 1;
    if (trace.status[span] === ERROR) errors[service] = (errors[service] ?? 0) + 1;
  }
  return trace.services
    .map((name, index) => ({ index, name, spans: spans[index] ?? 0, errors: errors[index] ?? 0 }))
    .sort((a, b) => b.spans - a.spans || a.name.localeCompare(b.name));
}

/** Typed arrays of a trace, for handing it over to another thread without copying. */
export function buffersOf(trace: Trace): ArrayBuffer[] {
  const values: unknown[] = [...Object.values(trace), ...Object.values(trace.path)];
  return values.flatMap((value) => (ArrayBuffer.isView(value) ? [value.buffer as ArrayBuffer] : []));
}
