/** Numbers with units. Counts are decimal, bytes are IEC. */

const whole = new Intl.NumberFormat("en-US");
const short = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 3 });

/** 12345 as "12,345". */
export function formatCount(count: number): string {
  return whole.format(count);
}

/** 2134567 as "2.13 M"; exact below 10,000. */
export function formatShort(count: number): string {
  const size = Math.abs(count);
  if (size < 10_000) return whole.format(Math.round(count * 10) / 10);
  for (const [limit, unit] of [
    [1e12, "T"],
    [1e9, "G"],
    [1e6, "M"],
  ] as const) {
    if (size >= limit) return `${short.format(count / limit)} ${unit}`;
  }
  return `${short.format(count / 1e3)} k`;
}

export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? whole.format(value) : short.format(value)} ${units[unit]}`;
}

/** Milliseconds as "38 ms", "0.42 ms", "1.2 s", "2 min 5 s". */
export function formatDuration(ms: number): string {
  if (ms < 1) return `${short.format(ms)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${short.format(ms / 1000)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** A rate as "12/s", "2.5/s"; what is rare by the minute or hour: "6/min", "1.2/h". */
export function formatRate(perSecond: number): string {
  if (perSecond > 0 && perSecond < 0.1) {
    const perMinute = perSecond * 60;
    return perMinute < 0.1
      ? `${formatShort(Math.round(perMinute * 600) / 10)}/h`
      : `${formatShort(Math.round(perMinute * 10) / 10)}/min`;
  }
  return `${formatShort(perSecond < 10 ? Math.round(perSecond * 10) / 10 : Math.round(perSecond))}/s`;
}

/** "1 record", "12 records". */
export function plural(count: number, one: string, many: string): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** Any attribute value on one line. */
export function formatValue(value: unknown): string {
  if (typeof value === "string") return value;
  if (value === null || value === undefined) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
