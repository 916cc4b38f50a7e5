/** The audit log, filtered in the page. */
import type { AuditEntry } from "../api/lifecycle.ts";
import { fromNsText, toIso } from "../time/instant.ts";

/** Details on one line; instants in ns as times. */
export function detailText(entry: AuditEntry): string {
  return Object.entries(entry.details)
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `${name}: ${/^\d{19}$/.test(value) ? toIso(fromNsText(value)) : value}`)
    .join(" · ");
}

/** Entries in which every word occurs somewhere, without regard to case. */
export function matching(entries: readonly AuditEntry[], words: string): AuditEntry[] {
  const needles = words.toLowerCase().split(/\s+/).filter(Boolean);
  return entries.filter((entry) => {
    const text = `${entry.who} ${entry.action} ${entry.subject} ${detailText(entry)}`.toLowerCase();
    return needles.every((needle) => text.includes(needle));
  });
}
