/** What the address holds: one codec per parameter, total functions from text. */
import type { PatternOrder } from "../api/explore.ts";
import { absolute, isExpression, type Range, type Span } from "../time/range.ts";

export type Order = "desc" | "asc";

export const REFRESH_CHOICES: readonly number[] = [0, 5, 10, 30];

export function parseExpression(text: string): string | null {
  // An unescaped "+" arrives as a blank.
  const fixed = text.replace(/^now (?=\d)/, "now+");
  return isExpression(fixed) ? fixed : null;
}

/** Extra columns: comma-separated, commas inside names escaped with a backslash. */
export function parseColumns(text: string): string[] {
  const columns = text.split(/(?<!\\),/).map((name) => name.replaceAll("\\,", ",").trim());
  return [...new Set(columns.filter(Boolean))];
}

export function printColumns(columns: string[]): string {
  return columns.map((name) => name.replaceAll(",", "\\,")).join(",");
}

export const TABS = ["rows", "patterns", "compare"] as const;
export type Tab = (typeof TABS)[number];

export function parseTab(text: string): Tab | null {
  return (TABS as readonly string[]).includes(text) ? (text as Tab) : null;
}

export function parsePatternOrder(text: string): PatternOrder | null {
  return text === "most" || text === "fewest" || text === "newest" ? text : null;
}

/** What of the logs page a saved view keeps: everything but the tenant, what is open, and the view's own id. */
export function viewState(search: string): string {
  const parameters = new URLSearchParams(search);
  for (const name of ["tenant", "sel", "ctx", "same", "stat", "view"]) parameters.delete(name);
  return parameters.toString();
}

/** Path and arguments of a saved view. */
export function viewPath(state: string, id: string, tenant: string): string {
  const parameters = new URLSearchParams(state);
  parameters.set("view", id);
  if (tenant) parameters.set("tenant", tenant);
  return `/logs?${parameters}`;
}

export function parseOrder(text: string): Order | null {
  return text === "asc" || text === "desc" ? text : null;
}

/** "5s" to 5; null for what is not offered. */
export function parseRefresh(text: string): number | null {
  const seconds = Number(/^(\d+)s$/.exec(text)?.[1]);
  return REFRESH_CHOICES.includes(seconds) && seconds > 0 ? seconds : null;
}

/** A link that shows the same data later: the range becomes absolute, refreshing stops. */
export function shareUrl(href: string, span: Span, tenant: string, keepRelative?: Range): string {
  const url = new URL(href);
  const range = keepRelative ?? absolute(span);
  url.searchParams.set("from", range.from);
  url.searchParams.set("to", range.to);
  url.searchParams.delete("refresh");
  url.searchParams.delete("live");
  if (tenant) url.searchParams.set("tenant", tenant);
  return url.toString();
}

/** Where a short link leads: its path within this site, with the tenant that it was made in. */
export function linkTarget(path: string, tenant: string): string | null {
  if (!/^\/(?![/\\])/.test(path)) return null;
  const url = new URL(path, "http://nexus.invalid");
  if (tenant && !url.searchParams.has("tenant")) url.searchParams.set("tenant", tenant);
  return url.pathname + url.search;
}

/** A path of this site to go to after login; anything else leads home. */
export function safeNext(next: string | null): string {
  // Browsers leave tabs and line breaks out of addresses: with them, "/<tab>/host" would be another site.
  return next && /^\/(?![/\\])\P{Cc}*$/u.test(next) && !next.startsWith("/login") ? next : "/";
}
