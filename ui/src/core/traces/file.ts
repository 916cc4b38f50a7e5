/** Spans of a file that was opened in the browser: OTLP JSON or Jaeger JSON. The server draws it, details are read here. */
import type { TraceDocument } from "../api/traces.ts";
import { KINDS, STATUSES } from "./model.ts";
import type { SpanDetail, SpanEvent, SpanLink } from "./wire.ts";

/** Larger files are refused before they are read. */
export const MOST_BYTES: number = 64 * 1024 * 1024;

type Json = Record<string, unknown>;

const list = (value: unknown): Json[] => (Array.isArray(value) ? (value as Json[]) : []);
const text = (value: unknown): string => (typeof value === "string" || typeof value === "number" ? String(value) : "");

/** An OTLP value: exactly one of its keys is there. */
function plain(value: unknown): unknown {
  const any = (value ?? {}) as Json;
  if ("intValue" in any) return Number(any.intValue);
  if ("arrayValue" in any) return list((any.arrayValue as Json).values).map(plain);
  if ("kvlistValue" in any) return attributes((any.kvlistValue as Json).values);
  return any.stringValue ?? any.boolValue ?? any.doubleValue ?? any.bytesValue ?? null;
}

function attributes(value: unknown): Record<string, unknown> {
  return Object.fromEntries(list(value).map((entry) => [text(entry.key), plain(entry.value)]));
}

function jaegerTags(value: unknown): Record<string, unknown> {
  return Object.fromEntries(list(value).map((entry) => [text(entry.key), entry.value]));
}

const id = (value: unknown): string => text(value).toLowerCase();

function otlpSpan(span: Json, resource: Record<string, unknown>, scope: Json): SpanDetail {
  const start = text(span.startTimeUnixNano) || "0";
  const status = (span.status ?? {}) as Json;
  return {
    traceId: id(span.traceId),
    spanId: id(span.spanId),
    parentSpanId: id(span.parentSpanId),
    name: text(span.name),
    kind: KINDS[Number(span.kind ?? 0)] ?? "unspecified",
    service: text(resource["service.name"]),
    start,
    duration: Number(BigInt(text(span.endTimeUnixNano) || start) - BigInt(start)),
    status: STATUSES[Number(status.code ?? 0)] ?? "unset",
    statusMessage: text(status.message),
    traceState: text(span.traceState),
    weight: 1,
    scope: { name: text(scope.name), version: text(scope.version), attributes: attributes(scope.attributes) },
    resource,
    attributes: attributes(span.attributes),
    events: list(span.events).map(
      (event): SpanEvent => ({
        time: text(event.timeUnixNano),
        name: text(event.name),
        attributes: attributes(event.attributes),
      }),
    ),
    links: list(span.links).map(
      (link): SpanLink => ({
        traceId: id(link.traceId),
        spanId: id(link.spanId),
        attributes: attributes(link.attributes),
      }),
    ),
    dropped: {
      attributes: Number(span.droppedAttributesCount ?? 0),
      events: Number(span.droppedEventsCount ?? 0),
      links: Number(span.droppedLinksCount ?? 0),
    },
  };
}

function jaegerSpan(span: Json, processes: Json): SpanDetail {
  const process = (processes[text(span.processID)] ?? {}) as Json;
  const tags = jaegerTags(span.tags);
  const parent = list(span.references).find((reference) => reference.refType === "CHILD_OF");
  return {
    traceId: id(span.traceID),
    spanId: id(span.spanID).padStart(16, "0"),
    parentSpanId: parent ? id(parent.spanID).padStart(16, "0") : "",
    name: text(span.operationName),
    kind: text(tags["span.kind"]) || "unspecified",
    service: text(process.serviceName),
    start: `${text(span.startTime) || "0"}000`,
    duration: Number(span.duration ?? 0) * 1000,
    status: tags.error === true || tags["otel.status_code"] === "ERROR" ? "error" : "unset",
    statusMessage: text(tags["otel.status_description"]),
    traceState: "",
    weight: 1,
    scope: { name: text(tags["otel.library.name"]), version: text(tags["otel.library.version"]), attributes: {} },
    resource: { "service.name": process.serviceName, ...jaegerTags(process.tags) },
    attributes: tags,
    events: list(span.logs).map((log): SpanEvent => {
      const fields = jaegerTags(log.fields);
      return { time: `${text(log.timestamp)}000`, name: text(fields.event), attributes: fields };
    }),
    links: list(span.references)
      .filter((reference) => reference.refType !== "CHILD_OF")
      .map((reference): SpanLink => ({ traceId: id(reference.traceID), spanId: id(reference.spanID), attributes: {} })),
    dropped: { attributes: 0, events: 0, links: 0 },
  };
}

/** Details of every span of a file, by its id. */
export function spansOfFile(file: unknown): Map<string, SpanDetail> {
  const spans = new Map<string, SpanDetail>();
  const root = (file ?? {}) as Json;
  const traces = Array.isArray(root.data) ? list(root.data) : Array.isArray(root.spans) ? [root] : [];
  for (const trace of traces)
    for (const span of list(trace.spans)) {
      const detail = jaegerSpan(span, (trace.processes ?? {}) as Json);
      spans.set(detail.spanId, detail);
    }
  for (const group of list(root.resourceSpans)) {
    const resource = attributes(((group.resource ?? {}) as Json).attributes);
    for (const scoped of [...list(group.scopeSpans), ...list(group.instrumentationLibrarySpans)])
      for (const span of list(scoped.spans)) {
        const detail = otlpSpan(span, resource, (scoped.scope ?? {}) as Json);
        spans.set(detail.spanId, detail);
      }
  }
  return spans;
}

export interface OpenedFile {
  name: string;
  document: TraceDocument;
  spans: ReadonlyMap<string, SpanDetail>;
}

/** The file that this tab has open; gone when it is reloaded. */
class FileStore {
  private file: OpenedFile | null = null;
  private readonly listeners = new Set<() => void>();

  get = (): OpenedFile | null => this.file;

  set(file: OpenedFile | null): void {
    this.file = file;
    for (const listener of this.listeners) listener();
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };
}

export const openedFile: FileStore = new FileStore();
/** Stands for the id of a trace in the address. */
export const FILE_ID = "file";
