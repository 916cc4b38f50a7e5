/**
 * Shapes of traces and services as the server sends them. Instants and durations are texts of ns, rates are a second, latencies
 * seconds; `core/traces/wire.ts` makes of them what the pages work with.
 */
import type { Statistics } from "./types.ts";

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

export type Scalar = string | number | boolean;

export interface FoundSpan {
  spanId: string;
  name: string;
  service: string;
  start: string;
  duration: string;
  attributes: Record<string, Scalar>;
}

export interface FoundTrace {
  traceId: string;
  rootService: string;
  rootName: string;
  start: string;
  duration: string;
  spans: number;
  errors: number;
  services: { name: string; spans: number; errors: number }[];
  sets: { matched: number; attributes: Record<string, Scalar>; spans: FoundSpan[] }[];
}

export interface TracesSearchAnswer {
  traces: FoundTrace[];
  /** A sentence when not everything was looked at. */
  incomplete: string;
  statistics: Statistics;
}

/** A whole trace by columns, so that a hundred thousand spans are small. Spans come in depth-first order, siblings by start. */
export interface TraceDocument {
  traceId: string;
  start: string;
  duration: string;
  spans: number;
  errors: number;
  services: string[];
  names: string[];
  ids: string[];
  /** Index of the parent, -1 for roots. */
  parents: number[];
  /** ns from `start` on. */
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
  /** (span, from, to), ns from `start` on. */
  critical: [number, number, number][];
  /** Spans that came twice and are left out. */
  duplicates: number;
  truncated: boolean;
}

export interface WholeSpan {
  traceId: string;
  spanId: string;
  parentSpanId: string;
  name: string;
  kind: number;
  service: string;
  start: string;
  duration: string;
  status: number;
  statusMessage: string;
  traceState: string;
  flags: number;
  /** How many spans it stands for. */
  weight: number;
  scope: { name: string; version: string; attributes: Record<string, unknown> };
  resource: Record<string, unknown>;
  attributes: Record<string, unknown>;
  events: { time: string; name: string; attributes: Record<string, unknown> }[];
  links: { traceId: string; spanId: string; traceState: string; attributes: Record<string, unknown> }[];
  dropped: { attributes: number; events: number; links: number };
}

export interface TracesHeatmapAnswer {
  /** Begins of the buckets. */
  buckets: string[];
  step: string;
  /** Rows, the shortest first. */
  classes: { class: number; low: string; high: string }[];
  /** By bucket, then by class. */
  counts: number[][];
  errors: number[][];
  statistics: Statistics;
}

export interface TagValue {
  value: Scalar;
  type: string;
  count: number;
}

export interface TagFacet {
  /** As TraceQL names it. */
  field: string;
  values: TagValue[];
}

export interface TracesFacetsAnswer {
  facets: TagFacet[];
  statistics: Statistics;
}

export interface TagsAnswer {
  scopes: { name: string; tags: string[] }[];
}

export interface ComparedTagValue {
  value: string;
  type?: string;
  selection: number;
  baseline: number;
  selectionShare: number;
  baselineShare: number;
  difference: number;
}

export interface ComparedTag {
  name: string;
  /** How far the two distributions are apart, 0 to 1. */
  score: number;
  /** Probability of such a difference by chance, corrected for the number of attributes. */
  significance: number;
  values: ComparedTagValue[];
}

export interface TracesCompareAnswer {
  selection: number;
  baseline: number;
  fields: ComparedTag[];
  statistics: Statistics;
}

export interface TraceSeries {
  labels: Record<string, Scalar | null>;
  /** (ns, value) */
  points: [string, number | null][];
  exemplars: { traceId: string; spanId: string; time: string; value: number | null }[];
}

export interface TracesMetricsAnswer {
  start: string;
  end: string;
  step: string;
  series: TraceSeries[];
  incomplete: string;
  statistics: Statistics;
}

/** ms, requests a second, share of failures, 95th percentile in seconds. */
export type SparkPoint = [number, number, number, number | null];

export interface ServiceRow {
  name: string;
  requestRate: number;
  /** Share of requests that failed, 0 to 1. */
  errorRate: number;
  /** Seconds. */
  p50: number | null;
  p95: number | null;
  p99: number | null;
  apdex: number | null;
  spark: SparkPoint[];
  kinds: string[];
}

export interface ServicesAnswer {
  services: ServiceRow[];
  /** Seconds. */
  apdexThreshold: number;
}

export const NODE_TYPES = ["service", "database", "messaging", "external", "user"] as const;
export type NodeType = (typeof NODE_TYPES)[number];

export interface MapNode {
  name: string;
  type: NodeType;
  requestRate: number;
  errorRate: number;
  p95: number | null;
}

export interface MapEdge {
  client: string;
  server: string;
  type: string;
  requestRate: number;
  errorRate: number;
  p95Client: number | null;
  p95Server: number | null;
}

export interface ServiceMapAnswer {
  nodes: MapNode[];
  edges: MapEdge[];
}

export interface OperationRow {
  name: string;
  kind: string;
  requestRate: number;
  errorRate: number;
  p50: number | null;
  p95: number | null;
  p99: number | null;
  /** Part in the time that all operations took. */
  share: number;
}

export interface Neighbour {
  name: string;
  type: NodeType;
  connection: string;
  requestRate: number;
  errorRate: number;
  p95: number | null;
}

export interface DependenciesAnswer {
  upstream: Neighbour[];
  downstream: Neighbour[];
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
