/** Data of services: from the series that are derived of all spans, errors and critical paths from the spans. */
import { keepPreviousData, type UseQueryResult, useQuery } from "@tanstack/react-query";
import type {
  CriticalPathAnswer,
  DependenciesAnswer,
  ErrorGroup,
  OperationRow,
  ServiceMapAnswer,
  ServiceRow,
} from "../core/api/traces.ts";
import { type Instant, toIso } from "../core/time/instant.ts";
import type { Span } from "../core/time/range.ts";
import { useBackend } from "./useApi.tsx";

interface Wire {
  start: string;
  end: string;
}

function wire(span: Span): Wire {
  return { start: toIso(span.from), end: toIso(span.to) };
}

function useServiceQuery<T>(
  name: string,
  span: Span,
  ask: (range: Wire, signal: AbortSignal) => Promise<T>,
  rest: readonly unknown[] = [],
  enabled = true,
): UseQueryResult<T> {
  const { tenant } = useBackend();
  const range = wire(span);
  return useQuery({
    queryKey: ["services", name, tenant.current, range.start, range.end, ...rest],
    enabled,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => ask(range, signal),
  }) as UseQueryResult<T>;
}

export function useServices(span: Span, enabled = true): UseQueryResult<ServiceRow[]> {
  const { api } = useBackend();
  return useServiceQuery(
    "list",
    span,
    async (range, signal) => (await api.services(range, signal)).services,
    [],
    enabled,
  );
}

/** The map of the range, or of a window of it that ends at `at`. */
export function useServiceMap(span: Span, at: Instant | null, enabled = true): UseQueryResult<ServiceMapAnswer> {
  const { api } = useBackend();
  const moment = at === null ? {} : { at: toIso(at) };
  return useServiceQuery(
    "map",
    span,
    (range, signal) => api.serviceMap({ ...range, ...moment }, signal),
    [moment],
    enabled,
  );
}

export function useOperations(name: string, span: Span): UseQueryResult<OperationRow[]> {
  const { api } = useBackend();
  return useServiceQuery(
    "operations",
    span,
    async (range, signal) => (await api.serviceOperations(name, range, signal)).operations,
    [name],
    name !== "",
  );
}

export function useDependencies(name: string, span: Span): UseQueryResult<DependenciesAnswer> {
  const { api } = useBackend();
  return useServiceQuery(
    "dependencies",
    span,
    (range, signal) => api.serviceDependencies(name, range, signal),
    [name],
    name !== "",
  );
}

export function useServiceErrors(name: string, span: Span): UseQueryResult<ErrorGroup[]> {
  const { api } = useBackend();
  return useServiceQuery(
    "errors",
    span,
    async (range, signal) => (await api.serviceErrors(name, range, signal)).errors,
    [name],
    name !== "",
  );
}

export function useCriticalPath(
  service: string,
  operation: string,
  quantiles: [number, number],
  span: Span,
): UseQueryResult<CriticalPathAnswer> {
  const { api } = useBackend();
  return useServiceQuery(
    "critical-path",
    span,
    (range, signal) => api.criticalPath({ service, operation, quantiles, ...range }, signal),
    [service, operation, quantiles],
    service !== "",
  );
}

/** The namespace of each service, as its spans say; asked only where it is needed. */
export function useNamespaces(span: Span, enabled: boolean): UseQueryResult<ReadonlyMap<string, string>> {
  const { api } = useBackend();
  const name = "resource.service.name";
  const namespace = "resource.service.namespace";
  return useServiceQuery(
    "namespaces",
    span,
    async (range, signal) => {
      const q = `{ ${namespace} != nil } | rate() by (${name}, ${namespace})`;
      const { series } = await api.traceMetrics({ q, ...range, step: 0, instant: true }, signal);
      return new Map(series.map(({ labels }) => [String(labels[name] ?? ""), String(labels[namespace] ?? "")]));
    },
    [],
    enabled,
  );
}
