/** Time ranges: two expressions, resolved against a clock. Expressions are `now…` forms or RFC 3339 in UTC. */
import { fractionToNs, fromMs, type Instant, toIso, toMs } from "./instant.ts";
import { type Wall, wallAt, wallToUtc, type Zone } from "./zone.ts";

/** As kept in the URL. */
export interface Range {
  from: string;
  to: string;
}

/** Half-open, in ns. */
export interface Span {
  from: Instant;
  to: Instant;
}

export const DEFAULT_RANGE: Range = { from: "now-1h", to: "now" };

const RELATIVE = /^now((?:[+-]\d+(?:ms|s|m|h|d|w|M|y))*)(?:\/(s|m|h|d|w|M|y))?$/;
const ISO = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z$/;
const FIXED_MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

export function isRelative(expression: string): boolean {
  return RELATIVE.test(expression);
}

export function isExpression(expression: string): boolean {
  return isRelative(expression) || (ISO.test(expression) && !Number.isNaN(Date.parse(expression.replace(/\.\d+/, ""))));
}

function moveWall(ms: number, amount: number, unit: string, zone: Zone): number {
  const wall = wallAt(ms, zone);
  const moved: Wall = { ...wall };
  if (unit === "d") moved.day += amount;
  else if (unit === "w") moved.day += amount * 7;
  else {
    if (unit === "y") moved.year += amount;
    else moved.month += amount;
    const lastDay = new Date(Date.UTC(moved.year, moved.month, 0)).getUTCDate();
    moved.day = Math.min(wall.day, lastDay);
  }
  return wallToUtc(moved, zone) + (((ms % 1000) + 1000) % 1000);
}

/** Start of the unit that holds `ms`; weeks begin on Monday. */
export function floorTo(ms: number, unit: string, zone: Zone): number {
  const wall = wallAt(ms, zone);
  const zero: Wall = { ...wall, second: unit === "s" ? wall.second : 0 };
  if (unit === "s") return wallToUtc(zero, zone);
  if (unit !== "m") zero.minute = 0;
  if (!"mh".includes(unit)) zero.hour = 0;
  if (unit === "w") zero.day -= (new Date(Date.UTC(wall.year, wall.month - 1, wall.day)).getUTCDay() + 6) % 7;
  if (unit === "M" || unit === "y") zero.day = 1;
  if (unit === "y") zero.month = 1;
  return wallToUtc(zero, zone);
}

function nextUnit(ms: number, unit: string, zone: Zone): number {
  const fixed = FIXED_MS[unit];
  return fixed ? ms + fixed : moveWall(ms, 1, unit, zone);
}

/** ns of an expression; null when it is none. Rounding (`/h`) goes down for a start and up for an end. */
export function resolveExpression(expression: string, side: "from" | "to", now: Instant, zone: Zone): Instant | null {
  const iso = ISO.exec(expression);
  if (iso) {
    const ms = Date.parse(`${expression.slice(0, 19)}Z`);
    return Number.isNaN(ms) ? null : fromMs(ms) + (iso[7] ? fractionToNs(iso[7]) : 0n);
  }
  const match = RELATIVE.exec(expression);
  if (!match) return null;
  let rest = now % 1_000_000n;
  let ms = toMs(now);
  for (const [, sign, count, unit] of (match[1] ?? "").matchAll(/([+-])(\d+)(ms|s|m|h|d|w|M|y)/g)) {
    const amount = Number(count) * (sign === "-" ? -1 : 1);
    const fixed = FIXED_MS[unit ?? ""];
    ms = fixed ? ms + amount * fixed : moveWall(ms, amount, unit ?? "d", zone);
  }
  const unit = match[2];
  if (unit) {
    const floor = floorTo(ms, unit, zone);
    rest = 0n;
    ms = side === "from" || floor === ms ? floor : nextUnit(floor, unit, zone);
  }
  return fromMs(ms) + rest;
}

/** The span of a range now; the default hour when the range cannot be read. */
export function resolveRange(range: Range, now: Instant, zone: Zone): Span {
  const from = resolveExpression(range.from, "from", now, zone);
  const to = resolveExpression(range.to, "to", now, zone);
  if (from === null || to === null || from >= to) return { from: now - 3_600_000_000_000n, to: now };
  return { from, to };
}

export function absolute(span: Span): Range {
  return { from: toIso(span.from), to: toIso(span.to) };
}

/** One span to the left or right; relative ranges become absolute. */
export function stepRange(span: Span, direction: -1 | 1): Range {
  const width = (span.to - span.from) * BigInt(direction);
  return absolute({ from: span.from + width, to: span.to + width });
}

/** Twice as wide: "last 1 h" becomes "last 2 h", anything else widens on both sides. */
export function zoomOut(range: Range, span: Span): Range {
  const last = /^now-(\d+)(ms|s|m|h|d|w|M|y)$/.exec(range.from);
  if (last && range.to === "now") return { from: `now-${Number(last[1]) * 2}${last[2]}`, to: "now" };
  const quarter = (span.to - span.from) / 2n;
  return absolute({ from: span.from - quarter, to: span.to + quarter });
}
