/** Days of retention, as typed. */

export const MOST_DAYS = 36_500;

/** A whole number of days; null for nothing, undefined for anything else. */
export function readDays(text: string): number | null | undefined {
  const trimmed = text.trim();
  if (trimmed === "") return null;
  if (!/^\d{1,5}$/.test(trimmed)) return undefined;
  const days = Number(trimmed);
  return days <= MOST_DAYS ? days : undefined;
}

/** Whether the typed text names exactly this number: "1,234" and "1234" both do. */
export function confirms(typed: string, records: number): boolean {
  const digits = typed.replaceAll(/[,_. ]/g, "");
  return /^\d+$/.test(digits) && Number(digits) === records;
}
