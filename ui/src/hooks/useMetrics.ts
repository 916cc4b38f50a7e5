/** Data of the metrics page: one hook per request, all cancellable, keyed by tenant, query and span. */
import {
  type InfiniteData,
  keepPreviousData,
  type UseInfiniteQueryResult,
  type UseQueryResult,
  useInfiniteQuery,
  useQueries,
  useQuery,
} from "@tanstack/react-query";
import { useCallback, useMemo, useRef } from "react";
import { newQueryId } from "../core/api/client.ts";
import { ApiError } from "../core/api/errors.ts";
import type {
  CatalogAnswer,
  CatalogRequest,
  ExemplarSeries,
  MetricAnswer,
  MetricExplanation,
  MetricInfo,
} from "../core/api/metrics.ts";
import type { CountAnswer, SearchAnswer } from "../core/api/types.ts";
import { selectorOf } from "../core/metrics/series.ts";
import { toIso, toMs } from "../core/time/instant.ts";
import type { Span } from "../core/time/range.ts";
import { useBackend } from "./useApi.tsx";

export const CATALOG_PAGE = 50;

/** The Prometheus API takes seconds. */
export function seconds(span: Span): { start: string; end: string } {
  return { start: String(toMs(span.from) / 1000), end: String(toMs(span.to) / 1000) };
}

export type CatalogFilter = Pick<CatalogRequest, "search" | "kind" | "unit" | "order">;

export function useCatalog(filter: CatalogFilter): UseInfiniteQueryResult<InfiniteData<CatalogAnswer, number>> {
  const { api, tenant } = useBackend();
  return useInfiniteQuery({
    queryKey: ["metrics", "catalog", tenant.current, filter],
    initialPageParam: 0,
    placeholderData: keepPreviousData,
    queryFn: ({ signal, pageParam }) => api.catalog({ ...filter, limit: CATALOG_PAGE, offset: pageParam }, signal),
    getNextPageParam: (last: CatalogAnswer, _all, offset: number) => {
      const next = offset + last.metrics.length;
      return last.metrics.length > 0 && next < last.total ? next : undefined;
    },
  });
}

/** One metric by its name or that of a part; null when there is none. */
export function useMetric(name: string): UseQueryResult<MetricInfo | null> {
  const { api, tenant } = useBackend();
  return useQuery({
    queryKey: ["metrics", "metric", tenant.current, name],
    enabled: name !== "",
    staleTime: 60_000,
    queryFn: async ({ signal }) => {
      const found = await api.catalog({ search: name, limit: 1000 }, signal);
      const named = found.metrics.find((metric) => metric.name === name);
      return named ?? found.metrics.find((metric) => metric.parts.includes(name)) ?? null;
    },
  });
}

/** Is there any metric at all, and when was the last sample? */
export function useAnyMetric(enabled: boolean): UseQueryResult<CatalogAnswer> {
  const { api, tenant } = useBackend();
  return useQuery({
    queryKey: ["metrics", "any", tenant.current],
    enabled,
    queryFn: ({ signal }) => api.catalog({ order: "last", limit: 1 }, signal),
  });
}

export interface Ask {
  query: string;
  span: Span;
  /** Seconds; 0 leaves it to the server. */
  step: number;
  points: number;
  top: number;
  instant: boolean;
  /** Series with the label `le` become a heatmap. */
  heatmap?: boolean;
}

export interface Answered extends MetricAnswer {
  ask: Ask;
  /** When it came, by the browser's clock. */
  at: number;
}

const running = new Set<string>();

/** Stops everything that the page has running: here and on the server. */
export function useStopMetrics(): () => void {
  const { client, api } = useBackend();
  return useCallback(() => {
    for (const id of running) void api.cancel(id).catch(() => undefined);
    void client.cancelQueries({ queryKey: ["metrics", "query"] });
  }, [client, api]);
}

function useAsking() {
  const { api, tenant } = useBackend();
  return (ask: Ask, enabled: boolean) => ({
    queryKey: [
      "metrics",
      "query",
      tenant.current,
      ask.query,
      toIso(ask.span.from),
      toIso(ask.span.to),
      ask.step,
      ask.points,
      ask.top,
      ask.instant,
      ask.heatmap ?? false,
    ],
    enabled: enabled && ask.query.trim() !== "" && (ask.instant || ask.points > 0),
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }: { signal: AbortSignal }): Promise<Answered> => {
      const { span, ...rest } = ask;
      const query_id = newQueryId();
      running.add(query_id);
      try {
        const body = { ...rest, from: toIso(span.from), to: toIso(span.to), query_id };
        return { ...(await api.metricQuery(body, signal)), ask, at: Date.now() };
      } finally {
        running.delete(query_id);
      }
    },
  });
}

export function useMetricQuery(ask: Ask, enabled = true): UseQueryResult<Answered> {
  return useQuery(useAsking()(ask, enabled));
}

/** Several at once, in their order. */
export function useMetricQueries(asks: readonly Ask[], enabled: readonly boolean[]): UseQueryResult<Answered>[] {
  const asking = useAsking();
  return useQueries({ queries: asks.map((ask, index) => asking(ask, enabled[index] ?? true)) });
}

