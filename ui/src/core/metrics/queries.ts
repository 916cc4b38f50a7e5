/** The queries of the metrics page: how the address holds them, and what a metric is best asked with. */
import { labelName, selectorOf } from "./series.ts";

export interface QueryLine {
  query: string;
  /** Template of the names in the legend; "" leaves them to the labels. */
  legend: string;
  hidden: boolean;
}

export const MAX_QUERIES = 12;

export function letterOf(index: number): string {
  return String.fromCharCode(65 + index);
}

export function line(query: string): QueryLine {
  return { query, legend: "", hidden: false };
}

/** A lone plain query is itself; anything more is a list in JSON. No PromQL begins with a bracket. */
export function printQueries(lines: readonly QueryLine[]): string {
  const only = lines[0];
  if (lines.length === 1 && only && only.legend === "" && !only.hidden && !only.query.startsWith("["))
    return only.query;
  return JSON.stringify(
    lines.map(({ query, legend, hidden }) => ({ q: query, ...(legend && { l: legend }), ...(hidden && { h: 1 }) })),
  );
}

export function parseQueries(text: string): QueryLine[] {
  if (!text.startsWith("[")) return [line(text)];
  try {
    const found = JSON.parse(text) as unknown[];
    const lines = found.slice(0, MAX_QUERIES).map((entry) => {
      const { q, l, h } = (entry ?? {}) as Record<string, unknown>;
      return { query: typeof q === "string" ? q : "", legend: typeof l === "string" ? l : "", hidden: h === 1 };
    });
    return lines.length > 0 ? lines : [line("")];
  } catch {
    return [line(text)];
  }
}

export const STYLES = ["line", "area", "stacked", "points", "heatmap"] as const;
export type ChartStyle = (typeof STYLES)[number];

export function parseStyle(text: string): ChartStyle | null {
  return (STYLES as readonly string[]).includes(text) ? (text as ChartStyle) : null;
}

/** Seconds of "15s", "1m", "0.5s", "1h"; null for what is none. */
export function parseStep(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text.trim());
  if (!match) return null;
  const size = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 }[match[2] ?? "s"] ?? 1;
  const seconds = Number(match[1]) * size;
  return seconds > 0 && Number.isFinite(seconds) ? seconds : null;
}

export function formatStep(ms: number): string {
  if (ms < 1000) return `${ms} ms`;
  for (const [size, unit] of [
    [86_400_000, "d"],
    [3_600_000, "h"],
    [60_000, "min"],
  ] as const)
    if (ms % size === 0) return `${ms / size} ${unit}`;
  return `${Math.round(ms / 100) / 10} s`;
}

export const PERIODS = ["previous", "day", "week"] as const;
export type Period = (typeof PERIODS)[number];

export function parsePeriod(text: string): Period | null {
  return (PERIODS as readonly string[]).includes(text) ? (text as Period) : null;
}

/** How far back an earlier period lies, in ns. */
export function periodShift(period: Period, span: { from: bigint; to: bigint }): bigint {
  if (period === "day") return 86_400_000_000_000n;
  if (period === "week") return 604_800_000_000_000n;
  return span.to - span.from;
}

/** Kinds of metrics; "unknown" and "" are shown, but not asked for. */
export const KINDS = ["counter", "gauge", "histogram", "summary", "info", "stateset"] as const;

/** Sums that only grow, by what metadata say or by what the name says. */
export function isCounter(metric: string, kind: string): boolean {
  if (kind === "counter") return true;
  if (kind === "gauge") return false;
  return /_(total|count|sum|bucket)$/.test(metric);
}

/** A window of at least four scrapes of 15 s, and about a step of a chart. */
export function rateWindow(spanSeconds: number): string {
  const wanted = Math.max(60, spanSeconds / 120);
  const steps: readonly (readonly [number, string])[] = [
    [60, "1m"],
    [120, "2m"],
    [300, "5m"],
    [600, "10m"],
    [1800, "30m"],
    [3600, "1h"],
    [21_600, "6h"],
  ];
  return steps.find(([size]) => size >= wanted)?.[1] ?? "1d";
}

export interface Asked {
  name: string;
  kind: string;
  /** Names of its series; none when they are called like the metric. */
  parts?: readonly string[];
}

export interface Asking {
  /** What is drawn as a heatmap, if anything is. */
  heat: string | null;
  lines: QueryLine[];
}

const QUANTILES = [0.5, 0.95, 0.99];

/** What a metric is best asked with, in all or by a label: a histogram in all is a heatmap and quantiles. */
export function queriesFor({ name, kind, parts = [] }: Asked, by: string, spanSeconds: number): Asking {
  const window = rateWindow(spanSeconds);
  const grouped = (...labels: string[]): string => {
    const names = labels.filter((label) => label !== "").map(labelName);
    return names.length > 0 ? ` by (${names.join(", ")})` : "";
  };
  const lone = (query: string, legend = ""): Asking => ({ heat: null, lines: [{ ...line(query), legend }] });
  if (kind === "histogram" || kind === "gaugehistogram") {
    const classic = parts.includes(`${name}_bucket`) && !parts.includes(name);
    const series = selectorOf(classic ? `${name}_bucket` : name);
    const counted = kind === "histogram" ? `rate(${series}[${window}])` : series;
    const sum = `sum${grouped(classic ? "le" : "", by)} (${counted})`;
    const quantile = (q: number): string => `histogram_quantile(${q}, ${sum})`;
    if (by !== "") return lone(quantile(0.95));
    return { heat: sum, lines: QUANTILES.map((q) => ({ ...line(quantile(q)), legend: `p${q * 100}` })) };
  }
  if (kind === "summary") {
    if (by === "" && (parts.length === 0 || parts.includes(name)))
      return lone(`avg by (quantile) (${selectorOf(name)})`, "quantile {{quantile}}");
    const mean = (part: string): string => `sum${grouped(by)} (rate(${selectorOf(`${name}${part}`)}[${window}]))`;
    return lone(`${mean("_sum")} / ${mean("_count")}`, by === "" ? "mean" : "");
  }
  if (kind === "info" || kind === "stateset")
    return lone(by ? `count${grouped(by)} (${selectorOf(name)})` : selectorOf(name));
  if (isCounter(name, kind)) return lone(`sum${grouped(by)} (rate(${selectorOf(name)}[${window}]))`);
  return lone(by ? `avg${grouped(by)} (${selectorOf(name)})` : selectorOf(name));
}

/** A query of the Prometheus API, as a shell takes it. */
export function asCurl(
  origin: string,
  request: { query: string; from: number; to: number; step: number; instant: boolean },
  tenant: string,
): string {
  const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
  const door = request.instant ? "query" : "query_range";
  const fields: [string, string][] = request.instant
    ? [["time", String(request.to)]]
    : [
        ["start", String(request.from)],
        ["end", String(request.to)],
        ["step", String(request.step)],
      ];
  return [
    `curl -sS ${quote(`${origin}/api/v1/${door}`)}`,
    "-H 'Authorization: Bearer YOUR_KEY'",
    ...(tenant ? [`-H ${quote(`X-Scope-OrgID: ${tenant}`)}`] : []),
    `--data-urlencode ${quote(`query=${request.query}`)}`,
    ...fields.map(([name, value]) => `--data-urlencode ${quote(`${name}=${value}`)}`),
  ].join(" \\\n  ");
}
