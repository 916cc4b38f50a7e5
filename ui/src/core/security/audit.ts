/** The audit log: filters in the address, and its entries in words. */
import type { AuditEntry, RoleIn } from "../api/security.ts";
import { fromNsText, toIso } from "../time/instant.ts";
import { EVERY_TENANT } from "./roles.ts";

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

/** Of which tenants entries are shown is no filter of them. */
export function isFiltered(filter: AuditFilter): boolean {
  return FILTERS.some((name) => name !== "all_tenants" && filter[name].trim() !== "");
}

/** Who reads the log of every tenant sees them all unless asked otherwise: users and roles belong to no single one. */
export function readsEverywhere(roles: readonly RoleIn[]): boolean {
  return roles.some(({ role, tenant }) => tenant === EVERY_TENANT && (role === "admin" || role === "auditor"));
}

/** The filter with `all_tenants` as the server takes it: "" in the address is the default, "0" and "1" are asked for. */
export function effective(filter: AuditFilter, everywhere: boolean): AuditFilter {
  const all = filter.all_tenants === "1" || (filter.all_tenants === "" && everywhere);
  return { ...filter, all_tenants: all ? "1" : "" };
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
