/**
 * A layered drawing of a graph, callers on the left: circles are cut, every node stands one layer behind its furthest
 * caller, and sweeps over the layers put nodes near those that they call (the barycentre rule of Sugiyama's method).
 */

export interface Point {
  x: number;
  y: number;
}

export interface Placed {
  /** Middle of each node, by its index. */
  nodes: Point[];
  /** Of each edge: where it bends, ends included. */
  edges: Point[][];
  width: number;
  height: number;
}

export interface LayoutRequest {
  count: number;
  /** Pairs of indexes. */
  edges: readonly (readonly [number, number])[];
  nodeWidth: number;
  nodeHeight: number;
}

const LAYER_GAP = 96;
const ROW_GAP = 28;
const SWEEPS = 8;

/** The edges without those that close a circle, which are turned round. */
function acyclic(count: number, edges: LayoutRequest["edges"]): [number, number][] {
  const out: number[][] = Array.from({ length: count }, () => []);
  edges.forEach(([from, to], index) => {
    if (from !== to) out[from]?.push(index);
  });
  const state = new Uint8Array(count);
  const turned = new Set<number>();
  const calls = new Int32Array(count);
  for (const [, to] of edges) calls[to] = (calls[to] ?? 0) + 1;
  // From those that nobody calls, so that circles are cut as far down as possible.
  const order = Array.from({ length: count }, (_, node) => node).sort((a, b) => (calls[a] ?? 0) - (calls[b] ?? 0));
  for (const root of order) {
    if (state[root] !== 0) continue;
    const stack: { node: number; next: number }[] = [{ node: root, next: 0 }];
    state[root] = 1;
    while (stack.length > 0) {
      const top = stack[stack.length - 1] as { node: number; next: number };
      const index = out[top.node]?.[top.next];
      top.next += 1;
      if (index === undefined) {
        state[top.node] = 2;
        stack.pop();
        continue;
      }
      const to = edges[index]?.[1] ?? 0;
      if (state[to] === 1) turned.add(index);
      else if (state[to] === 0) {
        state[to] = 1;
        stack.push({ node: to, next: 0 });
      }
    }
  }
  return edges.flatMap(([from, to], index): [number, number][] =>
    from === to ? [] : [turned.has(index) ? [to, from] : [from, to]],
  );
}

function layersOf(count: number, edges: readonly [number, number][]): Int32Array {
  const layer = new Int32Array(count);
  const open = new Int32Array(count);
  const out: number[][] = Array.from({ length: count }, () => []);
  for (const [from, to] of edges) {
    open[to] = (open[to] ?? 0) + 1;
    out[from]?.push(to);
  }
  const queue = Array.from({ length: count }, (_, node) => node).filter((node) => open[node] === 0);
  for (let at = 0; at < queue.length; at += 1) {
    const node = queue[at] ?? 0;
    for (const to of out[node] ?? []) {
      layer[to] = Math.max(layer[to] ?? 0, (layer[node] ?? 0) + 1);
      open[to] = (open[to] ?? 0) - 1;
      if (open[to] === 0) queue.push(to);
    }
  }
  return layer;
}