export function useMetricExplain(
  ask: Pick<Ask, "query" | "span" | "step" | "points">,
): UseQueryResult<MetricExplanation> {
  const { api, tenant } = useBackend();
  const { query, span, step, points } = ask;
  return useQuery({
    queryKey: ["metrics", "explain", tenant.current, query, toIso(span.from), toIso(span.to), step, points],
    enabled: query.trim() !== "",
    retry: false,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) =>
      api.explainMetric({ query, step, points, from: toIso(span.from), to: toIso(span.to) }, signal),
  });
}

/** What is wrong with a query that is being typed; null when nothing is. */
export function problemIn(answer: UseQueryResult<unknown>): ApiError | null {
  const { error } = answer;
  return error instanceof ApiError && error.status === 400 ? error : null;
}

/** Labels that a metric can be split by. */
export function useSplitLabels({ name, parts }: MetricInfo, span: Span): UseQueryResult<string[]> {
  const { api, tenant } = useBackend();
  return useQuery({
    queryKey: ["metrics", "labels", tenant.current, name, toIso(span.from), toIso(span.to)],
    staleTime: 60_000,
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) => {
      const match = (parts.length > 0 ? parts : [name]).map((part) => selectorOf(part));
      const found = await api.prometheus<string[]>("labels", { "match[]": match, ...seconds(span) }, signal);
      return found.filter((label) => !["__name__", "le", "quantile"].includes(label));
    },
  });
}

export function useExemplars(query: string, span: Span, enabled: boolean): UseQueryResult<ExemplarSeries[]> {
  const { api, tenant } = useBackend();
  return useQuery({
    queryKey: ["metrics", "exemplars", tenant.current, query, toIso(span.from), toIso(span.to)],
    enabled: enabled && query.trim() !== "",
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => api.prometheus<ExemplarSeries[]>("query_exemplars", { query, ...seconds(span) }, signal),
  });
}

/** Names of the fields that logs of the span carry. */
export function useLogFields(span: Span, enabled: boolean): UseQueryResult<string[]> {
  const { api, tenant } = useBackend();
  return useQuery({
    queryKey: ["metrics", "log-fields", tenant.current, toIso(span.from), toIso(span.to)],
    enabled,
    staleTime: 60_000,
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) => {
      const { fields } = await api.fields({ query: "", from: toIso(span.from), to: toIso(span.to) }, signal);
      return fields.map((field) => field.name);
    },
  });
}

export function useLogsBeside(query: string, span: Span, enabled: boolean): UseQueryResult<CountAnswer> {
  const { api, tenant } = useBackend();
  return useQuery({
    queryKey: ["metrics", "log-count", tenant.current, query, toIso(span.from), toIso(span.to)],
    enabled: enabled && query !== "",
    queryFn: ({ signal }) => api.count({ query, from: toIso(span.from), to: toIso(span.to) }, signal),
  });
}

export function useLogLines(query: string, span: Span): UseQueryResult<SearchAnswer> {
  const { api, tenant } = useBackend();
  return useQuery({
    queryKey: ["metrics", "log-lines", tenant.current, query, toIso(span.from), toIso(span.to)],
    enabled: query !== "",
    queryFn: ({ signal }) =>
      api.search({ query, from: toIso(span.from), to: toIso(span.to), order: "desc", limit: 100 }, signal),
  });
}

const COMPLETION_LIMIT = "2000";

export interface MetricNames {
  labelNames(metric?: string): Promise<string[]>;
  labelValues(label: string, metric?: string): Promise<string[]>;
  metricMetadata(): Promise<Record<string, { type: string; help: string }[]>>;
  series(metric: string): Promise<Map<string, string>[]>;
  metricNames(prefix?: string): Promise<string[]>;
  flags(): Promise<Record<string, string>>;
}

/** What the editor's completion asks for: through our API, cached for half a minute. */
export function useMetricNames(span: Span): MetricNames {
  const { api, client, tenant } = useBackend();
  const latest = useRef(span);
  latest.current = span;
  return useMemo(() => {
    const ask = <T>(path: string, query: Record<string, string | string[]>, nothing: T): Promise<T> =>
      client
        .fetchQuery({
          queryKey: ["metrics", "completion", tenant.current, path, query],
          staleTime: 30_000,
          retry: false,
          queryFn: () => api.prometheus<T>(path, { ...query, ...seconds(latest.current), limit: COMPLETION_LIMIT }),
        })
        // Completion that cannot be had is none.
        .catch(() => nothing);
    const match = (metric?: string): Record<string, string[]> => (metric ? { "match[]": [selectorOf(metric)] } : {});
    return {
      labelNames: (metric) => ask<string[]>("labels", match(metric), []),
      labelValues: (label, metric) => ask<string[]>(`label/${encodeURIComponent(label)}/values`, match(metric), []),
      metricMetadata: () => ask("metadata", {}, {}),
      series: async (metric) => {
        const found = await ask<Record<string, string>[]>("series", match(metric), []);
        return found.map((labels) => new Map(Object.entries(labels)));
      },
      metricNames: () => ask<string[]>("label/__name__/values", {}, []),
      flags: async () => ({}),
    };
  }, [api, client, tenant]);
}
