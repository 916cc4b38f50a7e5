/** What somebody would see, made ready to be shown. */
import type { Preview } from "../api/security.ts";
import { formatValue } from "../format.ts";

export interface SampleField {
  name: string;
  value: string;
  masked: boolean;
}

export interface SampleCells {
  /** ns since 1970 as text; "" when it is none. */
  timestamp: string;
  service: string;
  severity: string;
  body: string;
  fields: SampleField[];
}

const MOST_FIELDS = 12;
const MOST_CHARACTERS = 300;

/** Visible records as a share from 0 to 1. */
export function visibleShare({ records, total }: Pick<Preview, "records" | "total">): number {
  return total > 0 ? Math.min(1, records / total) : 0;
}

const cut = (text: string): string => (text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text);

/** A record as the caller would see it: masked attributes first, since they are what the preview is about. */
export function sampleCells(sample: Record<string, unknown>, masked: readonly string[]): SampleCells {
  const hidden = new Set(masked.flatMap((name) => [name, name.replace(/^(attributes|resource)\./, "")]));
  const group = (name: string): [string, unknown][] => {
    const found = sample[name];
    return found && typeof found === "object" ? Object.entries(found) : [];
  };
  const all = [
    ...group("attributes"),
    ...group("resource").map(([name, value]) => [`resource.${name}`, value] as const),
  ];
  const fields = all.map(([name, value]) => ({
    name,
    value: cut(formatValue(value)),
    masked: hidden.has(name) || hidden.has(name.replace(/^resource\./, "")),
  }));
  const timestamp = formatValue(sample.timestamp);
  return {
    timestamp: /^\d{1,20}$/.test(timestamp) ? timestamp : "",
    service: formatValue(sample.service),
    severity: formatValue(sample.severity),
    body: cut(formatValue(sample.body)),
    fields: fields.sort((a, b) => Number(b.masked) - Number(a.masked)).slice(0, MOST_FIELDS),
  };
}
