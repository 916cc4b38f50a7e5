/** Data of the logs page: one hook per request, all cancellable, keyed by tenant, query and span. */
import {
  type InfiniteData,
  keepPreviousData,
  type UseInfiniteQueryResult,
  type UseQueryResult,
  useInfiniteQuery,
  useQuery,
} from "@tanstack/react-query";
import { useCallback, useMemo, useRef } from "react";
import { newQueryId } from "../core/api/client.ts";
import { ApiError } from "../core/api/errors.ts";
import type {
  BoundsAnswer,
  CountAnswer,
  ExplainAnswer,
  FacetsAnswer,
  FieldsAnswer,
  LogRecord,
  SearchAnswer,
} from "../core/api/types.ts";
import { type Histogram, shapeHistogram } from "../core/logs/histogram.ts";
import { FIRST_PAGE, nextTrail, PAGE_ROWS, previousTrail, type Trail, WINDOW_PAGES } from "../core/logs/pages.ts";
import { localParts, type Part, removeTerm } from "../core/query/edit.ts";
import { toIso } from "../core/time/instant.ts";
import type { Span } from "../core/time/range.ts";
import type { Order } from "../core/url/codecs.ts";
import { useBackend } from "./useApi.tsx";

export interface Scope {
  query: string;
  span: Span;
}

export interface Wire {
  query: string;
  from: string;
  to: string;
}

export function wire({ query, span }: Scope): Wire {
  return { query, from: toIso(span.from), to: toIso(span.to) };
}

export function useKey(name: string, scope: Scope, ...rest: unknown[]): unknown[] {
  const { tenant } = useBackend();
  const { query, from, to } = wire(scope);
  return ["logs", name, tenant.current, query, from, to, ...rest];
}

export interface Page extends SearchAnswer {
  trail: Trail;
}

const running = new Set<string>();

/** Runs a request under a query id of its own, so that it can be cancelled by name. */
export async function tracked<T>(run: (queryId: string) => Promise<T>): Promise<T> {
  const id = newQueryId();
  running.add(id);
  try {
    return await run(id);
  } finally {
    running.delete(id);
  }
}

/** Cancels everything that a page has running: here and on the server, where a proxy may keep a closed request alive. */
export function useCancelQueries(of: "logs" | "traces" = "logs"): () => void {
  const { client, api } = useBackend();
  return useCallback(() => {
    for (const id of running) void api.cancel(id).catch(() => undefined);
    void client.cancelQueries({ queryKey: [of] });
  }, [client, api, of]);
}

export function useLogRows(
  scope: Scope,
  order: Order,
  enabled = true,
): UseInfiniteQueryResult<InfiniteData<Page, Trail>> {
  const { api } = useBackend();
  return useInfiniteQuery({
    queryKey: useKey("search", scope, order),
    enabled,
    initialPageParam: FIRST_PAGE,
    maxPages: WINDOW_PAGES,
    placeholderData: keepPreviousData,
    queryFn: ({ signal, pageParam }) =>
      tracked(async (query_id) => {
        const cursor = pageParam.at(-1) ?? "";
        const answer = await api.search({ ...wire(scope), query_id, order, limit: PAGE_ROWS, cursor }, signal);
        return { ...answer, trail: pageParam };
      }),
    getNextPageParam: (last: Page) => nextTrail(last.trail, last.next_cursor),
    getPreviousPageParam: (first: Page) => previousTrail(first.trail),
  });
}

export function useHistogram(
  scope: Scope,
  by: string,
  buckets: number,
): UseQueryResult<Histogram & { ms: number; rowsRead: number }> {
  const { api } = useBackend();
  return useQuery({
    queryKey: useKey("histogram", scope, by, buckets),
    enabled: buckets > 0,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) =>
      tracked(async (query_id) => {
        const answer = await api.histogram({ ...wire(scope), query_id, by, buckets }, signal);
        return { ...shapeHistogram(answer), ms: answer.statistics.elapsed_ms, rowsRead: answer.statistics.rows_read };
      }),
  });
}

export function useFacets(scope: Scope, fields: string[], enabled: boolean): UseQueryResult<FacetsAnswer> {
  const { api } = useBackend();
  return useQuery({
    queryKey: useKey("facets", scope, fields),
    enabled,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => tracked((query_id) => api.facets({ ...wire(scope), query_id, fields, limit: 10 }, signal)),
  });
}

/** Values of one field that hold the typed text. */
export function useFacetSearch(scope: Scope, field: string, typed: string): UseQueryResult<FacetsAnswer> {
  const { api } = useBackend();
  return useQuery({
    queryKey: useKey("facet-search", scope, field, typed),
    enabled: typed !== "",
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) =>
      tracked((query_id) => api.facets({ ...wire(scope), query_id, fields: [field], limit: 50 }, signal)),
  });
}

