/** Queries that ran, newest first, without repeats, bounded. */

const KEEP = 50;

export function addToHistory(history: string[], query: string): string[] {
  const text = query.trim();
  return text === "" ? history : [text, ...history.filter((entry) => entry !== text)].slice(0, KEEP);
}

/** Trace and span ids as people paste them: 32 or 16 hex digits, dashes and case ignored. */
export function pastedId(text: string): { field: "trace_id" | "span_id"; id: string } | null {
  const hex = text.trim().replaceAll("-", "").toLowerCase();
  if (/^[0-9a-f]{32}$/.test(hex) && !/^0+$/.test(hex)) return { field: "trace_id", id: hex };
  if (/^[0-9a-f]{16}$/.test(hex) && /[a-f]/.test(hex)) return { field: "span_id", id: hex };
  return null;
}
