/** What the address holds: one codec per parameter, total functions from text. */
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
  if (tenant) url.searchParams.set("tenant", tenant);
  return url.toString();
}

/** A path of this site to go to after login; anything else leads home. */
export function safeNext(next: string | null): string {
  return next && /^\/(?![/\\])/.test(next) && !next.startsWith("/login") ? next : "/";
}
