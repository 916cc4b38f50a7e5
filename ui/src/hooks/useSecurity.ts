/** Data of the settings. Everything here is small enough to be loaded whole, and looked at anew when a page is opened. */
import { type UseQueryResult, useQuery, useQueryClient } from "@tanstack/react-query";
import type {
  AccountInfo,
  ApiKey,
  Limits,
  RoleList,
  TeamInfo,
  TenantDeletion,
  TenantInfo,
  UserInfo,
} from "../core/api/security.ts";
import { useBackend } from "./useApi.tsx";

const BUSY_MS = 1000;
const LIMITS_MS = 3000;

export function useUsers(enabled = true): UseQueryResult<UserInfo[]> {
  const { api } = useBackend();
  return useQuery({
    queryKey: ["users"],
    enabled,
    staleTime: 0,
    queryFn: async ({ signal }) => (await api.users(signal)).users,
  });
}

export function useTeams(): UseQueryResult<TeamInfo[]> {
  const { api } = useBackend();
  return useQuery({
    queryKey: ["teams"],
    staleTime: 0,
    queryFn: async ({ signal }) => (await api.teams(signal)).teams,
  });
}

export function useRoles(enabled = true): UseQueryResult<RoleList> {
  const { api } = useBackend();
  return useQuery({ queryKey: ["roles"], enabled, staleTime: 0, queryFn: ({ signal }) => api.roles(signal) });
}

export function useAccounts(enabled = true): UseQueryResult<AccountInfo[]> {
  const { api } = useBackend();
  return useQuery({
    queryKey: ["accounts"],
    enabled,
    staleTime: 0,
    queryFn: async ({ signal }) => (await api.accounts(signal)).accounts,
  });
}

export function useKeys(enabled = true): UseQueryResult<ApiKey[]> {
  const { api, tenant } = useBackend();
  return useQuery({
    queryKey: ["keys", tenant.current],
    enabled,
    staleTime: 0,
    queryFn: async ({ signal }) => (await api.keys(signal)).keys,
  });
}

export function useTenants(enabled = true): UseQueryResult<TenantInfo[]> {
  const { api } = useBackend();
  return useQuery<TenantInfo[]>({
    queryKey: ["tenant-list"],
    enabled,
    staleTime: 0,
    refetchInterval: (query) => (query.state.data?.some((entry) => entry.state === "deleting") ? BUSY_MS : false),
    queryFn: async ({ signal }) => (await api.tenants(signal)).tenants,
  });
}

/** How far the deletion of a tenant is; asked again until it has ended. */
export function useTenantDeletion(name: string): UseQueryResult<TenantDeletion> {
  const { api } = useBackend();
  return useQuery<TenantDeletion>({
    queryKey: ["tenant-deletion", name],
    enabled: name !== "",
    staleTime: 0,
    refetchInterval: (query) => (/^(done|failed)$/.test(query.state.data?.state ?? "") ? false : BUSY_MS),
    queryFn: ({ signal }) => api.tenantDeletion(name, signal),
  });
}

/** Limits and their present use, kept fresh. */
export function useLimits(enabled = true): UseQueryResult<Limits> {
  const { api, tenant } = useBackend();
  return useQuery({
    queryKey: ["limits", tenant.current],
    enabled,
    staleTime: 0,
    refetchInterval: LIMITS_MS,
    queryFn: ({ signal }) => api.limits(signal),
  });
}

/** Looks again at these after a change. Who one is may have changed as well. */
export function useChanged(...names: string[]): () => void {
  const client = useQueryClient();
  return () => {
    for (const name of [...names, "session"]) void client.invalidateQueries({ queryKey: [name] });
  };
}
