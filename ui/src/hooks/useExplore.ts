/** Data of patterns, context, comparison, field statistics, views: one hook per request, keyed like those of useLogs. */
import {
  type InfiniteData,
  keepPreviousData,
  type UseInfiniteQueryResult,
  type UseMutationResult,
  type UseQueryResult,
  useInfiniteQuery,
  useMutation,
  useQuery,
} from "@tanstack/react-query";
import type {
  CompareAnswer,
  ContextAnswer,
  FieldAnswer,
  Link,
  PatternOrder,
  PatternsAnswer,
  Same,
  SaveViewRequest,
  Selection,
  View,
} from "../core/api/explore.ts";
import { useBackend } from "./useApi.tsx";
import { type Scope, tracked, useKey, wire } from "./useLogs.ts";

export const PATTERN_LIMIT = 500;
const SPARKS = 30;

export function usePatterns(scope: Scope, order: PatternOrder, since: string): UseQueryResult<PatternsAnswer> {
  const { api } = useBackend();
  return useQuery({
    queryKey: useKey("patterns", scope, order, since),
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) =>
      tracked((query_id) =>
        api.patterns(
          {
            ...wire(scope),
            query_id,
            order,
            limit: PATTERN_LIMIT,
            buckets: SPARKS,
            ...(since !== "" && { new_since: since }),
          },
          signal,
        ),
      ),
  });
}

export function useCompare(
  sides: { selection: Selection; baseline: Selection },
  enabled: boolean,
): UseQueryResult<CompareAnswer> {
  const { api, tenant } = useBackend();
  return useQuery({
    queryKey: ["logs", "compare", tenant.current, sides],
    enabled,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => tracked((query_id) => api.compare({ ...sides, query_id }, signal)),
  });
}

/** Where a page of the context begins, and how far it reaches. */
export interface ContextPage {
  id: string;
  before: number;
  after: number;
}

export const CONTEXT_LINES = 50;
export const CONTEXT_MORE = 200;

export function useContextLines(
  id: string,
  same: Same,
): UseInfiniteQueryResult<InfiniteData<ContextAnswer, ContextPage>> {
  const { api, tenant } = useBackend();
  return useInfiniteQuery({
    queryKey: ["logs", "context", tenant.current, id, same],
    initialPageParam: { id, before: CONTEXT_LINES, after: CONTEXT_LINES },
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
    queryFn: ({ signal, pageParam }: { signal: AbortSignal; pageParam: ContextPage }) =>
      tracked((query_id) => api.context({ ...pageParam, same, query_id }, signal)),
    getNextPageParam: (last: ContextAnswer) =>
      last.more_after ? { id: (last.after.at(-1) ?? last.record).id, before: 0, after: CONTEXT_MORE } : undefined,
    getPreviousPageParam: (first: ContextAnswer) =>
      first.more_before ? { id: (first.before[0] ?? first.record).id, before: CONTEXT_MORE, after: 0 } : undefined,
  });
}

export function useFieldStatistics(scope: Scope, field: string): UseQueryResult<FieldAnswer> {
  const { api } = useBackend();
  return useQuery({
    queryKey: useKey("field", scope, field),
    enabled: field !== "",
    queryFn: ({ signal }) => tracked((query_id) => api.field({ ...wire(scope), query_id, field, limit: 20 }, signal)),
  });
}

export function useViews(enabled: boolean): UseQueryResult<View[]> {
  const { api, tenant } = useBackend();
  return useQuery({
    queryKey: ["views", tenant.current],
    enabled,
    queryFn: async ({ signal }) => (await api.views(signal)).views,
  });
}

/** Saves a view: a new one without an id, otherwise over the one that has it. */
export function useSaveView(): UseMutationResult<View, Error, { id: string; view: SaveViewRequest }> {
  const { api, client } = useBackend();
  return useMutation({
    mutationFn: ({ id, view }) => (id === "" ? api.createView(view) : api.updateView(id, view)),
    onSuccess: () => client.invalidateQueries({ queryKey: ["views"] }),
  });
}

export function useDeleteView(): UseMutationResult<unknown, Error, string> {
  const { api, client } = useBackend();
  return useMutation({
    mutationFn: (id) => api.deleteView(id),
    onSuccess: () => client.invalidateQueries({ queryKey: ["views"] }),
  });
}

export function useLink(id: string): UseQueryResult<Link> {
  const { api } = useBackend();
  return useQuery({
    queryKey: ["link", id],
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: ({ signal }) => api.link(id, signal),
  });
}
