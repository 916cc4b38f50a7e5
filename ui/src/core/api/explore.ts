/**
 * Shapes of exploring, saved views and links, by hand until schema.d.ts has them: each then becomes
 * `Schemas["Name"]` in types.ts and this file goes away. Only types live here.
 */
import type { LogRecord } from "../logs/records.ts";
import type { FacetValue, LogsQuery, Statistics } from "./types.ts";

export type PatternOrder = "most" | "fewest" | "newest";

export type PatternsRequest = LogsQuery & {
  limit?: number;
  buckets?: number;
  order?: PatternOrder;
  new_since?: string;
};

export interface Pattern {
  template_id: string;
  template: string;
  count: number;
  counts: number[];
  severities: Record<string, number>;
  services: string[];
  sample_id: string;
  sample: string;
  first: string;
  last: string;
  first_seen: string;
  new: boolean;
}

export interface PatternsAnswer {
  total: number;
  distinct: number;
  other: number;
  start: string;
  step: string;
  buckets: number;
  patterns: Pattern[];
  statistics: Statistics;
}

export type Same = "stream" | "service";

export interface ContextRequest {
  id: string;
  before?: number;
  after?: number;
  same?: Same;
  query_id?: string;
}

export interface ContextAnswer {
  record: LogRecord;
  before: LogRecord[];
  after: LogRecord[];
  more_before: boolean;
  more_after: boolean;
  service: string;
  resource: LogRecord["resource"];
  same: Same;
  statistics: Statistics;
}

export interface Selection {
  query?: string;
  from?: string;
  to?: string;
}

export interface CompareRequest {
  selection: Selection;
  baseline: Selection;
  fields?: string[];
  limit?: number;
  query_id?: string;
}

export interface ComparedValue {
  value: string;
  selection: number;
  baseline: number;
  selection_share: number;
  baseline_share: number;
  difference: number;
}

export interface ComparedField {
  name: string;
  kind: string;
  score: number;
  values: ComparedValue[];
}

export interface CompareAnswer {
  selection: number;
  baseline: number;
  fields: ComparedField[];
  statistics: Statistics;
}

export type FieldRequest = LogsQuery & { field: string; limit?: number };

export interface FieldNumbers {
  count: number;
  min: number;
  max: number;
  mean: number;
  sum: number;
  p50: number;
  p90: number;
  p95: number;
  p99: number;
}

export interface FieldAnswer {
  name: string;
  kind: string;
  type: string;
  total: number;
  records: number;
  distinct: number;
  values: FacetValue[];
  numbers: FieldNumbers | null;
  statistics: Statistics;
}

export type ExportFormat = "ndjson" | "csv" | "parquet";

export interface LiveRequest {
  type: "subscribe" | "unsubscribe" | "pause" | "resume";
  id: string;
  topic?: "logs";
  query?: string;
  backlog?: number;
  rate?: number;
}

/** Fields with their default value are left out. */
export interface LiveMessage {
  type: "subscribed" | "records" | "ended" | "error";
  id: string;
  records?: LogRecord[];
  dropped?: number;
  error?: { code?: string; message?: string; hint?: string; position?: { offset: number; length: number } | null };
}

export interface SaveViewRequest {
  name: string;
  state: string;
  page?: "logs";
  description?: string;
  shared?: boolean;
}

export interface View {
  id: string;
  name: string;
  description: string;
  page: string;
  state: string;
  shared: boolean;
  owner: string;
  own: boolean;
  created_at: string;
  updated_at: string;
}

export interface Link {
  id: string;
  url: string;
  path: string;
  tenant: string;
}
