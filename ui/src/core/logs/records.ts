/** Log records as rows: column values, truncation, JSON bodies, highlighting. */
import { withoutAnsi } from "../ansi.ts";
import { formatValue } from "../format.ts";

export type AttributeValue = string | number | boolean | null | AttributeValue[] | { [key: string]: AttributeValue };

export interface LogRecord {
  id: string;
  timestamp: string;
  observed_timestamp: string;
  service: string;
  severity: string;
  severity_number: number;
  body: string;
  trace_id: string;
  span_id: string;
  event_name: string;
  template_id: string;
  attributes: Record<string, AttributeValue>;
  resource: Record<string, AttributeValue>;
  scope_name: string;
  scope_version: string;
}

/** Longest text shown before "show all". */
export const SHOWN_CHARACTERS = 4096;
/** A row on one line never shows more than this. */
export const LINE_CHARACTERS = 600;
/** JSON bodies above this size are not parsed into a tree. */
export const TREE_CHARACTERS = 262_144;

const COLUMNS = new Set([
  "service",
  "severity",
  "severity_number",
  "body",
  "trace_id",
  "span_id",
  "event_name",
  "template_id",
  "scope_name",
  "scope_version",
  "timestamp",
  "observed_timestamp",
]);

/** The value that the search language would find under this name; undefined when the record does not carry it. */
export function fieldValue(record: LogRecord, name: string): AttributeValue | undefined {
  if (COLUMNS.has(name)) return record[name as "service"];
  if (name === "level") return record.severity;
  if (name.startsWith("resource.") && name.slice(9) in record.resource) return record.resource[name.slice(9)];
  if (name.startsWith("attributes.") && name.slice(11) in record.attributes) return record.attributes[name.slice(11)];
  return record.attributes[name] ?? record.resource[name];
}

export interface DetailField {
  /** Name in the search language. */
  field: string;
  label: string;
  value: AttributeValue;
}

export interface DetailGroup {
  title: "attributes" | "resource" | "ids" | "scope";
  fields: DetailField[];
}

/** Everything a record carries, grouped, without empty values. */
export function detailGroups(record: LogRecord): DetailGroup[] {
  const sorted = (values: Record<string, AttributeValue>, prefix: string): DetailField[] =>
    Object.entries(values)
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([key, value]) => ({ field: prefix + key, label: key, value }));
  const columns = (...names: (keyof LogRecord)[]): DetailField[] =>
    names
      .filter((name) => record[name] !== "")
      .map((name) => ({ field: name, label: name, value: record[name] as AttributeValue }));
  const groups: DetailGroup[] = [
    { title: "attributes", fields: sorted(record.attributes, "") },
    { title: "resource", fields: sorted(record.resource, "resource.") },
    { title: "ids", fields: columns("trace_id", "span_id", "event_name", "template_id") },
    { title: "scope", fields: columns("scope_name", "scope_version") },
  ];
  return groups.filter((group) => group.fields.length > 0);
}

/** Text on one line. */
export function joinLines(text: string): string {
  return /[\n\r\t]/.test(text) ? text.replace(/\s*[\n\r\t]\s*/g, " ⏎ ").replace(/^ ⏎ | ⏎ $/g, "") : text;
}

/** The body on one line, cut, without colour codes. */
export function oneLine(body: string, limit: number = LINE_CHARACTERS): string {
  return joinLines(withoutAnsi(body.length > limit ? body.slice(0, limit) : body));
}

/** The body as a JSON object or array; undefined when it is neither or too large. */
export function jsonBody(body: string): AttributeValue | undefined {
  if (body.length > TREE_CHARACTERS) return undefined;
  const first = body.trimStart()[0];
  if (first !== "{" && first !== "[") return undefined;
  try {
    const value = JSON.parse(body) as AttributeValue;
    return value !== null && typeof value === "object" ? value : undefined;
  } catch {
    return undefined;
  }
}

export interface Segment {
  text: string;
  hit: boolean;
}

/** Text split where one of the words occurs, without regard to case. */
export function highlight(text: string, words: string[]): Segment[] {
  if (words.length === 0) return [{ text, hit: false }];
  const lower = text.toLowerCase();
  const needles = words.map((word) => word.toLowerCase());
  const segments: Segment[] = [];
  let at = 0;
  while (at < text.length) {
    let next = -1;
    let size = 0;
    for (const needle of needles) {
      const found = lower.indexOf(needle, at);
      if (found >= 0 && (next < 0 || found < next || (found === next && needle.length > size))) {
        next = found;
        size = needle.length;
      }
    }
    if (next < 0) break;
    if (next > at) segments.push({ text: text.slice(at, next), hit: false });
    segments.push({ text: text.slice(next, next + size), hit: true });
    at = next + size;
  }
  if (at < text.length) segments.push({ text: text.slice(at), hit: false });
  return segments;
}

/** Text of a record for the clipboard. */
export function recordJson(record: LogRecord): string {
  return JSON.stringify(record, null, 2);
}

export function cellText(record: LogRecord, column: string): string {
  return formatValue(fieldValue(record, column)).slice(0, LINE_CHARACTERS);
}
