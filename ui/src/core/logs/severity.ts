/** Severities: order, marks and colours. Colours are CSS variables, defined per theme in styles/tokens.css. */

export const SEVERITIES = ["fatal", "error", "warn", "info", "debug", "trace", "unset"] as const;
export type Severity = (typeof SEVERITIES)[number];

/** A letter beside the colour, so that colour is never the only sign. */
export const SEVERITY_LETTER: Record<Severity, string> = {
  fatal: "F",
  error: "E",
  warn: "W",
  info: "I",
  debug: "D",
  trace: "T",
  unset: "·",
};

export function asSeverity(text: string): Severity {
  return (SEVERITIES as readonly string[]).includes(text) ? (text as Severity) : "unset";
}

export function isSeverity(text: string): text is Severity {
  return (SEVERITIES as readonly string[]).includes(text);
}

const SERIES_COUNT = 8;

/** FNV-1a, 32 bits. */
export function nameHash(text: string): number {
  let value = 2166136261;
  for (let index = 0; index < text.length; index += 1) value = Math.imul(value ^ text.charCodeAt(index), 16777619);
  return value >>> 0;
}

/** Colour of each key: severities their own, other values by hash with collisions avoided within the chart. */
export function seriesColors(keys: string[]): Map<string, string> {
  const colors = new Map<string, string>();
  const taken = new Set<number>();
  for (const key of keys) {
    if (isSeverity(key)) {
      colors.set(key, `var(--severity-${key})`);
      continue;
    }
    let slot = nameHash(key) % SERIES_COUNT;
    for (let tries = 0; taken.has(slot) && tries < SERIES_COUNT; tries += 1) slot = (slot + 1) % SERIES_COUNT;
    taken.add(slot);
    colors.set(key, taken.size > SERIES_COUNT ? "var(--series-rest)" : `var(--series-${slot + 1})`);
    if (taken.size === SERIES_COUNT) taken.add(SERIES_COUNT);
  }
  return colors;
}