export function useFields(scope: Scope, enabled: boolean): UseQueryResult<FieldsAnswer> {
  const { api } = useBackend();
  return useQuery({
    queryKey: useKey("fields", scope),
    enabled,
    staleTime: 60_000,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => api.fields(wire(scope), signal),
  });
}

/** All records of the span, whatever the query: the denominator. */
export function useTotal(span: Span, enabled = true): UseQueryResult<CountAnswer> {
  const { api } = useBackend();
  const scope = { query: "", span };
  return useQuery({
    queryKey: useKey("count", scope),
    enabled,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => api.count(wire(scope), signal),
  });
}

export function useExplain(scope: Scope): UseQueryResult<ExplainAnswer> {
  const { api } = useBackend();
  return useQuery({
    queryKey: useKey("explain", scope),
    placeholderData: keepPreviousData,
    retry: false,
    queryFn: ({ signal }) => api.explain({ ...wire(scope), language: "search" }, signal),
  });
}

const NO_PARTS: Part[] = [];

/** Top-level terms of the query that ran, with offsets into its text; none while it is being asked or is wrong. */
export function useParts(query: string): Part[] {
  const { api, tenant } = useBackend();
  const answer = useQuery({
    queryKey: ["logs", "parts", tenant.current, query],
    enabled: query !== "",
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: ({ signal }) => api.explain({ query, language: "search" }, signal),
  });
  const terms = answer.data?.terms;
  return useMemo(() => (terms && query !== "" ? localParts(query, terms) : NO_PARTS), [terms, query]);
}

/** What is wrong with a query that is being typed; null when nothing is. */
export function useQueryProblem(draft: string): ApiError | null {
  const { api, tenant } = useBackend();
  const answer = useQuery({
    queryKey: ["logs", "parts", tenant.current, draft],
    enabled: draft !== "",
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: ({ signal }) => api.explain({ query: draft, language: "search" }, signal),
  });
  return draft !== "" && answer.error instanceof ApiError && answer.error.status === 400 ? answer.error : null;
}

export function useRecord(id: string, known: LogRecord | undefined): UseQueryResult<LogRecord> {
  const { api, tenant } = useBackend();
  return useQuery({
    queryKey: ["logs", "record", tenant.current, id],
    enabled: id !== "" && !known,
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: ({ signal }) => api.record(id, signal),
  });
}

export interface EmptyCause {
  /** Bounds of the whole tenant, then of the query over all time. */
  all: BoundsAnswer;
  matching: BoundsAnswer;
  /** How many records there would be without each term. */
  without: { part: Part; count: number }[];
}

/** Why a search found nothing. */
export function useEmptyCause(scope: Scope, parts: Part[], enabled: boolean): UseQueryResult<EmptyCause> {
  const { api } = useBackend();
  return useQuery({
    queryKey: useKey(
      "empty",
      scope,
      parts.map((part) => part.text),
    ),
    enabled,
    retry: false,
    queryFn: async ({ signal }) => {
      const all = await api.bounds({ query: "" }, signal);
      const matching = scope.query === "" ? all : await api.bounds({ query: scope.query }, signal);
      const without: EmptyCause["without"] = [];
      for (const part of all.count === 0 ? [] : parts.slice(0, 8)) {
        const { count } = await api.count(wire({ ...scope, query: removeTerm(scope.query, part) }), signal);
        if (count > 0) without.push({ part, count });
      }
      without.sort((a, b) => b.count - a.count);
      return { all, matching, without };
    },
  });
}

/** Completion sources for the query editor; answers are cached for half a minute. */
export function useCompletions(span: Span): {
  fields(): Promise<string[]>;
  values(field: string): Promise<{ value: string; count: number }[]>;
} {
  const { api, client, tenant } = useBackend();
  const latest = useRef(span);
  latest.current = span;
  return useMemo(() => {
    const base = (): Wire => wire({ query: "", span: latest.current });
    return {
      fields: async () => {
        const answer = await client.fetchQuery({
          queryKey: ["logs", "completion", tenant.current, "fields"],
          staleTime: 30_000,
          queryFn: () => api.fields(base()),
        });
        return [...answer.fields].sort((a, b) => b.records - a.records).map((field) => field.name);
      },
      values: async (field) => {
        const answer = await client.fetchQuery({
          queryKey: ["logs", "completion", tenant.current, "values", field],
          staleTime: 30_000,
          queryFn: () => api.facets({ ...base(), fields: [field], limit: 50 }),
        });
        return answer.facets[0]?.values ?? [];
      },
    };
  }, [api, client, tenant]);
}
