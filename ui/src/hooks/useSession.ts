/** Who is signed in. */
import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import { ApiError } from "../core/api/errors.ts";
import type { Session } from "../core/api/types.ts";
import { useApi, useBackend } from "./useApi.tsx";

const NOBODY: Session = { authenticated: false, username: "", role: "", permissions: [], tenant: "", tenants: [] };

export function useSession(): UseQueryResult<Session> {
  const api = useApi();
  return useQuery({
    queryKey: ["session"],
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: () =>
      api.session().catch((error: unknown) => {
        if (error instanceof ApiError && error.status === 401) return NOBODY;
        throw error;
      }),
  });
}

export function usePermission(name: string): boolean {
  const permissions = useSession().data?.permissions ?? [];
  return permissions.includes(name) || permissions.includes("admin") || permissions.includes("*");
}

export function useSignOut(): () => Promise<void> {
  const { api, client } = useBackend();
  return async () => {
    await api.logout().catch(() => undefined);
    client.setQueryData(["session"], NOBODY);
    client.removeQueries({ predicate: (query) => query.queryKey[0] !== "session" });
  };
}
