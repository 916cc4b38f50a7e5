/** Traces for tests: written as a tree, or grown to any size the same way every time. */
import type { TraceDocument } from "../api/traces.ts";

export interface Planted {
  service: string;
  name: string;
  /** ns from the begin of the trace. */
  at: number;
  for: number;
  error?: boolean;
  kind?: number;
  children?: Planted[];
}

/** A document of roots and their children, in depth-first order, siblings by start. */
export function plant(roots: Planted[], extra: Partial<TraceDocument> = {}): TraceDocument {
  const document: TraceDocument = {
    traceId: "0af7651916cd43dd8448eb211c80319c",
    start: "1700000000000000000",
    duration: "0",
    spans: 0,
    errors: 0,
    services: [],
    names: [],
    ids: [],
    parents: [],
    starts: [],
    durations: [],
    service: [],
    name: [],
    kind: [],
    status: [],
    events: [],
    links: [],
    orphans: [],
    skewed: [],
    cycles: [],
    critical: [],
    duplicates: 0,
    truncated: false,
  };
  const indexIn = (list: string[], text: string): number => {
    const at = list.indexOf(text);
    return at >= 0 ? at : list.push(text) - 1;
  };
  const add = (span: Planted, parent: number): void => {
    const own = document.ids.length;
    document.ids.push((own + 1).toString(16).padStart(16, "0"));
    document.parents.push(parent);
    document.starts.push(span.at);
    document.durations.push(span.for);
    document.service.push(indexIn(document.services, span.service));
    document.name.push(indexIn(document.names, span.name));
    document.kind.push(span.kind ?? 1);
    document.status.push(span.error ? 2 : 0);
    document.events.push(0);
    document.links.push(0);
    document.errors += span.error ? 1 : 0;
    document.duration = String(Math.max(Number(document.duration), span.at + span.for));
    for (const child of [...(span.children ?? [])].sort((a, b) => a.at - b.at)) add(child, own);
  };
  for (const root of roots) add(root, -1);
  document.spans = document.ids.length;
  return { ...document, ...extra };
}

/** `count` spans of a busy service: chains, fans of repeated calls, some failures. */
export function grow(count: number, seed = 1): TraceDocument {
  let state = seed;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const duration = 10_000_000_000;
  const services = Array.from({ length: 12 }, (_, index) => `service-${index}`);
  const names = Array.from({ length: 60 }, (_, index) => `operation ${index}`);
  const document = plant([{ service: services[0] ?? "", name: names[0] ?? "", at: 0, for: duration }]);
  Object.assign(document, { services, names });
  const open: { span: number; from: number; to: number }[] = [{ span: 0, from: 0, to: duration }];
  const put = (parent: number, from: number, to: number, service: number, name: number): number => {
    const own = document.ids.length;
    document.ids.push((own + 1).toString(16).padStart(16, "0"));
    document.parents.push(parent);
    document.starts.push(from);
    document.durations.push(to - from);
    document.service.push(service);
    document.name.push(name);
    document.kind.push(1 + Math.floor(random() * 5));
    document.status.push(random() < 0.01 ? 2 : 0);
    document.events.push(0);
    document.links.push(0);
    return own;
  };
  // Depth first: the deepest open span gets the next children, until it is closed.
  while (document.ids.length < count && open.length > 0) {
    const top = open[open.length - 1] as (typeof open)[number];
    if (open.length > 30 || random() < 0.35) {
      if (open.length > 1) open.pop();
      else top.from = 0;
      continue;
    }
    const width = top.to - top.from;
    if (random() < 0.15) {
      const [service, name] = [Math.floor(random() * 12), Math.floor(random() * 60)];
      const calls = Math.min(40, count - document.ids.length);
      for (let call = 0; call < calls; call += 1) {
        const from = top.from + (width * call) / (calls * 4);
        put(top.span, from, from + width / (calls * 5), service, name);
      }
      top.from += width / 4;
      continue;
    }
    const from = top.from + width * random() * 0.1;
    const to = from + width * (0.1 + random() * 0.4);
    const span = put(top.span, from, to, Math.floor(random() * 12), Math.floor(random() * 60));
    top.from = to;
    open.push({ span, from, to });
  }
  document.spans = document.ids.length;
  document.errors = document.status.filter((status) => status === 2).length;
  return document;
}
