/** Names for the generated shapes. */
import type { LogRecord } from "../logs/records.ts";
import type { components } from "./schema.d.ts";

export type Schemas = components["schemas"];

/** Answers always carry every field, so the optional ones, which have a default, are made required. */
export type Whole<T> = T extends (infer Item)[]
  ? Whole<Item>[]
  : T extends object
    ? { [Name in keyof T]-?: Whole<T[Name]> }
    : T;
export type Answer<Name extends keyof Schemas> = Whole<Schemas[Name]>;

export type ServerInfo = Answer<"ServerInfo">;
export type IngestStatus = Answer<"IngestStatus">;
export type Statistics = Answer<"Statistics">;
export type LogsQuery = Schemas["LogsQuery"];
export type SearchRequest = Schemas["SearchRequest"];
export type SearchAnswer = Omit<Answer<"SearchAnswer">, "records"> & { records: LogRecord[] };
export type HistogramRequest = Schemas["HistogramRequest"];
export type HistogramAnswer = Answer<"HistogramAnswer">;
export type FacetsRequest = Schemas["FacetsRequest"];
export type Facet = Answer<"Facet">;
export type FacetValue = Answer<"FacetValue">;
export type FacetsAnswer = Answer<"FacetsAnswer">;
export type CountAnswer = Answer<"CountAnswer">;
export type FieldInfo = Answer<"FieldInfo">;
export type FieldsAnswer = Answer<"FieldsAnswer">;
export type BoundsAnswer = Answer<"BoundsAnswer">;
export type ExplainRequest = Schemas["ExplainRequest"];
export type ExplainAnswer = Answer<"ExplainAnswer">;
export type Term = Answer<"Term">;
export type SqlRequest = Schemas["SqlRequest"];
export type SqlAnswer = Omit<Answer<"SqlAnswer">, "rows"> & { rows: unknown[][] };
export type ErrorBody = Answer<"ErrorBody">;
export type { ApiKey, CreatedKey, CreateKeyRequest, Session } from "./security.ts";
export type { LogRecord };
