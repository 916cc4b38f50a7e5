/** Data of traces: one hook per request, all cancellable, keyed by tenant, query and span. */
import { keepPreviousData, type UseQueryResult, useQuery } from "@tanstack/react-query";
import { useMemo, useRef, useSyncExternalStore } from "react";
import { ApiError } from "../core/api/errors.ts";
import type {
  TagFacet,
  TraceDocument,
  TraceOrder,
  TracesCompareAnswer,
  TracesHeatmapAnswer,
  TracesMetricsAnswer,
  TracesQuery,
  TracesSearchAnswer,
} from "../core/api/traces.ts";
import type { CountAnswer } from "../core/api/types.ts";
import { toIso } from "../core/time/instant.ts";
import type { Span } from "../core/time/range.ts";
import { FILE_ID, openedFile } from "../core/traces/file.ts";
import { addCondition, conditions, equals, removeCondition } from "../core/traces/traceql.ts";
import {
  type Choice,
  choicesOf,
  fieldsOf,
  readSpan,
  readSummary,
  type SpanDetail,
  type TraceSummary,
} from "../core/traces/wire.ts";
import { useBackend } from "./useApi.tsx";
import { type Scope, tracked } from "./useLogs.ts";

function asked({ query, span }: Scope): TracesQuery {
  return { q: query, start: toIso(span.from), end: toIso(span.to) };
}

function useTraceKey(name: string, scope: Scope, ...rest: unknown[]): unknown[] {
  const { tenant } = useBackend();
  const { q, start, end } = asked(scope);
  return ["traces", name, tenant.current, q, start, end, ...rest];
}

export const FIRST_TRACES = 50;
export const MORE_TRACES = 500;
const SPANS_PER_TRACE = 3;

export type Found = Omit<TracesSearchAnswer, "traces"> & { traces: TraceSummary[] };

export function useTraceSearch(scope: Scope, order: TraceOrder, limit: number, enabled = true): UseQueryResult<Found> {
  const { api } = useBackend();
  return useQuery({
    queryKey: useTraceKey("search", scope, order, limit),
    enabled,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) =>
      tracked(async (query_id) => {
        const body = { ...asked(scope), query_id, order, limit, spansPerTrace: SPANS_PER_TRACE };
        const answer = await api.searchTraces(body, signal);
        return { ...answer, traces: answer.traces.map(readSummary) };
      }),
  });
}

/** `step` in ns. */
export function useTraceHeatmap(scope: Scope, step: number, enabled: boolean): UseQueryResult<TracesHeatmapAnswer> {
  const { api } = useBackend();
  return useQuery({
    queryKey: useTraceKey("heatmap", scope, step),
    enabled: enabled && step > 0,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => tracked((query_id) => api.traceHeatmap({ ...asked(scope), query_id, step }, signal)),
  });
}

export function useTraceFacets(scope: Scope, enabled: boolean): UseQueryResult<TagFacet[]> {
  const { api } = useBackend();
  return useQuery({
    queryKey: useTraceKey("facets", scope),
    enabled,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) =>
      tracked(async (query_id) => (await api.traceFacets({ ...asked(scope), query_id, limit: 10 }, signal)).facets),
  });
}

export function useTracesCompare(
  sides: { selection: Scope; baseline: Scope } | null,
): UseQueryResult<TracesCompareAnswer> {
  const { api, tenant } = useBackend();
  const wire = sides && { selection: asked(sides.selection), baseline: asked(sides.baseline) };
  return useQuery({
    queryKey: ["traces", "compare", tenant.current, wire],
    enabled: wire !== null,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) =>
      tracked((query_id) => api.compareTraces({ ...(wire as NonNullable<typeof wire>), query_id }, signal)),
  });
}

/** `step` in ns. */
export function useTraceMetrics(scope: Scope, step: number, enabled: boolean): UseQueryResult<TracesMetricsAnswer> {
  const { api } = useBackend();
  return useQuery({
    queryKey: useTraceKey("metrics", scope, step),
    enabled: enabled && step > 0,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => tracked((query_id) => api.traceMetrics({ ...asked(scope), query_id, step }, signal)),
  });
}

/** A whole trace; `hint` is when it may have been. The id "file" is the file that this tab has open. */
export function useTraceDocument(id: string, hint?: Span): UseQueryResult<TraceDocument> {
  const { api, tenant } = useBackend();
  const file = useSyncExternalStore(openedFile.subscribe, openedFile.get);
  return useQuery({
    queryKey: ["trace", "document", tenant.current, id, id === FILE_ID ? file?.document.traceId : ""],
    enabled: id !== "",
    staleTime: 60_000,
    gcTime: 300_000,
    queryFn: ({ signal }) => {
      if (id !== FILE_ID) return api.trace(id, hint ? { start: toIso(hint.from), end: toIso(hint.to) } : {}, signal);
      if (!file) throw new ApiError(404, { code: "file_gone", message: "" });
      return file.document;
    },
  });
}

export function useSpan(traceId: string, spanId: string): UseQueryResult<SpanDetail> {
  const { api, tenant } = useBackend();
  return useQuery({
    queryKey: ["trace", "span", tenant.current, traceId, spanId],
    enabled: traceId !== "" && spanId !== "",
    staleTime: 300_000,
    queryFn: async ({ signal }) => {
      if (traceId !== FILE_ID) return readSpan(await api.span(traceId, spanId, signal));
      const found = openedFile.get()?.spans.get(spanId);
      if (!found) throw new ApiError(404, { code: "not_found", message: "The file has no such span." });
      return found;
    },
  });
}

