/**
 * Names for the generated shapes of metrics and scrape targets, and the one of the Prometheus API that is used. Times of
 * samples are ms since the epoch; numbers JSON cannot hold are texts: "NaN", "+Inf", "-Inf".
 */
import type { Answer, Schemas } from "./types.ts";

export type Sample = number | string | null;
export type CatalogRequest = Schemas["CatalogRequest"];
export type CatalogOrder = NonNullable<CatalogRequest["order"]>;
export type MetricInfo = Answer<"CatalogMetric">;
export type CatalogAnswer = Answer<"CatalogAnswer">;
export type MetricRequest = Schemas["MetricsQueryRequest"];
/** `bounds` are (lower, upper), a column has a count for each. */
export type HeatmapAnswer = Omit<Answer<"ChartHeatmap">, "bounds" | "columns"> & {
  bounds: Sample[][];
  columns: number[][];
};
/** `histograms` are (ms, count, sum), `buckets` (lower, upper, count). */
export type SeriesAnswer = Omit<Schemas["ChartSeries"], "buckets" | "histograms"> & {
  buckets?: Sample[][];
  histograms?: Sample[][];
};
export type MetricAnswer = Omit<Answer<"ChartAnswer">, "series" | "heatmap"> & {
  series: SeriesAnswer[];
  heatmap?: HeatmapAnswer | null;
};
export type ExplainMetricRequest = Schemas["MetricsExplainRequest"];
export type MetricExplanation = Answer<"MetricsExplainAnswer">;
export type Matcher = Answer<"ExplainedMatcher">;
export type Selector = Answer<"ExplainedSelector">;

export type TargetInfo = Answer<"TargetInfo">;
export type Health = TargetInfo["health"];
export type TargetPool = Answer<"TargetPool">;
export type TargetsAnswer = Answer<"TargetsAnswer">;
export type RelabelStep = Answer<"RelabelStep">;
export type RelabelAnswer = Answer<"RelabelAnswer">;
export type DroppedTarget = Answer<"DroppedTarget">;
export type DroppedAnswer = Answer<"DroppedTargetsAnswer">;
export type ReloadAnswer = Answer<"ReloadAnswer">;

/** Of `query_exemplars`; times are seconds. */
export interface ExemplarSeries {
  seriesLabels: Record<string, string>;
  exemplars: { labels: Record<string, string>; value: string; timestamp: number }[];
}
