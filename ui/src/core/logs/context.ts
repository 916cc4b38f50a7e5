/** Lines around a record: pages of the context in one list, and distances in time. */
import type { ContextAnswer } from "../api/explore.ts";
import type { LogRecord } from "./records.ts";

/** All lines in time order; `anchor` is the index of the record itself. Pages are those around, before and after it. */
export function contextLines(pages: readonly ContextAnswer[], id: string): { lines: LogRecord[]; anchor: number } {
  const seen = new Set<string>();
  const lines: LogRecord[] = [];
  for (const page of pages) {
    for (const record of [...page.before, page.record, ...page.after]) {
      if (seen.has(record.id)) continue;
      seen.add(record.id);
      lines.push(record);
    }
  }
  return { lines, anchor: lines.findIndex((record) => record.id === id) };
}

/** "−1.2 s", "+340 ms", "+2 min 5 s"; "0" for the same instant. */
export function formatDistance(ns: bigint): string {
  if (ns === 0n) return "0";
  const sign = ns < 0n ? "−" : "+";
  const size = Number(ns < 0n ? -ns : ns);
  const with3 = (value: number): string => String(Number(value.toPrecision(3)));
  if (size < 1e3) return `${sign}${size} ns`;
  if (size < 1e6) return `${sign}${with3(size / 1e3)} µs`;
  if (size < 1e9) return `${sign}${with3(size / 1e6)} ms`;
  if (size < 60e9) return `${sign}${with3(size / 1e9)} s`;
  const seconds = Math.round(size / 1e9);
  if (seconds < 3600) return `${sign}${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 2880) return `${sign}${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${sign}${Math.floor(minutes / 1440)} d`;
}
