/** Shapes of exploring, saved views and links: generated ones where they fit, narrower ones where the UI knows more. */
import type { LogRecord } from "../logs/records.ts";
import type { components } from "./schema.d.ts";
import type { LogsQuery, Statistics } from "./types.ts";

type Schemas = components["schemas"];

export type PatternOrder = "most" | "fewest" | "newest";

export type PatternsRequest = LogsQuery & {
  limit?: number;
  buckets?: number;
  order?: PatternOrder;
  new_since?: string;
};

export type Pattern = Required<Schemas["Pattern"]>;

export type PatternsAnswer = Required<Schemas["PatternsAnswer"]>;

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

export type ComparedValue = Required<Schemas["ComparedValue"]>;

export type ComparedField = Required<Schemas["ComparedField"]>;

export type CompareAnswer = Required<Schemas["CompareAnswer"]>;

export type FieldRequest = LogsQuery & { field: string; limit?: number };

export type FieldNumbers = Required<Schemas["FieldNumbers"]>;

export type FieldAnswer = Required<Schemas["FieldAnswer"]>;

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

export type View = Required<Schemas["View"]>;

export type Link = Required<Schemas["Link"]>;
