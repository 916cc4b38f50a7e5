/**
 * Names for the generated shapes of traces and services. Instants and durations are texts of ns, rates are a second, latencies
 * seconds; `core/traces/wire.ts` makes of them what the pages work with.
 */
import type { Answer, Schemas } from "./types.ts";

/** What a query is about: TraceQL, and the range as RFC 3339. */
export interface TracesQuery {
  q: string;
  start: string;
  end: string;
}

export type TraceSearchRequest = Schemas["TracesSearchRequest"];
export type TraceOrder = NonNullable<TraceSearchRequest["order"]>;
export const TRACE_ORDERS: readonly TraceOrder[] = ["newest", "longest", "spans", "errors"];

export type Scalar = string | number | boolean;
export type FoundTrace = Schemas["FoundTrace"];
export type TracesSearchAnswer = Schemas["TracesSearchAnswer"];
/** A whole trace by columns, so that a hundred thousand spans are small. Spans come in depth-first order, siblings by start. */
export type TraceDocument = Schemas["TraceDocument"];
export type WholeSpan = Omit<Schemas["WholeSpan"], "resource" | "attributes" | "scope" | "events" | "links"> & {
  scope: { name: string; version: string; attributes: Record<string, unknown> };
  resource: Record<string, unknown>;
  attributes: Record<string, unknown>;
  events: { time: string; name: string; attributes: Record<string, unknown> }[];
  links: { traceId: string; spanId: string; traceState: string; attributes: Record<string, unknown> }[];
};
export type TracesCount = Pick<Schemas["TracesCountAnswer"], "spans" | "traces">;
export type TracesHeatmapAnswer = Schemas["TracesHeatmapAnswer"];
export type TagValue = Schemas["TagValue"];
export type TagFacet = Schemas["TagFacet"];
export type TracesFacetsAnswer = Schemas["TracesFacetsAnswer"];
export type TagsAnswer = Pick<Schemas["TagsAnswer"], "scopes">;
export type TagValuesAnswer = Pick<Schemas["TagValuesAnswer"], "values">;
/** Servers that say what kind of value it is are believed. */
export type ComparedTagValue = Schemas["ComparedTagValue"] & { type?: string };
export type ComparedTag = Omit<Schemas["ComparedTag"], "values"> & { values: ComparedTagValue[] };
export type TracesCompareAnswer = Omit<Schemas["TracesCompareAnswer"], "fields"> & { fields: ComparedTag[] };
export type TracesMetricsAnswer = Schemas["TracesMetricsAnswer"];

/** ms, requests a second, share of failures, 95th percentile in seconds. */
export type SparkPoint = ServiceRow["spark"][number];
export type ServiceRow = Schemas["ServiceRow"];
export type ServicesAnswer = Schemas["ServicesAnswer"];
export type NodeType = MapNode["type"];
export const NODE_TYPES: readonly NodeType[] = ["service", "database", "messaging", "external", "user"];
export type MapNode = Schemas["MapNode"];
export type MapEdge = Schemas["MapEdge"];
export type ServiceMapAnswer = Pick<Schemas["ServiceMapAnswer"], "nodes" | "edges">;
export type OperationRow = Schemas["OperationRow"];
export type DependenciesAnswer = Pick<Schemas["DependenciesAnswer"], "upstream" | "downstream">;
export type ErrorGroup = Answer<"ErrorGroup">;
export type CriticalPathRequest = Schemas["CriticalPathRequest"];
export type CriticalPathAnswer = Pick<Schemas["CriticalPathAnswer"], "traces" | "totalMs" | "rows">;
