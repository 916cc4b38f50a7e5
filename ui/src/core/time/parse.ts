/**
 * Typed time ranges: `15m`, `2h`, `now-6h/h`, `yesterday`, `2026-11-20`, `14:00-15:30`, epochs in s/ms/µs/ns, RFC 3339,
 * `±5m @ 14:03:22`, and two of these with `to`, `..`, ` - ` or `/` between them.
 * Days, months and years mean their whole span; a moment alone means five minutes on either side.
 */
import { fractionToNs, fromEpochText, fromMs, type Instant, toIso, toMs } from "./instant.ts";
import { isRelative, type Range, resolveExpression } from "./range.ts";
import { type Wall, wallAt, wallToUtc, type Zone } from "./zone.ts";

export interface Clock {
  now: Instant;
  zone: Zone;
}

export type Parsed = { ok: true; range: Range } | { ok: false; message: string };

const MINUTE = 60_000_000_000n;
const UNIT_MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const UNIT_NAMES: [RegExp, string][] = [
  [/^(ms|milliseconds?|millis)$/i, "ms"],
  [/^(s|secs?|seconds?)$/i, "s"],
  [/^(m|mins?|minutes?)$/, "m"],
  [/^(h|hrs?|hours?)$/i, "h"],
  [/^(d|days?)$/i, "d"],
  [/^(w|wks?|weeks?)$/i, "w"],
  [/^(M|mo|months?)$/, "M"],
  [/^(y|yrs?|years?)$/i, "y"],
];
const WORDS: Record<string, Range> = {
  today: { from: "now/d", to: "now" },
  yesterday: { from: "now-1d/d", to: "now-1d/d" },
  "this hour": { from: "now/h", to: "now" },
  "last hour": { from: "now-1h", to: "now" },
  "this week": { from: "now/w", to: "now" },
  "last week": { from: "now-1w/w", to: "now-1w/w" },
  "this month": { from: "now/M", to: "now" },
  "last month": { from: "now-1M/M", to: "now-1M/M" },
  "this year": { from: "now/y", to: "now" },
};
const DATE = /^(\d{4})[-/.](\d{1,2})(?:[-/.](\d{1,2}))?$/;
const TIME = /^(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?$/;
const MOMENT =
  /^(\d{4}[-/.]\d{1,2}[-/.]\d{1,2})[T ,]\s*(\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?)\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2})?$/i;

/** One side of a range. `span` is a whole day or longer, `time` a clock time without a date. */
type Piece =
  | { kind: "expression"; text: string }
  | { kind: "span"; from: Instant; to: Instant }
  | { kind: "moment"; at: Instant }
  | { kind: "time"; wall: Pick<Wall, "hour" | "minute" | "second">; ns: bigint };

function unitOf(name: string): string | undefined {
  return UNIT_NAMES.find(([pattern]) => pattern.test(name))?.[1];
}

/** "1h30m", "1.5h", "2 hours" as one count and unit; null when it is no duration. */
export function parseDuration(text: string): { count: number; unit: string } | null {
  const parts = [...text.matchAll(/\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]+)/gy)];
  if (parts.length === 0 || parts.map((part) => part[0]).join("").length !== text.trimEnd().length) return null;
  if (parts.length === 1) {
    const unit = unitOf(parts[0]?.[2] ?? "");
    const count = Number(parts[0]?.[1]);
    if (!unit || count === 0) return null;
    if (Number.isInteger(count)) return { count, unit };
  }
  let total = 0;
  for (const part of parts) {
    const size = UNIT_MS[unitOf(part[2] ?? "") ?? ""];
    if (!size) return null;
    total += Number(part[1]) * size;
  }
  total = Math.round(total);
  if (total <= 0) return null;
  const unit = ["h", "m", "s", "ms"].find((name) => total % (UNIT_MS[name] ?? 1) === 0) ?? "ms";
  return { count: total / (UNIT_MS[unit] ?? 1), unit };
}

function validDay(year: number, month: number, day: number): boolean {
  return month >= 1 && month <= 12 && day >= 1 && day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}

