/** The service map as a graph: what stands around a service, groups, two times compared, and the matrix of large ones. */
import type { MapEdge, MapNode, NodeType, ServiceMapAnswer } from "../api/traces.ts";

/** More nodes than this are a table: a picture of them would show nothing. */
export const MOST_NODES = 150;

export interface MapFilter {
  /** Those in the middle; none for all. */
  focus: readonly string[];
  hops: number;
  /** Types that are left out. */
  without: readonly NodeType[];
}

/**
 * Neighbours up to so many calls away, against and along the calls. Two that have the same users or database are no
 * neighbours for that: the way does not go on behind such a node, unless it is in the middle itself.
 */
export function around(map: ServiceMapAnswer, focus: readonly string[], hops: number): Set<string> {
  const ends = new Set(
    map.nodes.flatMap(({ name, type }) => (type === "service" || type === "messaging" ? [] : [name])),
  );
  const next = new Map<string, string[]>();
  const link = (from: string, to: string): void => {
    const list = next.get(from);
    if (list) list.push(to);
    else next.set(from, [to]);
  };
  for (const { client, server } of map.edges) {
    link(client, server);
    link(server, client);
  }
  const seen = new Set(focus);
  let edge = [...focus];
  for (let hop = 0; hop < hops && edge.length > 0; hop += 1) {
    const found: string[] = [];
    for (const name of edge)
      for (const other of next.get(name) ?? []) {
        if (seen.has(other)) continue;
        seen.add(other);
        if (!ends.has(other)) found.push(other);
      }
    edge = found;
  }
  return seen;
}

function keep(map: ServiceMapAnswer, wanted: (node: MapNode) => boolean): ServiceMapAnswer {
  const nodes = map.nodes.filter(wanted);
  const names = new Set(nodes.map((node) => node.name));
  return { nodes, edges: map.edges.filter((edge) => names.has(edge.client) && names.has(edge.server)) };
}

export function filterMap(map: ServiceMapAnswer, filter: MapFilter): ServiceMapAnswer {
  const left = keep(map, (node) => filter.focus.includes(node.name) || !filter.without.includes(node.type));
  if (filter.focus.length === 0) return left;
  const near = around(left, filter.focus, filter.hops);
  return keep(left, (node) => near.has(node.name));
}

/** Nobody calls users: what they call is their number. */
export function withUsers(map: ServiceMapAnswer): ServiceMapAnswer {
  const nodes = map.nodes.map((node) => {
    if (node.type !== "user") return node;
    const calls = map.edges.filter((edge) => edge.client === node.name);
    return { ...node, ...added(calls) };
  });
  return { nodes, edges: map.edges };
}

export const GROUPINGS = ["none", "type", "namespace"] as const;
export type Grouping = (typeof GROUPINGS)[number];

type Counted = Pick<MapNode, "requestRate" | "errorRate">;

function added(parts: readonly Counted[]): Counted {
  return {
    requestRate: parts.reduce((sum, part) => sum + part.requestRate, 0),
    errorRate: weighted(parts.map((part) => ({ weight: part.requestRate, value: part.errorRate }))),
  };
}

function weighted(parts: readonly { weight: number; value: number }[]): number {
  const total = parts.reduce((sum, part) => sum + part.weight, 0);
  return total === 0 ? 0 : parts.reduce((sum, part) => sum + part.weight * part.value, 0) / total;
}

/** Quantiles of different nodes do not add up: the largest is said. */
const worst = (values: readonly (number | null)[]): number =>
  values.reduce<number>((most, value) => Math.max(most, value ?? 0), 0);

export function groupOf(node: MapNode, by: Grouping, namespaces: ReadonlyMap<string, string>): string {
  return by === "type" ? node.type : namespaces.get(node.name) || node.type;
}

/** Nodes of one type or namespace as one node, the calls between them added up; calls within a group are left out. */
export function groupMap(
  map: ServiceMapAnswer,
  by: Grouping,
  namespaces: ReadonlyMap<string, string> = new Map(),
): ServiceMapAnswer {
  if (by === "none") return map;
  const groups = new Map<string, string>();
  const members = new Map<string, MapNode[]>();
  for (const node of map.nodes) {
    const name = groupOf(node, by, namespaces);
    groups.set(node.name, name);
    members.set(name, [...(members.get(name) ?? []), node]);
  }
  const nodes = [...members].map(([name, all]): MapNode => {
    const types = new Set(all.map((node) => node.type));
    return {
      name,
      type: types.size === 1 ? (all[0]?.type ?? "service") : "service",
      ...added(all),
      p95: worst(all.map((node) => node.p95)),
    };
  });
  const edges = new Map<string, MapEdge[]>();
  for (const edge of map.edges) {
    const [client, server] = [groups.get(edge.client), groups.get(edge.server)];
    if (client === undefined || server === undefined || client === server) continue;
    const key = `${client}\n${server}`;
    edges.set(key, [...(edges.get(key) ?? []), { ...edge, client, server }]);
  }
  return {
    nodes,
    edges: [...edges.values()].map((all): MapEdge => {
      const types = new Set(all.map((edge) => edge.type));
      return {
        client: all[0]?.client ?? "",
        server: all[0]?.server ?? "",
        type: types.size === 1 ? (all[0]?.type ?? "") : "",
        ...added(all),
        p95Client: worst(all.map((edge) => edge.p95Client)),
        p95Server: worst(all.map((edge) => edge.p95Server)),
      };
    }),
  };
}

