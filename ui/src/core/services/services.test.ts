import { describe, expect, it } from "vitest";
import type { MapEdge, MapNode, ServiceMapAnswer, ServiceRow } from "../api/traces.ts";
import {
  around,
  differMaps,
  edgeKey,
  edgeWidth,
  errorTone,
  filterMap,
  groupMap,
  matrixOf,
  shortName,
  shownMap,
  withUsers,
} from "./graph.ts";
import { layoutGraph, middleOf, pathOf } from "./layout.ts";
import { apdexWord, serviceQueries, sortServices, tracesOf } from "./services.ts";

const node = (name: string, rest: Partial<MapNode> = {}): MapNode => ({
  name,
  type: "service",
  requestRate: 10,
  errorRate: 0,
  p95: 0.1,
  ...rest,
});
const edge = (client: string, server: string, requestRate = 10, errorRate = 0): MapEdge => ({
  client,
  server,
  type: "",
  requestRate,
  errorRate,
  p95Client: 0.1,
  p95Server: 0.1,
});

const SHOP: ServiceMapAnswer = {
  nodes: [
    node("user", { type: "user" }),
    node("web"),
    node("cart"),
    node("pay", { requestRate: 30, errorRate: 0.1 }),
    node("postgres", { type: "database" }),
  ],
  edges: [
    edge("user", "web"),
    edge("web", "cart"),
    edge("web", "pay", 30, 0.1),
    edge("cart", "postgres"),
    edge("pay", "cart", 5),
  ],
};

describe("the map", () => {
  it("shows what stands around a service", () => {
    expect([...around(SHOP, ["pay"], 1)].sort()).toEqual(["cart", "pay", "web"]);
    expect([...around(SHOP, ["pay"], 2)].sort()).toEqual(["cart", "pay", "postgres", "user", "web"]);
    const near = filterMap(SHOP, { focus: ["pay"], hops: 2, without: ["database"] });
    expect(near.nodes.map((one) => one.name)).toEqual(["user", "web", "cart", "pay"]);
    expect(near.edges.length).toBe(4);
  });

  it("does not take those for neighbours that have the same users", () => {
    const map = { nodes: [...SHOP.nodes, node("blog")], edges: [...SHOP.edges, edge("user", "blog")] };
    expect(around(map, ["web"], 3).has("blog")).toBe(false);
    expect(around(map, ["user"], 1).has("blog")).toBe(true);
    expect(withUsers(map).nodes[0]).toMatchObject({ requestRate: 20, errorRate: 0 });
  });

  it("compares groups with the same groups, whatever is gone", () => {
    const then = { nodes: [...SHOP.nodes, node("old")], edges: [...SHOP.edges, edge("web", "old", 100, 1)] };
    const filter = { focus: [], hops: 1, without: [] };
    const { map, difference } = shownMap(SHOP, then, filter, "type");
    expect(map.nodes.find((one) => one.name === "service")?.requestRate).toBe(50);
    expect(difference?.nodes.get("service")?.rate).toBeCloseTo(50 / 60);
    expect(shownMap(SHOP, then, { ...filter, focus: ["old"] }, "none").difference?.nodes.get("old")?.presence).toBe(
      "removed",
    );
  });

  it("stands in a circle when all call all", () => {
    const edges = Array.from({ length: 8 }, (_, a) => Array.from({ length: 8 }, (_, b) => [a, b] as const))
      .flat()
      .filter(([a, b]) => a !== b);
    const placed = layoutGraph({ count: 8, edges, nodeWidth: 100, nodeHeight: 40 });
    placed.nodes.forEach((a, one) => {
      for (const b of placed.nodes.slice(one + 1))
        expect(Math.abs(a.x - b.x) >= 100 || Math.abs(a.y - b.y) >= 40).toBe(true);
      expect(a.x + 50).toBeLessThanOrEqual(placed.width);
      expect(a.y + 20).toBeLessThanOrEqual(placed.height);
    });
    expect(middleOf(placed.edges[0] ?? [])).not.toEqual(middleOf(placed.edges[7] ?? []));
  });

  it("leaves out the middle of long names", () => {
    expect(shortName("search-aggregator-197", 12)).toBe("search…r-197");
    expect(shortName("search-aggregator-197", 12).length).toBe(12);
    expect(shortName("web", 12)).toBe("web");
  });

  it("adds groups up", () => {
    const groups = groupMap(
      SHOP,
      "namespace",
      new Map([
        ["web", "front"],
        ["cart", "shop"],
        ["pay", "shop"],
      ]),
    );
    expect(groups.nodes.find((one) => one.name === "shop")).toMatchObject({ requestRate: 40, errorRate: 0.075 });
    expect(groups.edges.find((one) => one.client === "front" && one.server === "shop")).toMatchObject({
      requestRate: 40,
      errorRate: 0.075,
    });
    expect(groups.edges.some((one) => one.client === one.server)).toBe(false);
    expect(groupMap(SHOP, "type").nodes.map((one) => one.name)).toEqual(["user", "service", "database"]);
    expect(groupMap(SHOP, "none")).toBe(SHOP);
  });

  it("tells two times apart", () => {
    const later: ServiceMapAnswer = {
      nodes: [...SHOP.nodes.filter((one) => one.name !== "user"), node("mail")],
      edges: [edge("web", "pay", 60, 0.3), edge("pay", "mail")],
    };
    const found = differMaps(SHOP, later);
    expect(found.nodes.get("user")?.presence).toBe("removed");
    expect(found.nodes.get("mail")?.presence).toBe("added");
    expect(found.edges.get(edgeKey(edge("web", "pay")))).toMatchObject({ presence: "both", rate: 2 });
    expect(found.map.nodes.length).toBe(6);
  });

  it("is a matrix when it is large", () => {
    const matrix = matrixOf({
      nodes: SHOP.nodes,
      edges: [...SHOP.edges, { ...edge("web", "pay", 10, 0.5), type: "queue" }],
    });
    expect(matrix.clients).toEqual(["web", "cart", "user", "pay"]);
    expect(matrix.cells.get("web\npay")).toMatchObject({ requestRate: 40, errorRate: 0.2 });
    expect(matrix.most).toBe(40);
  });

  it("draws rates as widths and errors as colours", () => {
    expect(edgeWidth(0, 100)).toBe(1);
    expect(edgeWidth(100, 100)).toBe(8);
    expect([0, 0.01, 0.2].map(errorTone)).toEqual(["none", "some", "many"]);
  });
});

