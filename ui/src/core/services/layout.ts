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
/** Height that a call takes which passes a layer. */
const WAY = 20;
const SWEEPS = 8;

interface Forward {
  from: number;
  to: number;
  /** Of the edges that were asked for; and whether it was turned round. */
  index: number;
  turned: boolean;
}

/** The edges with those that close a circle turned round; calls of oneself are left out. */
function acyclic(count: number, edges: LayoutRequest["edges"]): Forward[] {
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
  return edges.flatMap(([from, to], index): Forward[] =>
    from === to
      ? []
      : [turned.has(index) ? { from: to, to: from, index, turned: true } : { from, to, index, turned: false }],
  );
}

function layersOf(count: number, edges: readonly Forward[]): Int32Array {
  const layer = new Int32Array(count);
  const open = new Int32Array(count);
  const out: number[][] = Array.from({ length: count }, () => []);
  for (const { from, to } of edges) {
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

/**
 * A call over several layers goes through a place of its own in each between, as if a node stood there, so that it passes
 * beside the boxes and not behind them.
 */
function withWaypoints(
  count: number,
  forward: readonly Forward[],
  layer: Int32Array,
): { layers: number[]; links: [number, number][]; ways: Map<number, number[]> } {
  const layers = [...layer];
  const links: [number, number][] = [];
  const ways = new Map<number, number[]>();
  let next = count;
  for (const { from, to, index } of forward) {
    const way: number[] = [];
    let before = from;
    for (let at = (layer[from] ?? 0) + 1; at < (layer[to] ?? 0); at += 1) {
      layers.push(at);
      links.push([before, next]);
      way.push(next);
      before = next;
      next += 1;
    }
    links.push([before, to]);
    ways.set(index, way);
  }
  return { layers, links, ways };
}

/** Order within each layer; the middle of every node in pixels, 0 in the middle of the drawing; the first `count` are boxes. */
function order(
  layers: readonly number[],
  links: readonly [number, number][],
  count: number,
  boxHeight: number,
): { place: Float64Array; tallest: number } {
  const size = layers.length;
  const before: number[][] = Array.from({ length: size }, () => []);
  const after: number[][] = Array.from({ length: size }, () => []);
  const linked = new Uint8Array(size);
  for (const [from, to] of links) {
    before[to]?.push(from);
    after[from]?.push(to);
    linked[from] = 1;
    linked[to] = 1;
  }
  const columns: number[][] = [];
  for (let node = 0; node < size; node += 1) {
    if (!linked[node]) continue;
    const at = layers[node] ?? 0;
    while (columns.length <= at) columns.push([]);
    columns[at]?.push(node);
  }
  const place = new Float64Array(size);
  const heightOf = (node: number): number => (node < count ? boxHeight : WAY);
  const total = (column: readonly number[]): number => column.reduce((sum, node) => sum + heightOf(node), 0);
  const settle = (column: readonly number[]): void => {
    let top = -total(column) / 2;
    for (const node of column) {
      place[node] = top + heightOf(node) / 2;
      top += heightOf(node);
    }
  };
  for (const column of columns) settle(column);
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const down = sweep % 2 === 0;
    for (const column of down ? columns : [...columns].reverse()) {
      const wish = new Map(
        column.map((node) => {
          const near = (down ? before : after)[node] ?? [];
          const mean = near.reduce((sum, one) => sum + (place[one] ?? 0), 0) / near.length;
          return [node, near.length === 0 ? (place[node] ?? 0) : mean];
        }),
      );
      column.sort((a, b) => (wish.get(a) ?? 0) - (wish.get(b) ?? 0) || a - b);
      settle(column);
    }
  }
  return { place, tallest: columns.reduce((most, column) => Math.max(most, total(column)), 0) };
}

export function layoutGraph({ count, edges, nodeWidth, nodeHeight }: LayoutRequest): Placed {
  const forward = acyclic(count, edges);
  if (isRound(count, forward)) return circle(count, edges, nodeWidth, nodeHeight);
  const { layers, links, ways } = withWaypoints(count, forward, layersOf(count, forward));
  const { place, tallest } = order(layers, links, count, nodeHeight + ROW_GAP);
  const [stepX, stepY] = [nodeWidth + LAYER_GAP, nodeHeight + ROW_GAP];
  const points: Point[] = layers.map((layer, node) => ({
    x: layer * stepX + nodeWidth / 2,
    y: (place[node] ?? 0) + tallest / 2,
  }));
  // Those without calls stand below the others, in lines as wide as the drawing.
  const called = new Set(edges.flat());
  const alone = Array.from({ length: count }, (_, node) => node).filter((node) => !called.has(node));
  const perLine = Math.max(4, Math.max(0, ...layers) + 1);
  const top = tallest > 0 ? tallest + ROW_GAP : 0;
  alone.forEach((node, at) => {
    points[node] = {
      x: (at % perLine) * (nodeWidth + ROW_GAP) + nodeWidth / 2,
      y: top + Math.floor(at / perLine) * stepY + nodeHeight / 2,
    };
  });
  const half = nodeWidth / 2;
  const turned = new Set(forward.filter((edge) => edge.turned).map((edge) => edge.index));
  const paths = edges.map(([from, to], index) => {
    const [a, b] = [points[from] ?? ORIGIN, points[to] ?? ORIGIN];
    if (from === to) return loop(a, nodeWidth, nodeHeight);
    // Level for as wide as the boxes beside it.
    const between = (ways.get(index) ?? []).flatMap((node) => {
      const { x, y } = points[node] ?? ORIGIN;
      return [
        { x: x - half, y },
        { x: x + half, y },
      ];
    });
    if (b.x > a.x) return through([{ x: a.x + half, y: a.y }, ...between, { x: b.x - half, y: b.y }]);
    if (between.length > 0 && turned.has(index))
      return through([{ x: a.x - half, y: a.y }, ...between.reverse(), { x: b.x + half, y: b.y }]);
    return under(a, b, nodeHeight);
  });
  const nodes = points.slice(0, count);
  return {
    nodes,
    edges: paths,
    width: nodes.reduce((most, point) => Math.max(most, point.x + half), 0),
    height: points.reduce((most, point) => Math.max(most, point.y + nodeHeight / 2), 0),
  };
}

/** Calls go to and fro between all of them, as between groups: layers would say something that is not so. */
function isRound(count: number, forward: readonly Forward[]): boolean {
  const turned = forward.filter((edge) => edge.turned).length;
  return count > 3 && forward.length > 2 * count && turned * 5 > forward.length;
}

/** On an ellipse, calls bent towards its middle, to and fro beside each other. */
function circle(count: number, edges: LayoutRequest["edges"], width: number, height: number): Placed {
  const radius = Math.max(width, (count * (width + ROW_GAP)) / (2 * Math.PI));
  const low = Math.max(radius * FLAT, (count * (height + ROW_GAP)) / (2 * Math.PI));
  const middle = { x: radius + width / 2, y: low + height * 1.5 };
  const nodes = Array.from({ length: count }, (_, node): Point => {
    const angle = (node / count) * 2 * Math.PI - Math.PI;
    return { x: middle.x + radius * Math.cos(angle), y: middle.y + low * Math.sin(angle) };
  });
  const border = (from: Point, to: Point): Point => {
    const [dx, dy] = [to.x - from.x, to.y - from.y];
    const share = Math.min(width / 2 / Math.max(1e-9, Math.abs(dx)), height / 2 / Math.max(1e-9, Math.abs(dy)), 1);
    return { x: from.x + dx * share, y: from.y + dy * share };
  };
  const paths = edges.map(([from, to]) => {
    const [a, b] = [nodes[from] ?? ORIGIN, nodes[to] ?? ORIGIN];
    if (from === to) return loop(a, width, height);
    const length = Math.hypot(b.x - a.x, b.y - a.y) || 1;
    const [aside, along] = [(APART * (a.y - b.y)) / length, (APART * (b.x - a.x)) / length];
    const bend = (point: Point): Point => ({
      x: point.x + (middle.x - point.x) * BEND + aside,
      y: point.y + (middle.y - point.y) * BEND + along,
    });
    const [first, second] = [bend(a), bend(b)];
    return [border(a, first), first, second, border(b, second)];
  });
  return { nodes, edges: paths, width: middle.x * 2, height: middle.y + low + height / 2 };
}

/** Height of the ellipse by its width, how far calls bend to its middle, and px between a call and its opposite. */
const FLAT = 0.5;
const BEND = 0.4;
const APART = 14;
const ORIGIN: Point = { x: 0, y: 0 };

/** A smooth line through points, level at each: three more points for every one behind the first. */
function through(stops: readonly Point[]): Point[] {
  const line: Point[] = [stops[0] ?? ORIGIN];
  for (let at = 1; at < stops.length; at += 1) {
    const [a, b] = [stops[at - 1] ?? ORIGIN, stops[at] ?? ORIGIN];
    const reach = (b.x - a.x) / 2;
    line.push({ x: a.x + reach, y: a.y }, { x: b.x - reach, y: b.y }, b);
  }
  return line;
}

/** Below both, where a call goes back to the layer before or stays within one. */
function under(a: Point, b: Point, height: number): Point[] {
  const low = Math.max(a.y, b.y) + height;
  return [
    { x: a.x, y: a.y + height / 2 },
    { x: a.x, y: low },
    { x: b.x, y: low },
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

/** SVG path of an edge: its first point, and then cubic curves of three points each. */
export function pathOf(points: readonly Point[]): string {
  const at = ({ x, y }: Point): string => `${Math.round(x * 10) / 10} ${Math.round(y * 10) / 10}`;
  const [first, ...rest] = points;
  if (!first) return "";
  const curves: string[] = [];
  for (let index = 0; index + 2 < rest.length; index += 3)
    curves.push(
      `C ${rest
        .slice(index, index + 3)
        .map(at)
        .join(", ")}`,
    );
  return `M ${at(first)} ${curves.join(" ")}`;
}

/** Where its label stands: in the middle. */
export function middleOf(points: readonly Point[]): Point {
  const curves = (points.length - 1) / 3;
  if (curves % 2 === 0) return points[(curves / 2) * 3] ?? ORIGIN;
  const at = Math.floor(curves / 2) * 3;
  const [a, b, c, d] = [0, 1, 2, 3].map((more) => points[at + more] ?? ORIGIN) as [Point, Point, Point, Point];
  return { x: (a.x + 3 * b.x + 3 * c.x + d.x) / 8, y: (a.y + 3 * b.y + 3 * c.y + d.y) / 8 };
}