export function layoutGraph({ count, edges, nodeWidth, nodeHeight }: LayoutRequest): Placed {
  const forward = acyclic(count, edges);
  const layer = layersOf(count, forward);
  const linked = new Uint8Array(count);
  for (const [from, to] of forward) {
    linked[from] = 1;
    linked[to] = 1;
  }
  const columns: number[][] = [];
  for (let node = 0; node < count; node += 1) {
    if (!linked[node]) continue;
    const at = layer[node] ?? 0;
    while (columns.length <= at) columns.push([]);
    columns[at]?.push(node);
  }
  const place = new Float64Array(count);
  const settle = (column: readonly number[]): void => {
    column.forEach((node, row) => {
      place[node] = row - (column.length - 1) / 2;
    });
  };
  for (const column of columns) settle(column);
  const before: number[][] = Array.from({ length: count }, () => []);
  const after: number[][] = Array.from({ length: count }, () => []);
  for (const [from, to] of forward) {
    before[to]?.push(from);
    after[from]?.push(to);
  }
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const down = sweep % 2 === 0;
    for (const column of down ? columns : [...columns].reverse()) {
      const wish = new Map(
        column.map((node) => {
          const near = (down ? before : after)[node] ?? [];
          return [
            node,
            near.length === 0
              ? (place[node] ?? 0)
              : near.reduce((sum, one) => sum + (place[one] ?? 0), 0) / near.length,
          ];
        }),
      );
      column.sort((a, b) => (wish.get(a) ?? 0) - (wish.get(b) ?? 0) || a - b);
      settle(column);
    }
  }
  const tallest = columns.reduce((most, column) => Math.max(most, column.length), 0);
  const [stepX, stepY] = [nodeWidth + LAYER_GAP, nodeHeight + ROW_GAP];
  const nodes: Point[] = Array.from({ length: count }, (_, node) => ({
    x: (layer[node] ?? 0) * stepX + nodeWidth / 2,
    y: ((place[node] ?? 0) + (tallest - 1) / 2) * stepY + nodeHeight / 2,
  }));
  // Those without calls stand below the others, in lines as wide as the drawing.
  const alone = Array.from({ length: count }, (_, node) => node).filter((node) => !linked[node]);
  const perLine = Math.max(4, columns.length);
  const top = tallest > 0 ? tallest * stepY + ROW_GAP : 0;
  alone.forEach((node, at) => {
    nodes[node] = {
      x: (at % perLine) * (nodeWidth + ROW_GAP) + nodeWidth / 2,
      y: top + Math.floor(at / perLine) * stepY + nodeHeight / 2,
    };
  });
  const half = nodeWidth / 2;
  const paths = edges.map(([from, to]) => {
    const [a, b] = [nodes[from] ?? { x: 0, y: 0 }, nodes[to] ?? { x: 0, y: 0 }];
    if (from === to) return loop(a, nodeWidth, nodeHeight);
    return bend(a, b, half, nodeHeight);
  });
  return {
    nodes,
    edges: paths,
    width: nodes.reduce((most, point) => Math.max(most, point.x + half), 0),
    height: nodes.reduce((most, point) => Math.max(most, point.y + nodeHeight / 2), 0),
  };
}

/** From side to side, or round the outside where the call goes back or within a layer. */
function bend(a: Point, b: Point, half: number, height: number): Point[] {
  if (b.x > a.x) {
    const reach = Math.max(40, (b.x - a.x - half * 2) / 2);
    return [
      { x: a.x + half, y: a.y },
      { x: a.x + half + reach, y: a.y },
      { x: b.x - half - reach, y: b.y },
      { x: b.x - half, y: b.y },
    ];
  }
  const under = Math.max(a.y, b.y) + height;
  return [
    { x: a.x, y: a.y + height / 2 },
    { x: a.x, y: under },
    { x: b.x, y: under },
    { x: b.x, y: b.y + height / 2 },
  ];
}

function loop(a: Point, width: number, height: number): Point[] {
  return [
    { x: a.x + width / 4, y: a.y - height / 2 },
    { x: a.x + width / 3, y: a.y - height * 1.2 },
    { x: a.x - width / 3, y: a.y - height * 1.2 },
    { x: a.x - width / 4, y: a.y - height / 2 },
  ];
}

/** SVG path of an edge. */
export function pathOf(points: readonly Point[]): string {
  const [a, b, c, d] = points;
  if (!a || !b || !c || !d) return "";
  const at = ({ x, y }: Point): string => `${Math.round(x * 10) / 10} ${Math.round(y * 10) / 10}`;
  return `M ${at(a)} C ${at(b)}, ${at(c)}, ${at(d)}`;
}