export type Presence = "both" | "added" | "removed";

export interface Compared {
  presence: Presence;
  /** Now divided by then; Infinity for what is new. */
  rate: number;
  /** Points of the share of errors, now minus then. */
  errors: number;
}

export interface MapDifference {
  /** Everything of both times; what is gone has its old numbers. */
  map: ServiceMapAnswer;
  nodes: ReadonlyMap<string, Compared>;
  edges: ReadonlyMap<string, Compared>;
}

export function edgeKey(edge: Pick<MapEdge, "client" | "server" | "type">): string {
  return `${edge.client}\n${edge.server}\n${edge.type}`;
}

function compared(then: Counted | undefined, now: Counted | undefined): Compared {
  return {
    presence: then && now ? "both" : now ? "added" : "removed",
    rate: (now?.requestRate ?? 0) / (then?.requestRate ?? 0),
    errors: (now?.errorRate ?? 0) - (then?.errorRate ?? 0),
  };
}

/** What is other now than it was then. */
export function differMaps(then: ServiceMapAnswer, now: ServiceMapAnswer): MapDifference {
  const [oldNodes, newNodes] = [then, now].map((map) => new Map(map.nodes.map((node) => [node.name, node])));
  const [oldEdges, newEdges] = [then, now].map((map) => new Map(map.edges.map((edge) => [edgeKey(edge), edge])));
  const names = new Set([...(newNodes?.keys() ?? []), ...(oldNodes?.keys() ?? [])]);
  const keys = new Set([...(newEdges?.keys() ?? []), ...(oldEdges?.keys() ?? [])]);
  return {
    map: {
      nodes: [...names].flatMap((name) => newNodes?.get(name) ?? oldNodes?.get(name) ?? []),
      edges: [...keys].flatMap((key) => newEdges?.get(key) ?? oldEdges?.get(key) ?? []),
    },
    nodes: new Map([...names].map((name) => [name, compared(oldNodes?.get(name), newNodes?.get(name))])),
    edges: new Map([...keys].map((key) => [key, compared(oldEdges?.get(key), newEdges?.get(key))])),
  };
}

export interface Shown {
  map: ServiceMapAnswer;
  difference: MapDifference | null;
}

/** What is drawn: a part of the map, perhaps in groups, perhaps compared with the same part of an older one. */
export function shownMap(
  now: ServiceMapAnswer,
  then: ServiceMapAnswer | null,
  filter: MapFilter,
  group: Grouping,
  namespaces?: ReadonlyMap<string, string>,
): Shown {
  if (!then) return { map: groupMap(filterMap(now, filter), group, namespaces), difference: null };
  const names = new Set(filterMap(differMaps(then, now).map, filter).nodes.map((node) => node.name));
  const part = (map: ServiceMapAnswer): ServiceMapAnswer =>
    groupMap(
      keep(map, (node) => names.has(node.name)),
      group,
      namespaces,
    );
  const difference = differMaps(part(then), part(now));
  return { map: difference.map, difference };
}

export interface Matrix {
  /** Callers down, callees across: those with failing calls first, then by their calls. */
  clients: string[];
  servers: string[];
  /** By "client\nserver". */
  cells: ReadonlyMap<string, MapEdge>;
  most: number;
}

export function matrixOf(map: ServiceMapAnswer): Matrix {
  const sums = (pick: (edge: MapEdge) => string): string[] => {
    const totals = new Map<string, { failed: number; calls: number }>();
    for (const edge of map.edges) {
      const total = totals.get(pick(edge)) ?? { failed: 0, calls: 0 };
      total.calls += edge.requestRate;
      if (errorTone(edge.errorRate) !== "none") total.failed += edge.requestRate * edge.errorRate;
      totals.set(pick(edge), total);
    }
    return [...totals]
      .sort(([a, one], [b, other]) => other.failed - one.failed || other.calls - one.calls || a.localeCompare(b))
      .map(([name]) => name);
  };
  const cells = new Map<string, MapEdge>();
  for (const edge of map.edges) {
    const key = `${edge.client}\n${edge.server}`;
    const known = cells.get(key);
    cells.set(key, known ? { ...known, ...added([known, edge]) } : edge);
  }
  return {
    clients: sums((edge) => edge.client),
    servers: sums((edge) => edge.server),
    cells,
    most: worst([...cells.values()].map((edge) => edge.requestRate)),
  };
}

/** Width of an edge: by the logarithm of its rate, from 1 to 8 pixels. */
export function edgeWidth(rate: number, most: number): number {
  if (most <= 0 || rate <= 0) return 1;
  return 1 + 7 * Math.sqrt(Math.log1p(rate) / Math.log1p(most));
}

/** Names that begin alike are told apart by their ends: what is too much is left out in the middle. */
export function shortName(name: string, letters: number): string {
  if (name.length <= letters) return name;
  const end = Math.floor((letters - 1) / 2);
  return `${name.slice(0, letters - 1 - end)}…${name.slice(-end)}`;
}

/** How bad a share of errors is: colour says nothing else. */
export function errorTone(share: number): "none" | "some" | "many" {
  if (share >= 0.05) return "many";
  return share >= 0.005 ? "some" : "none";
}
