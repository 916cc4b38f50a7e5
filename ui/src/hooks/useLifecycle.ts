/** Data of the data page: retention and deletions. Renewed while something is under way. */
import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import type { Deletion, RetentionAnswer } from "../core/api/lifecycle.ts";
import { useBackend } from "./useApi.tsx";

const BUSY_MS = 1000;
const UNDER_WAY = new Set<string>(["running", "verifying"]);

export function useRetention(enabled: boolean): UseQueryResult<RetentionAnswer> {
  const { api, tenant } = useBackend();
  return useQuery<RetentionAnswer>({
    queryKey: ["retention", tenant.current],
    enabled,
    refetchInterval: (query) => (query.state.data?.applying ? BUSY_MS : false),
    queryFn: ({ signal }) => api.retention(signal),
  });
}

export function useDeletions(enabled: boolean): UseQueryResult<Deletion[]> {
  const { api, tenant } = useBackend();
  return useQuery<Deletion[]>({
    queryKey: ["deletions", tenant.current],
    enabled,
    refetchInterval: (query) => (query.state.data?.some((entry) => UNDER_WAY.has(entry.state)) ? BUSY_MS : false),
    queryFn: async ({ signal }) => (await api.deletions(signal)).deletions,
  });
}
