/** Options of steps as form fields: what is shown, and what typed text means. Options at their default are left out. */
import type { ProcessorOption, StepSpec } from "../api/pipelines.ts";

type Options = Record<string, unknown>;

/** The value in force: the one given, otherwise the default. */
export function effective(options: Options, option: ProcessorOption): unknown {
  return option.name in options ? options[option.name] : option.default;
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** The options with one of them set; undefined, and what is the default anyway, are left out. */
export function withOption(options: Options, option: ProcessorOption, value: unknown): Options {
  const { [option.name]: _, ...rest } = options;
  return value === undefined || same(value, option.default ?? undefined) ? rest : { ...rest, [option.name]: value };
}

/** Text of a field without a default of its own is nothing when it is empty. */
export function readText(option: ProcessorOption, text: string): string | undefined {
  return text === "" && (option.default === null || option.default === undefined) ? undefined : text;
}

/** A number; undefined for nothing, and the text itself where it is none, so that the server names the step. */
export function readNumber(option: ProcessorOption, text: string): number | string | undefined {
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  const number = Number(trimmed);
  const good = Number.isFinite(number) && (option.type !== "integer" || Number.isInteger(number));
  return good ? number : text;
}

export function numberProblem(option: ProcessorOption, value: unknown): "integer" | "number" | null {
  if (value === undefined || value === null || typeof value === "number") return null;
  return option.type === "integer" ? "integer" : "number";
}

const DURATION = /^\s*\d+(\.\d+)?\s*(ms|s|m|h|d|w)\s*$/;

export function durationProblem(value: unknown): boolean {
  return typeof value === "string" && value !== "" && !DURATION.test(value);
}

export function printList(value: unknown): string {
  return Array.isArray(value) ? value.map(String).join("\n") : "";
}

/** One entry a line; numbers when the default holds numbers. Undefined for nothing. */
export function readList(option: ProcessorOption, text: string): unknown[] | undefined {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const numeric = Array.isArray(option.default) && option.default.some((entry) => typeof entry === "number");
  if (lines.length === 0) return undefined;
  return numeric ? lines.map((line) => (Number.isNaN(Number(line)) ? line : Number(line))) : lines;
}

export type Row = [name: string, value: string];

/** Maps whose values may be numbers and booleans besides texts. */
export function isTyped(processor: string, option: ProcessorOption): boolean {
  return processor === "set" && option.name === "fields";
}

const BARE = /^(true|false|-?\d+(\.\d+)?([eE][+-]?\d+)?)$/;

export function printMap(value: unknown, typed: boolean): Row[] {
  if (value === null || typeof value !== "object") return [];
  return Object.entries(value).map(([name, entry]): Row => {
    if (typeof entry !== "string") return [name, typeof entry === "object" ? JSON.stringify(entry) : String(entry)];
    return [name, typed && (BARE.test(entry) || /^".*"$/.test(entry)) ? JSON.stringify(entry) : entry];
  });
}

function readValue(text: string, typed: boolean): unknown {
  if (!typed) return text;
  if (BARE.test(text)) return JSON.parse(text.replace(/^(-?)0+(?=\d)/, "$1"));
  if (/^".*"$/.test(text)) {
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  }
  return text;
}

/** Rows without a name are left out; of two with one name the later counts. */
export function readMap(rows: readonly Row[], typed: boolean): Record<string, unknown> | undefined {
  const entries = rows.filter(([name]) => name !== "").map(([name, text]) => [name, readValue(text, typed)] as const);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

/** Required options that nobody gave. */
export function missing(step: StepSpec, options: readonly ProcessorOption[]): string[] {
  return options.filter((option) => option.required && !(option.name in step.options)).map((option) => option.name);
}

/** The options of a step on one line, for the list of steps. */
export function summary(step: StepSpec): string {
  const part = (value: unknown): string => {
    if (Array.isArray(value)) return value.map(part).join(", ");
    if (value !== null && typeof value === "object")
      return Object.entries(value)
        .map(([name, entry]) => `${name} → ${part(entry)}`)
        .join(", ");
    return String(value);
  };
  return Object.entries(step.options)
    .map(([name, value]) => `${name}: ${part(value)}`)
    .join(" · ")
    .slice(0, 200);
}
