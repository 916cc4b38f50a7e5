/** Instants are bigint nanoseconds since the Unix epoch; JavaScript numbers cannot hold them. */

export type Instant = bigint;

const NS_PER_MS = 1_000_000n;

export function fromMs(ms: number): Instant {
  return BigInt(Math.round(ms)) * NS_PER_MS;
}

/** Whole milliseconds, rounded down. */
export function toMs(ns: Instant): number {
  return Number(floorDiv(ns, NS_PER_MS));
}

export function floorDiv(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value % by < 0n ? quotient - 1n : quotient;
}

/** RFC 3339 in UTC with as many fraction digits as needed, at most nine. */
export function toIso(ns: Instant): string {
  const ms = toMs(ns);
  const nanos = Number(ns - BigInt(Math.floor(ms / 1000)) * 1_000_000_000n);
  const base = new Date(ms).toISOString().slice(0, 19);
  if (nanos === 0) return `${base}Z`;
  return `${base}.${String(nanos).padStart(9, "0").replace(/0+$/, "")}Z`;
}

/** Fraction digits ("5", "123456789") as nanoseconds; digits past nine are cut. */
export function fractionToNs(digits: string): bigint {
  return BigInt(digits.slice(0, 9).padEnd(9, "0"));
}

/** Epoch digits by magnitude: seconds below 1e11, then ms, µs, ns. A fraction belongs to that unit. */
export function fromEpochText(text: string): Instant | null {
  const match = /^(-?)(\d{1,19})(?:\.(\d+))?$/.exec(text);
  if (!match) return null;
  const whole = BigInt(match[2] ?? "0");
  const unit = whole < 10n ** 11n ? 9 : whole < 10n ** 14n ? 6 : whole < 10n ** 17n ? 3 : 0;
  const fraction = unit === 0 ? 0n : BigInt((match[3] ?? "").slice(0, unit).padEnd(unit, "0"));
  const ns = whole * 10n ** BigInt(unit) + fraction;
  return match[1] ? -ns : ns;
}

/** A decimal string of ns from the API; the epoch when it is empty or not a number. */
export function fromNsText(text: string): Instant {
  return /^-?\d+$/.test(text) ? BigInt(text) : 0n;
}
