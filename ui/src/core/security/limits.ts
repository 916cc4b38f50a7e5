/** Limits: their numbers with units, as typed, and how much of them is used. */
import type { LimitInfo, LimitSet, LimitUse } from "../api/security.ts";
import { formatBytes, formatShort } from "../format.ts";

const BYTES: Record<string, number> = { "": 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 };
const COUNTS: Record<string, number> = { "": 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12 };

const isBytes = (unit: string): boolean => /^(bytes?|B)\b/.test(unit);

/** "12 MiB/s", "500 requests/s", "30 s". */
export function formatLimit(value: number, unit: string): string {
  if (isBytes(unit)) return `${formatBytes(value)}${unit.replace(/^(bytes?|B)\b/, "").replace(/^ per second$/, "/s")}`;
  return unit ? `${formatShort(value)} ${unit}` : formatShort(value);
}

/** "10k", "1.5 MiB", "200"; undefined for what is no number, null for nothing. */
export function parseLimit(text: string, unit: string): number | null | undefined {
  const trimmed = text.trim().replaceAll(",", "");
  if (trimmed === "") return null;
  const found = /^(\d+(?:\.\d+)?)\s*([kmgtb]?)i?b?(?:\/s)?$/i.exec(trimmed);
  if (!found) return undefined;
  const factor = (isBytes(unit) ? BYTES : COUNTS)[(found[2] ?? "").toLowerCase()];
  const value = factor === undefined ? Number.NaN : Number(found[1]) * factor;
  return Number.isFinite(value) ? value : undefined;
}

/** As it is typed again. */
export function printLimit(value: number, unit: string): string {
  if (!isBytes(unit)) return String(value);
  for (const [letter, factor] of Object.entries(BYTES).reverse())
    if (letter.length === 1 && letter !== "b" && value >= factor && (value / factor) % 0.25 === 0)
      return `${value / factor} ${letter.toUpperCase()}iB`;
  return String(value);
}

/** Used share from 0 to 1; without a limit nothing is. */
export function share(use: LimitUse): number {
  return use.limit > 0 ? Math.min(1, Math.max(0, use.used / use.limit)) : 0;
}

export function level(use: LimitUse): "calm" | "high" | "full" {
  const part = share(use);
  return part >= 1 ? "full" : part >= 0.8 ? "high" : "calm";
}

/** Limits that can be set in a scope. */
export function ofScope(known: readonly LimitInfo[], scope: string): LimitInfo[] {
  return known.filter((info) => info.scopes.includes(scope));
}

/** Scopes in which anything can be limited, in the order of first mention. */
export function scopes(known: readonly LimitInfo[]): string[] {
  return [...new Set(known.flatMap((info) => info.scopes))];
}

/** Sets for everybody first, then by scope and name. */
export function orderedSets(sets: readonly LimitSet[]): LimitSet[] {
  return [...sets].sort(
    (a, b) =>
      Number(b.subject === "*") - Number(a.subject === "*") ||
      a.scope.localeCompare(b.scope) ||
      (a.label || a.subject).localeCompare(b.label || b.subject),
  );
}
