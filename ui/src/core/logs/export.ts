/** The address of an export: a plain GET, so that the browser streams it into a file itself. */
import type { ExportFormat } from "../api/explore.ts";
import { toIso } from "../time/instant.ts";
import type { Span } from "../time/range.ts";
import type { Order } from "../url/codecs.ts";

export const MOST_EXPORTED = 100_000_000;

export interface Export {
  query: string;
  span: Span;
  format: ExportFormat;
  /** None means all. */
  columns: string[];
  order: Order;
  limit: number;
}

/** Columns of the rows as they are shown. */
export function shownColumns(extra: string[]): string[] {
  return [...new Set(["timestamp", "service", "severity", ...extra, "body"])];
}

export function exportUrl(wanted: Export, tenant: string): string {
  const search = new URLSearchParams({
    query: wanted.query,
    from: toIso(wanted.span.from),
    to: toIso(wanted.span.to),
    format: wanted.format,
    order: wanted.order,
    limit: String(wanted.limit),
  });
  if (wanted.columns.length > 0) search.set("columns", wanted.columns.join(","));
  if (tenant) search.set("tenant", tenant);
  return `/api/nexus/v1/logs/export?${search}`;
}

/** "logs-20261125T161530Z.ndjson" */
export function exportName(format: ExportFormat, span: Span): string {
  return `logs-${toIso(span.to).slice(0, 19).replace(/[-:]/g, "")}Z.${format}`;
}
