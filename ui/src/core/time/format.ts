/** Times for people: instants in a zone, range labels, ages. */
import { floorDiv, type Instant, toMs } from "./instant.ts";
import { isRelative, type Range, type Span } from "./range.ts";
import { wallAt, type Zone } from "./zone.ts";

const two = (value: number): string => String(value).padStart(2, "0");

export function formatDate(ns: Instant, zone: Zone): string {
  const wall = wallAt(toMs(ns), zone);
  return `${String(wall.year).padStart(4, "0")}-${two(wall.month)}-${two(wall.day)}`;
}

/** Clock time with 0, 3, 6 or 9 fraction digits. */
export function formatClock(ns: Instant, zone: Zone, digits: 0 | 3 | 6 | 9 = 3): string {
  const wall = wallAt(toMs(ns), zone);
  const base = `${two(wall.hour)}:${two(wall.minute)}:${two(wall.second)}`;
  if (digits === 0) return base;
  const nanos = ns - floorDiv(ns, 1_000_000_000n) * 1_000_000_000n;
  return `${base}.${String(nanos).padStart(9, "0").slice(0, digits)}`;
}

export function formatInstant(ns: Instant, zone: Zone, digits: 0 | 3 | 6 | 9 = 3): string {
  return `${formatDate(ns, zone)} ${formatClock(ns, zone, digits)}`;
}

const UNITS: Record<string, [string, string]> = {
  ms: ["millisecond", "milliseconds"],
  s: ["second", "seconds"],
  m: ["minute", "minutes"],
  h: ["hour", "hours"],
  d: ["day", "days"],
  w: ["week", "weeks"],
  M: ["month", "months"],
  y: ["year", "years"],
};
const NAMED: Record<string, string> = {
  "now/d now": "Today",
  "now-1d/d now-1d/d": "Yesterday",
  "now/w now": "This week",
  "now-1w/w now-1w/w": "Last week",
  "now/M now": "This month",
  "now-1M/M now-1M/M": "Last month",
  "now/h now": "This hour",
  "now/y now": "This year",
};

function trimmedClock(ns: Instant, zone: Zone): string {
  return formatClock(ns, zone, 3)
    .replace(/\.000$/, "")
    .replace(/^(\d\d:\d\d):00$/, "$1");
}

/** "Last 15 minutes", "Yesterday", "2026-11-20 14:00 – 15:30". */
export function formatRange(range: Range, span: Span, zone: Zone): string {
  const named = NAMED[`${range.from} ${range.to}`];
  if (named) return named;
  const last = /^now-(\d+)(ms|s|m|h|d|w|M|y)$/.exec(range.from);
  if (last && range.to === "now") {
    const [one, many] = UNITS[last[2] ?? "m"] ?? ["", ""];
    return last[1] === "1" ? `Last ${one}` : `Last ${last[1]} ${many}`;
  }
  if (isRelative(range.from) && isRelative(range.to)) return `${range.from} to ${range.to}`;
  const [fromDay, toDay] = [formatDate(span.from, zone), formatDate(span.to, zone)];
  const [fromClock, toClock] = [trimmedClock(span.from, zone), trimmedClock(span.to, zone)];
  if (fromClock === "00:00" && toClock === "00:00") {
    const lastDay = formatDate(span.to - 1n, zone);
    return fromDay === lastDay ? fromDay : `${fromDay} – ${lastDay}`;
  }
  if (fromDay === toDay) return `${fromDay} ${fromClock} – ${toClock}`;
  return `${fromDay} ${fromClock} – ${toDay} ${toClock}`;
}

/** "just now", "3 min ago", "2 h ago", "5 d ago"; the future reads "in …". */
export function formatAge(ns: Instant, now: Instant): string {
  const seconds = Number((now - ns) / 1_000_000_000n);
  const size = Math.abs(seconds);
  if (size < 5) return "just now";
  const [count, unit] =
    size < 60
      ? [size, "s"]
      : size < 3600
        ? [Math.floor(size / 60), "min"]
        : size < 86_400 * 2
          ? [Math.floor(size / 3600), "h"]
          : [Math.floor(size / 86_400), "d"];
  return seconds < 0 ? `in ${count} ${unit}` : `${count} ${unit} ago`;
}

/** Width of a span: "15 min", "1 h 30 min", "2 d". */
export function formatSpan(ns: bigint): string {
  const ms = Number(ns) / 1e6;
  if (ms < 1000) return `${Math.round(ms * 1000) / 1000} ms`;
  const parts: string[] = [];
  let seconds = Math.round(ms / 1000);
  for (const [size, unit] of [
    [86_400, "d"],
    [3600, "h"],
    [60, "min"],
    [1, "s"],
  ] as const) {
    const count = Math.floor(seconds / size);
    if (count > 0 && parts.length < 2) parts.push(`${count} ${unit}`);
    seconds -= count * size;
  }
  return parts.join(" ");
}

const STEPS_MS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5, 36e5, 72e5, 108e5,
  216e5, 432e5, 864e5, 1728e5, 6048e5, 2592e6, 31536e6,
];

/** Axis ticks inside a span, aligned to the zone's wall clock: at most `count` of them. */
export function timeTicks(span: Span, count: number, zone: Zone): { at: Instant; label: string }[] {
  const [from, to] = [toMs(span.from), toMs(span.to)];
  const step = STEPS_MS.find((size) => (to - from) / size <= count) ?? 31536e6;
  const wall = wallAt(from, zone);
  const offset =
    Date.UTC(wall.year, wall.month - 1, wall.day, wall.hour, wall.minute, wall.second) - Math.floor(from / 1000) * 1000;
  const ticks: { at: Instant; label: string }[] = [];
  for (let ms = Math.ceil((from + offset) / step) * step - offset; ms < to; ms += step) {
    const at = BigInt(Math.round(ms)) * 1_000_000n;
    const clock = formatClock(at, zone, step < 1000 ? 3 : 0);
    const label =
      step >= 864e5 || clock === "00:00:00" ? formatDate(at, zone).slice(5) : step >= 6e4 ? clock.slice(0, 5) : clock;
    ticks.push({ at, label });
  }
  return ticks;
}
