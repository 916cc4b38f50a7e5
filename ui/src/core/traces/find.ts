/** Finding spans by words: of the service, the name, the kind, the status, or the beginning of the id. */
import { KINDS, nameOf, STATUSES, serviceOf, type Trace } from "./model.ts";

const ID = /^[0-9a-f]{4,16}$/;

/** Spans in which each word is found, in the order of the waterfall. */
export function findSpans(trace: Trace, text: string): Int32Array {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return new Int32Array(0);
  const services = trace.services.map((name) => name.toLowerCase());
  const names = trace.names.map((name) => name.toLowerCase());
  const tests = words.map((word) => ({
    services: services.map((name) => name.includes(word)),
    names: names.map((name) => name.includes(word)),
    kinds: KINDS.map((kind) => kind === word),
    statuses: STATUSES.map((status) => status === word),
    id: ID.test(word) ? word : null,
  }));
  const found: number[] = [];
  for (let span = 0; span < trace.count; span += 1) {
    const all = tests.every(
      (test) =>
        test.services[trace.service[span] ?? 0] ||
        test.names[trace.name[span] ?? 0] ||
        test.kinds[trace.kind[span] ?? 0] ||
        test.statuses[trace.status[span] ?? 0] ||
        (test.id !== null && (trace.ids[span] ?? "").startsWith(test.id)),
    );
    if (all) found.push(span);
  }
  return Int32Array.from(found);
}

/** The hit after or before a span; wraps around. -1 when there is none. */
export function nextHit(hits: Int32Array, span: number, direction: 1 | -1): number {
  if (hits.length === 0) return -1;
  if (direction === 1) return hits.find((hit) => hit > span) ?? hits[0] ?? -1;
  return hits.findLast((hit) => hit < span) ?? hits[hits.length - 1] ?? -1;
}

/** What a screen reader is told of a span. */
export function spanLabel(trace: Trace, span: number): string {
  const status = STATUSES[trace.status[span] ?? 0] === "error" ? ", error" : "";
  return `${serviceOf(trace, span)} ${nameOf(trace, span)}${status}`;
}
