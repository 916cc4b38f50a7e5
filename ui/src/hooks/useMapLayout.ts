/** Where the nodes of a map stand, worked out in a thread of its own. */
import { useEffect, useMemo, useState } from "react";
import type { ServiceMapAnswer } from "../core/api/traces.ts";
import type { LayoutRequest, Placed } from "../core/services/layout.ts";
import { WorkerClient } from "../core/worker.ts";

function openWorker(): Worker {
  return new Worker(new URL("../core/services/worker.ts", import.meta.url), { type: "module" });
}

export const NODE_WIDTH = 168;
export const NODE_HEIGHT = 52;

export interface PlacedMap {
  map: ServiceMapAnswer;
  placed: Placed;
}

/** Numbers may change without anything moving: places follow from names and calls alone. */
export function useMapLayout(map: ServiceMapAnswer | null): PlacedMap | null {
  const [client, setClient] = useState<WorkerClient<LayoutRequest> | null>(null);
  const [done, setDone] = useState<{ shape: string; placed: Placed } | null>(null);
  useEffect(() => {
    const opened = new WorkerClient<LayoutRequest>(openWorker());
    setClient(opened);
    return () => opened.close();
  }, []);
  const shape = useMemo(
    () =>
      map
        ? JSON.stringify([map.nodes.map((node) => node.name), map.edges.map((edge) => [edge.client, edge.server])])
        : "",
    [map],
  );
  useEffect(() => {
    if (!client || shape === "") return;
    const [names, calls] = JSON.parse(shape) as [string[], [string, string][]];
    const index = new Map(names.map((name, at) => [name, at]));
    const edges = calls.map(([from, to]) => [index.get(from) ?? 0, index.get(to) ?? 0] as const);
    let stale = false;
    void client
      .ask<Placed>({ count: names.length, edges, nodeWidth: NODE_WIDTH, nodeHeight: NODE_HEIGHT })
      .then((placed) => {
        if (!stale) setDone({ shape, placed });
      })
      .catch(() => undefined);
    return () => {
      stale = true;
    };
  }, [client, shape]);
  return useMemo(() => (map && done && done.shape === shape ? { map, placed: done.placed } : null), [map, done, shape]);
}
