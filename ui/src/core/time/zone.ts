/** Wall clock and UTC, for any IANA zone the browser knows. "local" stands for the browser's zone. */

export type Zone = string;

export interface Wall {
  year: number;
  /** 1 to 12 */
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
}

const formats = new Map<string, Intl.DateTimeFormat>();

let browserZone: string | undefined;

/** Asking the browser is slow enough to be felt once per row and frame, so it is asked once. */
export function resolveZone(zone: Zone): string {
  if (zone !== "local") return zone;
  browserZone ??= Intl.DateTimeFormat().resolvedOptions().timeZone;
  return browserZone;
}

export function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: resolveZone(zone) });
    return true;
  } catch {
    return false;
  }
}

function formatFor(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
      era: "short",
    });
    formats.set(zone, format);
  }
  return format;
}

/** The wall clock in `zone` at `utcMs`. */
export function wallAt(utcMs: number, zone: Zone): Wall {
  const name = resolveZone(zone);
  if (name === "UTC") {
    const date = new Date(utcMs);
    return {
      year: date.getUTCFullYear(),
      month: date.getUTCMonth() + 1,
      day: date.getUTCDate(),
      hour: date.getUTCHours(),
      minute: date.getUTCMinutes(),
      second: date.getUTCSeconds(),
    };
  }
  const parts: Record<string, string> = {};
  for (const part of formatFor(name).formatToParts(utcMs)) parts[part.type] = part.value;
  const year = Number(parts.year);
  return {
    year: parts.era === "BC" ? 1 - year : year,
    month: Number(parts.month),
    day: Number(parts.day),
    hour: Number(parts.hour) % 24,
    minute: Number(parts.minute),
    second: Number(parts.second),
  };
}

function asUtc(wall: Wall): number {
  return Date.UTC(wall.year, wall.month - 1, wall.day, wall.hour, wall.minute, wall.second);
}

/** Offset of the zone from UTC in ms at that moment; positive is east. */
export function offsetAt(utcMs: number, zone: Zone): number {
  const whole = Math.floor(utcMs / 1000) * 1000;
  return asUtc(wallAt(whole, zone)) - whole;
}

/** UTC ms of a wall clock; overflowing fields carry (day 0, month 13). In a gap the later, in an overlap the earlier one. */
export function wallToUtc(wall: Wall, zone: Zone): number {
  const naive = asUtc(wall);
  const before = naive - offsetAt(naive - 86_400_000, zone);
  const after = naive - offsetAt(naive + 86_400_000, zone);
  const fits = [before, after].filter((candidate) => candidate + offsetAt(candidate, zone) === naive);
  return fits.length > 0 ? Math.min(...fits) : Math.max(before, after);
}

/** "UTC", "UTC+2", "UTC-3:30". */
export function offsetLabel(utcMs: number, zone: Zone): string {
  const minutes = Math.round(offsetAt(utcMs, zone) / 60_000);
  if (minutes === 0) return "UTC";
  const rest = Math.abs(minutes) % 60;
  const hours = Math.floor(Math.abs(minutes) / 60);
  return `UTC${minutes < 0 ? "-" : "+"}${hours}${rest ? `:${String(rest).padStart(2, "0")}` : ""}`;
}
