/**
 * Shapes of traces and services. Instants are texts of ns since the epoch, durations and offsets are ns as numbers: a trace
 * longer than a hundred days would lose its last digits, nothing else.
 */
import type { MetricAnswer } from "./metrics.ts";
import type { FacetsAnswer, Statistics } from "./types.ts";

/** What a query is about: TraceQL, and the range as RFC 3339. */
export interface TracesQuery {
  q: string;
  start: string;
  end: string;
  query_id?: string;
}

export const TRACE_ORDERS = ["newest", "longest", "spans", "errors"] as const;
export type TraceOrder = (typeof TRACE_ORDERS)[number];

export interface TraceSearchRequest extends TracesQuery {
  limit: number;
  order: TraceOrder;
  spansPerTrace: number;
}

export interface ServiceShare {
  name: string;
  spans: number;
  errors: number;
}

export interface MatchedSpan {
  spanId: string;
  name: string;
  service: string;
  start: string;
  duration: number;
  attributes: Record<string, unknown>;
}

export interface SpanSet {
  matched: number;
  attributes: Record<string, unknown>;
  spans: MatchedSpan[];
}

export interface TraceSummary {
  traceId: string;
  rootService: string;
  rootName: string;
  start: string;
  duration: number;
  spans: number;
  errors: number;
  services: ServiceShare[];
  sets: SpanSet[];
}

export interface TraceSearchAnswer {
  traces: TraceSummary[];
  /** Not every trace of the range was looked at. */
  incomplete: boolean;
  statistics: Statistics;
}

/** A whole trace by columns, so that a hundred thousand spans are small. Spans come in depth-first order, siblings by start. */
export interface TraceDocument {
  traceId: string;
  start: string;
  duration: number;
  spans: number;
  errors: number;
  services: string[];
  names: string[];
  ids: string[];
  /** Index of the parent, -1 for roots. */
  parents: number[];
  /** From `start` on. */
  starts: number[];
  durations: number[];
  service: number[];
  name: number[];
  kind: number[];
  status: number[];
  events: number[];
  links: number[];
  /** Spans whose parent is not stored, that lie outside of their parent, and whose parents go round in a circle. */
  orphans: number[];
  skewed: number[];
  cycles: number[];
  /** (span, from, to), offsets from `start`. */
  critical: [number, number, number][];
  truncated: boolean;
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
  duration: number;
  status: string;
  statusMessage: string;
  traceState: string;
  scope: { name: string; version: string; attributes: Record<string, unknown> };
  resource: Record<string, unknown>;
  attributes: Record<string, unknown>;
  events: SpanEvent[];
  links: SpanLink[];
  dropped: { attributes: number; events: number; links: number };
}

export interface DurationClass {
  class: number;
  low: number;
  high: number;
}

export interface TraceHeatmapAnswer {
  /** Begins of the buckets. */
  buckets: string[];
  /** Rows, the shortest first. */
  classes: DurationClass[];
  /** By bucket, then by class. */
  counts: number[][];
  errors: number[][];
  statistics: Statistics;
}

export interface TraceTag {
  name: string;
  /** span, resource, intrinsic, event, link, instrumentation */
  scope: string;
}

export interface TagValue {
  value: string;
  type: string;
  count: number;
}

export type TraceFacets = FacetsAnswer;
export type TraceMetrics = MetricAnswer;

export interface ComparedTag {
  name: string;
  scope: string;
  /** How far the two distributions are apart, 0 to 1. */
  effect: number;
  /** Probability of such a difference by chance, corrected for the number of attributes. */
  significance: number;
  values: {
    value: string;
    type: string;
    selection: number;
    baseline: number;
    selectionShare: number;
    baselineShare: number;
    difference: number;
  }[];
}

export interface TracesCompareAnswer {
  selection: number;
  baseline: number;
  fields: ComparedTag[];
  statistics: Statistics;
}

/** Seconds since the epoch, requests a second, share of errors, 95th percentile in seconds. */
export type SparkPoint = [number, number, number, number];

export interface ServiceInfo {
  name: string;
  requestRate: number;
  /** Share of requests that failed, 0 to 1. */
  errorRate: number;
  /** Seconds. */
  p50: number;
  p95: number;
  p99: number;
  apdex: number;
  spark: SparkPoint[];
  kinds: string[];
}

export const NODE_TYPES = ["service", "database", "messaging", "external", "user"] as const;
export type NodeType = (typeof NODE_TYPES)[number];

export interface MapNode {
  name: string;
  type: NodeType;
  requestRate: number;
  errorRate: number;
  p95: number;
  /** `service.namespace`, "" when it has none. */
  namespace?: string;
}

export interface MapEdge {
  client: string;
  server: string;
  type: string;
  requestRate: number;
  errorRate: number;
  p95Client: number;
  p95Server: number;
}

export interface ServiceMapAnswer {
  nodes: MapNode[];
  edges: MapEdge[];
}

export interface OperationInfo {
  name: string;
  kind: string;
  requestRate: number;
  errorRate: number;
  p50: number;
  p95: number;
  p99: number;
}

export interface DependencyInfo extends MapEdge {
  direction: "upstream" | "downstream";
}

export interface ErrorGroup {
  operation: string;
  type: string;
  message: string;
  count: number;
  first: string;
  last: string;
  traceId: string;
}

export interface CriticalPathRequest {
  service: string;
  operation: string;
  start: string;
  end: string;
  quantiles: [number, number];
}

export interface CriticalPathAnswer {
  traces: number;
  totalMs: number;
  rows: { service: string; operation: string; ms: number; share: number }[];
}
