/** Shapes of exploring, saved views and links: names for the generated ones. What goes over the WebSocket is not in OpenAPI. */
import type { Answer, LogRecord, Schemas } from "./types.ts";

export type PatternsRequest = Schemas["PatternsRequest"];
export type PatternOrder = NonNullable<PatternsRequest["order"]>;
export type Pattern = Answer<"Pattern">;
export type PatternsAnswer = Answer<"PatternsAnswer">;
export type ContextRequest = Schemas["ContextRequest"];
export type Same = NonNullable<ContextRequest["same"]>;
export type ContextAnswer = Omit<Answer<"ContextAnswer">, "record" | "before" | "after" | "resource"> & {
  record: LogRecord;
  before: LogRecord[];
  after: LogRecord[];
  resource: LogRecord["resource"];
};
export type Selection = Schemas["Selection"];
export type CompareRequest = Schemas["CompareRequest"];
export type ComparedValue = Answer<"ComparedValue">;
export type ComparedField = Answer<"ComparedField">;
export type CompareAnswer = Answer<"CompareAnswer">;
export type FieldRequest = Schemas["FieldRequest"];
export type FieldNumbers = Answer<"FieldNumbers">;
export type FieldAnswer = Answer<"FieldAnswer">;
export type ExportFormat = NonNullable<Schemas["ExportRequest"]["format"]>;
export type SaveViewRequest = Schemas["SaveViewRequest"];
export type View = Answer<"View">;
export type Link = Answer<"Link">;

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
