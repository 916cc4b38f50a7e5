/** The audit log, filtered in the page. */
import type { AuditEntry } from "../api/lifecycle.ts";

export function detailText(entry: AuditEntry): string {
  return Object.entries(entry.details)
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `${name}: ${value}`)
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