function parseTime(text: string): Extract<Piece, { kind: "time" }> | null {
  const match = TIME.exec(text);
  if (!match) return null;
  const wall = { hour: Number(match[1]), minute: Number(match[2]), second: Number(match[3] ?? 0) };
  if (wall.hour > 24 || wall.minute > 59 || wall.second > 59 || (wall.hour === 24 && wall.minute + wall.second > 0))
    return null;
  return { kind: "time", wall, ns: match[4] ? fractionToNs(match[4]) : 0n };
}

function parseDate(text: string, zone: Zone): Piece | null {
  const match = DATE.exec(text);
  if (!match) return null;
  const [year, month, day] = [Number(match[1]), Number(match[2]), match[3] ? Number(match[3]) : undefined];
  if (!validDay(year, month, day ?? 1)) return null;
  const midnight = { hour: 0, minute: 0, second: 0 };
  const from = wallToUtc({ year, month, day: day ?? 1, ...midnight }, zone);
  const to = wallToUtc(
    day ? { year, month, day: day + 1, ...midnight } : { year, month: month + 1, day: 1, ...midnight },
    zone,
  );
  return { kind: "span", from: fromMs(from), to: fromMs(to) };
}

function parseMoment(text: string, zone: Zone): Piece | null {
  const match = MOMENT.exec(text);
  if (!match) return null;
  const date = DATE.exec(match[1] ?? "");
  const time = parseTime(match[2] ?? "");
  if (!date || !time || !validDay(Number(date[1]), Number(date[2]), Number(date[3]))) return null;
  const wall: Wall = { year: Number(date[1]), month: Number(date[2]), day: Number(date[3]), ...time.wall };
  const suffix = match[3]?.toUpperCase();
  if (!suffix) return { kind: "moment", at: fromMs(wallToUtc(wall, zone)) + time.ns };
  const offset = /^([+-])(\d{2}):?(\d{2})$/.exec(suffix);
  const minutes = offset ? (Number(offset[2]) * 60 + Number(offset[3])) * (offset[1] === "-" ? -1 : 1) : 0;
  return { kind: "moment", at: fromMs(wallToUtc(wall, "UTC") - minutes * 60_000) + time.ns };
}

function parsePiece(raw: string, zone: Zone): Piece | null {
  const text = raw.trim();
  if (isRelative(text)) return { kind: "expression", text };
  const word = WORDS[text.toLowerCase()];
  if (word) return { kind: "expression", text: word.from };
  if (/^\d{9,19}(\.\d+)?$/.test(text)) {
    const at = fromEpochText(text);
    return at === null ? null : { kind: "moment", at };
  }
  return parseDate(text, zone) ?? parseMoment(text, zone) ?? parseTime(text);
}

/** The latest moment not after now with that clock time. */
function latest(piece: Extract<Piece, { kind: "time" }>, clock: Clock): Instant {
  const today = { ...wallAt(toMs(clock.now), clock.zone), ...piece.wall };
  const at = fromMs(wallToUtc(today, clock.zone)) + piece.ns;
  if (at <= clock.now) return at;
  return fromMs(wallToUtc({ ...today, day: today.day - 1 }, clock.zone)) + piece.ns;
}

/** `piece` on the day of `start`, or the day after when that would not be later. */
function after(piece: Extract<Piece, { kind: "time" }>, start: Instant, zone: Zone): Instant {
  const sameDay = { ...wallAt(toMs(start), zone), ...piece.wall };
  const at = fromMs(wallToUtc(sameDay, zone)) + piece.ns;
  return at > start ? at : fromMs(wallToUtc({ ...sameDay, day: sameDay.day + 1 }, zone)) + piece.ns;
}

function startOf(piece: Piece, clock: Clock): { expression: string; at: Instant } | null {
  if (piece.kind === "expression") {
    const at = resolveExpression(piece.text, "from", clock.now, clock.zone);
    return at === null ? null : { expression: piece.text, at };
  }
  const at = piece.kind === "span" ? piece.from : piece.kind === "moment" ? piece.at : latest(piece, clock);
  return { expression: toIso(at), at };
}

