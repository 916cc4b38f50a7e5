/** One's own account. */
import { type UseQueryResult, useQuery, useQueryClient } from "@tanstack/react-query";
import type { LoginOptions, Profile } from "../core/api/security.ts";
import { useApi } from "./useApi.tsx";

const KEY = ["profile"];

export function useProfile(): UseQueryResult<Profile> {
  const api = useApi();
  return useQuery({ queryKey: KEY, staleTime: 0, queryFn: ({ signal }) => api.profile(signal) });
}

/** Looks again after a change. */
export function useProfileChanged(): () => void {
  const client = useQueryClient();
  return () => void client.invalidateQueries({ queryKey: KEY });
}

/** How one can log in here. */
export function useLoginOptions(): UseQueryResult<LoginOptions> {
  const api = useApi();
  return useQuery({ queryKey: ["login-options"], queryFn: ({ signal }) => api.loginOptions(signal) });
}