const WITHIN = 100;

/** Spans of one trace that meet a TraceQL condition, asked of the server. */
export function useSpansWithin(id: string, condition: string, span: Span): UseQueryResult<string[]> {
  const { api, tenant } = useBackend();
  return useQuery({
    queryKey: ["trace", "find", tenant.current, id, condition],
    enabled: condition !== "" && id !== FILE_ID,
    retry: false,
    queryFn: async ({ signal }) => {
      const answer = await api.searchTraces(
        {
          ...asked({ query: addCondition(condition, equals("trace:id", id)), span }),
          limit: 20,
          order: "newest",
          spansPerTrace: WITHIN,
        },
        signal,
      );
      return answer.traces.flatMap((trace) => trace.sets.flatMap((set) => set.spans.map((one) => one.spanId)));
    },
  });
}

/** How many spans of a trace there are around a moment: what a jump to it shows first. */
export function useTraceSize(id: string, span: Span, enabled: boolean): UseQueryResult<number> {
  const { api, tenant } = useBackend();
  return useQuery({
    queryKey: ["traces", "size", tenant.current, id],
    enabled: enabled && id !== "",
    retry: false,
    staleTime: 60_000,
    queryFn: async ({ signal }) => {
      const query = `{ ${equals("trace:id", id)} }`;
      return (await api.countTraces(asked({ query, span }), signal)).spans;
    },
  });
}

/** Number of traces with such a span, all of them. */
export function useTraceCount(query: string, span: Span, enabled = true): UseQueryResult<number> {
  const { api } = useBackend();
  return useQuery({
    queryKey: useTraceKey("count", { query, span }),
    enabled: enabled && query !== "",
    retry: false,
    queryFn: ({ signal }) =>
      tracked(async (query_id) => (await api.countTraces({ ...asked({ query, span }), query_id }, signal)).traces),
  });
}

/** Logs of a span or of a whole trace. */
export function useLogCount(query: string, span: Span, enabled: boolean): UseQueryResult<CountAnswer> {
  const { api, tenant } = useBackend();
  const range = { from: toIso(span.from), to: toIso(span.to) };
  return useQuery({
    queryKey: ["logs", "count", tenant.current, query, range.from, range.to],
    enabled: enabled && query !== "",
    retry: false,
    queryFn: ({ signal }) => api.count({ query, ...range }, signal),
  });
}

export interface TraceEmpty {
  /** There are traces in the last 30 days, in this range. */
  ever: boolean;
  inRange: boolean;
  /** Conditions without which there would be some. */
  without: { text: string; query: string; count: number }[];
}

const MONTH = 30n * 86_400_000_000_000n;

/** Why a search found nothing. */
export function useTraceEmpty(scope: Scope, enabled: boolean): UseQueryResult<TraceEmpty> {
  const { api } = useBackend();
  return useQuery({
    queryKey: useTraceKey("empty", scope),
    enabled,
    retry: false,
    queryFn: async ({ signal }) => {
      const count = async (query: string, span: Span): Promise<number> =>
        (await api.countTraces(asked({ query, span }), signal)).traces;
      const inRange = (await count("", scope.span)) > 0;
      const ever = inRange || (await count("", { from: scope.span.to - MONTH, to: scope.span.to })) > 0;
      const without: TraceEmpty["without"] = [];
      const parts = conditions(scope.query);
      for (const part of inRange && parts.length > 1 ? parts.slice(0, 6) : []) {
        const query = removeCondition(scope.query, part);
        const left = await count(query, scope.span);
        if (left > 0) without.push({ text: part.text, query, count: left });
      }
      return { ever, inRange, without };
    },
  });
}

/** Names and values for the completion of TraceQL; answers are cached for half a minute. */
export interface TraceNames {
  fields(): Promise<string[]>;
  values(field: string): Promise<Choice[]>;
}

export function useTraceNames(span: Span): TraceNames {
  const { api, client, tenant } = useBackend();
  const latest = useRef(span);
  latest.current = span;
  return useMemo(() => {
    const base = (): TracesQuery => asked({ query: "", span: latest.current });
    return {
      fields: async () => {
        return client.fetchQuery({
          queryKey: ["traces", "tags", tenant.current],
          staleTime: 30_000,
          queryFn: async () => fieldsOf(await api.traceTags(base())),
        });
      },
      values: async (field) => {
        return client.fetchQuery({
          queryKey: ["traces", "values", tenant.current, field],
          staleTime: 30_000,
          queryFn: async () => choicesOf((await api.traceTagValues(field, base())).values),
        });
      },
    };
  }, [api, client, tenant]);
}

/** Values of a field for a choice: services, operations. */
export function useTagValues(field: string, query: string, span: Span): UseQueryResult<Choice[]> {
  const { api } = useBackend();
  return useQuery({
    queryKey: useTraceKey("choices", { query, span }, field),
    staleTime: 60_000,
    retry: false,
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) => choicesOf((await api.traceTagValues(field, asked({ query, span }), signal)).values),
  });
}
