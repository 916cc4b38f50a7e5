/** What steps did to a record, to be stepped through: its fields at each moment, and what changed. */
import type { Outcome, PreviewRecord, StepChange } from "../api/pipelines.ts";
import { formatValue } from "../format.ts";
import type { LogRecord } from "../logs/records.ts";

type Fields = Map<string, unknown>;

const HIDDEN = new Set(["id", "attributes", "resource", "template_id"]);

/** A record as a flat list of fields, named as the server names what changed. */
export function flatten(record: LogRecord): Fields {
  const fields: Fields = new Map();
  for (const [name, value] of Object.entries(record)) {
    if (!HIDDEN.has(name) && value !== "" && name !== "severity_number") fields.set(name, value);
  }
  for (const [name, value] of Object.entries(record.attributes)) fields.set(`attributes.${name}`, value);
  for (const [name, value] of Object.entries(record.resource)) fields.set(`resource.${name}`, value);
  return fields;
}

export interface FieldRow {
  field: string;
  kind: "same" | "added" | "removed" | "changed";
  before: string;
  after: string;
}

function row(field: string, before: unknown, after: unknown): FieldRow {
  const had = before !== undefined && before !== null;
  const has = after !== undefined && after !== null;
  const [old, now] = [formatValue(before), formatValue(after)];
  const kind = !had ? "added" : !has ? "removed" : old === now ? "same" : "changed";
  return { field, kind, before: old, after: now };
}

function compared(before: Fields, after: Fields): FieldRow[] {
  const names = [...new Set([...before.keys(), ...after.keys()])];
  const rows = names.map((name) => row(name, before.get(name), after.get(name)));
  return [...rows.filter((entry) => entry.kind !== "same"), ...rows.filter((entry) => entry.kind === "same")];
}

function applied(fields: Fields, change: StepChange): Fields {
  const next = new Map(fields);
  for (const [name, [, value]] of Object.entries(change.changed)) {
    if (HIDDEN.has(name) || name === "severity_number") continue;
    if (value === null || value === "") next.delete(name);
    else next.set(name, value);
  }
  return next;
}

/** Moments of a record: 0 is the whole way from before to after, n what the nth step that did something did. */
export function rowsAt(record: PreviewRecord, moment: number): FieldRow[] {
  const before = flatten(record.before);
  if (moment === 0) {
    const after = record.after[0];
    return compared(before, after ? flatten(after) : record.steps.reduce(applied, before));
  }
  const earlier = record.steps.slice(0, moment - 1).reduce(applied, before);
  const change = record.steps[moment - 1];
  return compared(earlier, change ? applied(earlier, change) : earlier);
}

/** What became of a record: the weightiest of what its steps did. */
export function outcomeOf(record: PreviewRecord): Outcome {
  const order: Outcome[] = ["routed", "dropped", "failed", "changed"];
  return order.find((outcome) => record.steps.some((step) => step.outcome === outcome)) ?? "unchanged";
}

export function tally(records: readonly PreviewRecord[]): Record<Outcome, number> {
  const counts: Record<Outcome, number> = { unchanged: 0, changed: 0, dropped: 0, routed: 0, failed: 0 };
  for (const record of records) counts[outcomeOf(record)] += 1;
  return counts;
}

export interface TextDifference {
  head: string;
  removed: string;
  added: string;
  tail: string;
}

/** Two texts: what they have in common at both ends, and what is different between. Whole characters only. */
export function textDifference(before: string, after: string): TextDifference {
  const [a, b] = [Array.from(before), Array.from(after)];
  const most = Math.min(a.length, b.length);
  let head = 0;
  while (head < most && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < most - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail += 1;
  return {
    head: a.slice(0, head).join(""),
    removed: a.slice(head, a.length - tail).join(""),
    added: b.slice(head, b.length - tail).join(""),
    tail: a.slice(a.length - tail).join(""),
  };
}
