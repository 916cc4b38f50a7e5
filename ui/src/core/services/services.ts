/** The list of services: order, words, and what a jump to their signals asks for. */
import type { ServiceRow } from "../api/traces.ts";
import { equals, SERVICE } from "../traces/traceql.ts";

export const SERVICE_ORDERS = ["name", "requestRate", "errorRate", "p50", "p95", "p99", "apdex"] as const;
export type ServiceOrder = (typeof SERVICE_ORDERS)[number];

export function sortServices(
  services: readonly ServiceRow[],
  find: string,
  by: ServiceOrder,
  down: boolean,
): ServiceRow[] {
  const words = find.toLowerCase().split(/\s+/).filter(Boolean);
  const sign = down ? -1 : 1;
  return services
    .filter((service) => words.every((word) => service.name.toLowerCase().includes(word)))
    .sort(
      (a, b) =>
        (by === "name" ? sign * a.name.localeCompare(b.name) : sign * ((a[by] ?? -1) - (b[by] ?? -1))) ||
        a.name.localeCompare(b.name),
    );
}

/** Apdex as it is usually told. */
export function apdexWord(apdex: number): "excellent" | "good" | "fair" | "poor" | "bad" {
  if (apdex >= 0.94) return "excellent";
  if (apdex >= 0.85) return "good";
  if (apdex >= 0.7) return "fair";
  return apdex >= 0.5 ? "poor" : "bad";
}

export function tracesOf(service: string, ...more: string[]): string {
  return `{ ${[equals(SERVICE, service), ...more].join(" && ")} }`;
}

/**
 * Requests to it that took at least half of its 95th percentile, in seconds. That comes from buckets of which each is
 * twice as wide as the one before: the slowest requests may all have taken less than it says, but not less than half.
 */
export function slowOf(service: string, p95: number): string {
  const seconds = p95 / 2;
  const least = seconds >= 0.001 ? `${Math.floor(seconds * 1000)}ms` : `${Math.floor(seconds * 1e6)}us`;
  return tracesOf(service, `duration >= ${least}`);
}

/** PromQL over the derived series: what the charts of a service draw. */
export function serviceQueries(service: string, seconds: number): { rate: string; errors: string; latency: string[] } {
  const window = `${Math.max(60, Math.round(seconds / 60))}s`;
  const name = service.replace(/[\\"]/g, "\\$&");
  const kinds = 'span_kind=~"SPAN_KIND_SERVER|SPAN_KIND_CONSUMER"';
  const calls = `traces_spanmetrics_calls_total{service="${name}", ${kinds}`;
  const buckets = `traces_spanmetrics_latency_bucket{service="${name}", ${kinds}}`;
  return {
    rate: `sum(rate(${calls}}[${window}]))`,
    // Without an error ever there is no series to divide: that is a share of nothing, not an unknown one.
    errors: `(sum(rate(${calls}, status_code="STATUS_CODE_ERROR"}[${window}])) or sum(rate(${calls}}[${window}])) * 0) / sum(rate(${calls}}[${window}]))`,
    latency: [0.5, 0.95, 0.99].map(
      (quantile) => `histogram_quantile(${quantile}, sum by (le) (rate(${buckets}[${window}])))`,
    ),
  };
}