function endOf(piece: Piece, start: Instant, clock: Clock): { expression: string; at: Instant } | null {
  if (piece.kind === "expression") {
    const at = resolveExpression(piece.text, "to", clock.now, clock.zone);
    return at === null ? null : { expression: piece.text, at };
  }
  const at = piece.kind === "span" ? piece.to : piece.kind === "moment" ? piece.at : after(piece, start, clock.zone);
  return { expression: toIso(at), at };
}

function splits(text: string): [string, string][] {
  const found: [string, string][] = [];
  const patterns = [/\s+(?:to|until)\s+/gi, /\s*\.\.\.?\s*/g, /\s*[–—→]\s*/g, /\s+-\s+/g, /\s*\/\s*/g, /-/g];
  for (const pattern of patterns) {
    for (const match of text.matchAll(pattern)) {
      found.push([text.slice(0, match.index), text.slice(match.index + match[0].length)]);
    }
  }
  return found;
}

function around(at: Instant, half: bigint): Parsed {
  return { ok: true, range: { from: toIso(at - half), to: toIso(at + half) } };
}

function parseAround(text: string, clock: Clock): Parsed | null {
  const match = /^(?:±|\+\/?-)\s*(.+?)\s*@\s*(.+)$/.exec(text);
  if (!match) return null;
  const duration = parseDuration(match[1] ?? "");
  const piece = parsePiece(match[2] ?? "", clock.zone);
  const centre = piece && startOf(piece, clock);
  const size = UNIT_MS[duration?.unit ?? ""];
  if (!duration || !size || !centre) return null;
  return around(centre.at, BigInt(Math.round(duration.count * size)) * 1_000_000n);
}

function parsePair(text: string, clock: Clock): Parsed | null {
  for (const [left, right] of splits(text)) {
    const first = parsePiece(left, clock.zone);
    const second = first && parsePiece(right, clock.zone);
    if (!first || !second) continue;
    const start = startOf(first, clock);
    const end = start && endOf(second, start.at, clock);
    if (!start || !end) continue;
    if (start.at >= end.at) return { ok: false, message: "The range ends before it begins." };
    return { ok: true, range: { from: start.expression, to: end.expression } };
  }
  return null;
}

function parseSingle(text: string, clock: Clock): Parsed | null {
  const word = WORDS[text.toLowerCase()];
  if (word) return { ok: true, range: word };
  const duration = parseDuration(text.replace(/^(last|past)\s+/i, "").replace(/\s+ago$/i, ""));
  if (duration) return { ok: true, range: { from: `now-${duration.count}${duration.unit}`, to: "now" } };
  if (text === "now") return { ok: true, range: { from: "now-5m", to: "now" } };
  const piece = parsePiece(text, clock.zone);
  if (!piece) return null;
  if (piece.kind === "span") return { ok: true, range: { from: toIso(piece.from), to: toIso(piece.to) } };
  const start = startOf(piece, clock);
  if (!start) return null;
  if (piece.kind !== "expression") return around(start.at, 5n * MINUTE);
  if (start.at < clock.now) return { ok: true, range: { from: piece.text, to: "now" } };
  return start.at > clock.now ? { ok: true, range: { from: "now", to: piece.text } } : null;
}

/** Reads what a person typed or pasted. */
export function parseRange(input: string, clock: Clock): Parsed {
  const text = input.trim().replace(/\s+/g, " ");
  if (text === "") return { ok: false, message: "Type a time range, for example 15m or yesterday." };
  return (
    parseAround(text, clock) ??
    parseSingle(text, clock) ??
    parsePair(text, clock) ?? {
      ok: false,
      message: `“${text.slice(0, 40)}” is not a time range. Try 15m, now-6h/h, yesterday, 2026-11-20, 14:00-15:30, an epoch, or ±5m @ 14:03:22.`,
    }
  );
}
