/** The API client, its tenant and the state of the connection, for every component. */
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createContext, type ReactNode, use, useState, useSyncExternalStore } from "react";
import { Api } from "../core/api/client.ts";
import { ApiError } from "../core/api/errors.ts";
import type { Session } from "../core/api/types.ts";

/** Whether the last answers came: null before the first. */
class ConnectionState {
  private up: boolean | null = null;
  private readonly listeners = new Set<() => void>();

  get = (): boolean | null => this.up;

  set(up: boolean): void {
    if (this.up === up) return;
    this.up = up;
    for (const listener of this.listeners) listener();
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };
}

export interface Backend {
  api: Api;
  client: QueryClient;
  connection: ConnectionState;
  /** Tenant sent with every request; set by the shell from the address. */
  tenant: { current: string };
}

const BackendContext = createContext<Backend | null>(null);

function retry(failures: number, error: unknown): boolean {
  return error instanceof ApiError && (error.status === 0 || error.status === 503) && failures < 2;
}

export function createBackend(): Backend {
  const connection = new ConnectionState();
  const tenant = { current: "" };
  const client = new QueryClient({
    defaultOptions: { queries: { retry, refetchOnWindowFocus: false, staleTime: 30_000, gcTime: 120_000 } },
  });
  const api = new Api({
    tenant: () => tenant.current,
    onStatus: (status) => {
      connection.set(status !== 0);
      if (status === 401) {
        client.setQueryData<Session>(["session"], (session) =>
          session ? { ...session, authenticated: false } : session,
        );
      }
    },
  });
  return { api, client, connection, tenant };
}

export function BackendProvider({ backend, children }: { backend?: Backend; children: ReactNode }): ReactNode {
  const [value] = useState(() => backend ?? createBackend());
  return (
    <BackendContext value={value}>
      <QueryClientProvider client={value.client}>{children}</QueryClientProvider>
    </BackendContext>
  );
}

export function useBackend(): Backend {
  const backend = use(BackendContext);
  if (!backend) throw new Error("useBackend needs a BackendProvider above it");
  return backend;
}

export function useApi(): Api {
  return useBackend().api;
}

export function useConnected(): boolean | null {
  const { connection } = useBackend();
  return useSyncExternalStore(connection.subscribe, connection.get);
}
