/** The audit log: filters in the address, and its entries in words. */
import type { AuditEntry } from "../api/security.ts";
import { fromNsText, toIso } from "../time/instant.ts";

export const FILTERS = ["text", "who", "action", "subject", "outcome", "start", "end", "all_tenants"] as const;
export type AuditFilter = Record<(typeof FILTERS)[number], string>;

export const NO_FILTER: AuditFilter = {
  text: "",
  who: "",
  action: "",
  subject: "",
  outcome: "",
  start: "",
  end: "",
  all_tenants: "",
};

/** What the server is asked with: filters that say something. */
export function auditSearch(filter: AuditFilter, extra: Record<string, string> = {}): string {
  const search = new URLSearchParams();
  for (const name of FILTERS) if (filter[name].trim() !== "") search.set(name, filter[name].trim());
  for (const [name, value] of Object.entries(extra)) search.set(name, value);
  return search.toString();
}

export function isFiltered(filter: AuditFilter): boolean {
  return FILTERS.some((name) => filter[name].trim() !== "");
}

/** The address of an export; a plain GET, so the tenant has to be in it. */
export function auditExportUrl(filter: AuditFilter, format: "ndjson" | "csv", tenant: string): string {
  return `/api/nexus/v1/audit/export?${auditSearch(filter, { format, ...(tenant && { tenant }) })}`;
}

/** Details on one line; instants in ns as times. */
export function detailText(entry: Pick<AuditEntry, "details">): string {
  return Object.entries(entry.details)
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `${name}: ${/^\d{19}$/.test(value) ? toIso(fromNsText(value)) : value}`)
    .join(" · ");
}