describe("the layout", () => {
  const place = (count: number, edges: [number, number][]) =>
    layoutGraph({ count, edges, nodeWidth: 160, nodeHeight: 48 });

  it("puts callers to the left of what they call, circles or not", () => {
    const placed = place(5, [
      [0, 1],
      [1, 2],
      [2, 1],
      [1, 3],
    ]);
    expect(placed.nodes[0]?.x).toBeLessThan(placed.nodes[1]?.x ?? 0);
    expect(placed.nodes[1]?.x).toBeLessThan(placed.nodes[3]?.x ?? 0);
    // Without calls: below.
    expect(placed.nodes[4]?.y).toBeGreaterThan(placed.nodes[0]?.y ?? 0);
    expect(placed.edges.every((points) => points.length % 3 === 1)).toBe(true);
    expect(pathOf(placed.edges[0] ?? [])).toMatch(/^M [\d. ]+ C /);
  });

  it("takes calls over several layers past the boxes between", () => {
    const placed = place(3, [
      [0, 1],
      [1, 2],
      [0, 2],
    ]);
    const [, , far = []] = placed.edges;
    expect(far.length).toBe(10);
    expect(middleOf(far).x).toBe(placed.nodes[1]?.x);
    expect(middleOf(far).y).not.toBe(placed.nodes[1]?.y);
  });

  it("never puts two nodes onto each other, and is quick", () => {
    const edges = Array.from({ length: 600 }, (_, at): [number, number] => [(at * 7) % 150, (at * 13 + 5) % 150]);
    const started = performance.now();
    const placed = place(150, edges);
    expect(performance.now() - started).toBeLessThan(300);
    const spots = new Set(placed.nodes.map(({ x, y }) => `${x} ${y}`));
    expect(spots.size).toBe(150);
  });
});

describe("services", () => {
  const info = (name: string, requestRate: number): ServiceRow => ({
    name,
    requestRate,
    errorRate: 0,
    p50: 0,
    p95: 0,
    p99: 0,
    apdex: 1,
    spark: [],
    kinds: [],
  });

  it("are found and sorted", () => {
    const all = [info("web", 3), info("cart", 9), info("cart-db", 1)];
    expect(sortServices(all, "cart", "requestRate", true).map((one) => one.name)).toEqual(["cart", "cart-db"]);
    expect(sortServices(all, "", "name", false).map((one) => one.name)).toEqual(["cart", "cart-db", "web"]);
    expect([1, 0.9, 0.75, 0.6, 0.1].map(apdexWord)).toEqual(["excellent", "good", "fair", "poor", "bad"]);
  });

  it("ask for their traces and series", () => {
    expect(tracesOf("pay", "status = error")).toBe('{ resource.service.name = "pay" && status = error }');
    const queries = serviceQueries('a"b', 3600);
    expect(queries.rate).toContain('service="a\\"b"');
    expect(queries.rate).toContain("[60s]");
    expect(queries.latency.length).toBe(3);
  });
});
