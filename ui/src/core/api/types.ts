/** Names for the generated shapes. Answers always carry every field, so their optional ones are made required. */
import type { LogRecord } from "../logs/records.ts";
import type { components } from "./schema.d.ts";

type Schemas = components["schemas"];

export type ServerInfo = Required<Schemas["ServerInfo"]>;
export type IngestStatus = Required<Schemas["IngestStatus"]>;
export type Statistics = Required<Schemas["Statistics"]>;
export type LogsQuery = Schemas["LogsQuery"];
export type SearchRequest = Schemas["SearchRequest"];
export type SearchAnswer = Omit<Schemas["SearchAnswer"], "records"> & { records: LogRecord[] };
export type HistogramRequest = Schemas["HistogramRequest"];
export type HistogramAnswer = Schemas["HistogramAnswer"];
export type FacetsRequest = Schemas["FacetsRequest"];
export type Facet = Schemas["Facet"];
export type FacetValue = Schemas["FacetValue"];
export type FacetsAnswer = Schemas["FacetsAnswer"];
export type CountAnswer = Schemas["CountAnswer"];
export type FieldInfo = Schemas["FieldInfo"];
export type FieldsAnswer = Schemas["FieldsAnswer"];
export type BoundsAnswer = Schemas["BoundsAnswer"];
export type ExplainRequest = Schemas["ExplainRequest"];
export type ExplainAnswer = Schemas["ExplainAnswer"];
export type Term = Schemas["Term"];
export type SqlRequest = Schemas["SqlRequest"];
export type SqlAnswer = Omit<Schemas["SqlAnswer"], "rows"> & { rows: unknown[][] };
export type ErrorBody = Schemas["ErrorBody"];
export type { ApiKey, CreatedKey, CreateKeyRequest, Session } from "./security.ts";
export type { LogRecord };
