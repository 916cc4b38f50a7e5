/** Shapes of metrics and scrape targets. Times are ms since the epoch unless they end in `_at`. */

/** Numbers JSON cannot hold are texts: "NaN", "+Inf", "-Inf". */
export type Sample = number | string | null;

export interface CatalogRequest {
  search?: string;
  kind?: string;
  unit?: string;
  order?: CatalogOrder;
  limit?: number;
  offset?: number;
  from?: string;
  to?: string;
}
export type CatalogOrder = "name" | "series" | "last";

export interface MetricInfo {
  name: string;
  kind: string;
  unit: string;
  help: string;
  series: number;
  /** Newest sample; 0 for none. */
  last: number;
  /** How often and when a query named it. */
  queries: number;
  queried: number;
}

export interface CatalogAnswer {
  metrics: MetricInfo[];
  total: number;
}

export interface MetricRequest {
  query: string;
  from: string;
  to: string;
  /** Seconds; 0 leaves it to the server. */
  step?: number;
  points?: number;
  top?: number;
  instant?: boolean;
  query_id?: string;
}

export interface SeriesAnswer {
  labels: Record<string, string>;
  values: Sample[];
  /** Where the server has thinned the series out: one a value. */
  times?: number[] | null;
  /** Native histograms: time, count and sum. */
  histograms?: Sample[][] | null;
  /** Of the native histogram of an instant query: lower, upper, count. */
  buckets?: Sample[][] | null;
  last: number | null;
  min: number | null;
  max: number | null;
  mean: number | null;
}

export interface MetricStatistics {
  query_id: string;
  elapsed_ms: number;
  series: number;
  samples: number;
  peak_samples: number;
  bytes_read: number;
}

export interface MetricAnswer {
  type: "matrix" | "vector" | "scalar" | "string";
  start: number;
  step: number;
  points: number;
  series: SeriesAnswer[];
  /** Series of the result, also those that were left out. */
  total: number;
  unit: string;
  text: string;
  warnings: string[];
  infos: string[];
  statistics: MetricStatistics;
}

export interface Matcher {
  name: string;
  op: string;
  value: string;
}

export interface Selector {
  name: string;
  text: string;
  matchers: Matcher[];
  offset: number;
  length: number;
}

export interface MetricExplanation {
  query: string;
  pretty: string;
  type: string;
  words: { text: string; depth: number; offset: number; length: number }[];
  selectors: Selector[];
  unit: string;
  estimate: { series: number; samples: number; bytes: number };
  warnings: string[];
  infos: string[];
}

export interface ExemplarSeries {
  seriesLabels: Record<string, string>;
  exemplars: { labels: Record<string, string>; value: string; timestamp: number }[];
}

export type Health = "up" | "down" | "unknown";

export interface TargetInfo {
  id: string;
  pool: string;
  url: string;
  health: Health;
  labels: Record<string, string>;
  discovered: Record<string, string>;
  last_error: string;
  last_scrape: string;
  last_duration_ms: number;
  samples: number;
  samples_kept: number;
  series_added: number;
  body_bytes: number;
}

export interface TargetPool {
  name: string;
  interval_ms: number;
  timeout_ms: number;
  discovery: string[];
  up: number;
  down: number;
  unknown: number;
  dropped: number;
  error: string;
  targets: TargetInfo[];
}

export interface TargetsAnswer {
  configured: boolean;
  file: string;
  loaded_at: string;
  error: string;
  may_reload: boolean;
  pools: TargetPool[];
}

export interface RelabelStep {
  number: number;
  action: string;
  rule: Record<string, unknown>;
  before: Record<string, string>;
  after: Record<string, string> | null;
}

export interface RelabelAnswer {
  steps: RelabelStep[];
  dropped_by: number;
}

export interface DroppedTarget {
  id: string;
  discovered: Record<string, string>;
  dropped_by: number;
}

export interface DroppedAnswer {
  targets: DroppedTarget[];
  total: number;
}

export interface ReloadAnswer {
  loaded_at: string;
  pools: number;
  targets: number;
}
