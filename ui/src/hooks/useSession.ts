/** Who is signed in. */
import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import { ApiError } from "../core/api/errors.ts";
import type { Session } from "../core/api/types.ts";
import { useApi, useBackend } from "./useApi.tsx";

export const NOBODY: Session = {
  authenticated: false,
  username: "",
  display_name: "",
  role: "",
  roles: [],
  permissions: [],
  tenant: "",
  tenants: [],
  must: "",
  masked: [],
  filtered: false,
  challenge: null,
};

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
    const done = await api.logout().catch(() => undefined);
    client.setQueryData(["session"], NOBODY);
    client.removeQueries({ predicate: (query) => query.queryKey[0] !== "session" });
    // Signing out at the single sign-on, too.
    if (done?.redirect) location.assign(done.redirect);
  };
}
