/**
 * Two traces side by side: spans with the same path of services and names are one node, however often they were called.
 * A node that only one of them has was added or removed.
 */
import { ERROR, nameOf, serviceOf, type Trace } from "./model.ts";

export interface Side {
  count: number;
  errors: number;
  /** ns, all calls together. */
  total: number;
  self: number;
  /** The longest of them. */
  span: number;
}

export type Change = "added" | "removed" | "slower" | "faster" | "more" | "fewer" | "failing" | "same";

export interface DiffNode {
  service: string;
  name: string;
  depth: number;
  left: Side | null;
  right: Side | null;
  change: Change;
  /** Nodes of the subtree that are not the same, the node included. */
  changes: number;
  /** One behind its last descendant. */
  end: number;
}

interface Merged {
  service: string;
  name: string;
  sides: [Side | null, Side | null];
  children: Map<string, Merged>;
}

function merge(root: Merged, trace: Trace, side: 0 | 1): void {
  const nodes: Merged[] = [];
  for (let span = 0; span < trace.count; span += 1) {
    const parent = trace.parents[span] ?? -1;
    const above = (parent >= 0 ? nodes[parent] : root) ?? root;
    const [service, name] = [serviceOf(trace, span), nameOf(trace, span)];
    const key = `${service}\n${name}`;
    let node = above.children.get(key);
    if (!node) {
      node = { service, name, sides: [null, null], children: new Map() };
      above.children.set(key, node);
    }
    nodes.push(node);
    node.sides[side] ??= { count: 0, errors: 0, total: 0, self: 0, span };
    const own = node.sides[side] as Side;
    const duration = trace.durations[span] ?? 0;
    if (duration > (trace.durations[own.span] ?? 0)) own.span = span;
    own.count += 1;
    own.total += duration;
    own.self += trace.self[span] ?? 0;
    if (trace.status[span] === ERROR) own.errors += 1;
  }
}

/** Differences below a tenth, and below a hundredth of the longer trace, are noise. */
const PART = 0.1;
const LEAST = 0.01;

function changeOf(left: Side | null, right: Side | null, duration: number): Change {
  if (!left) return "added";
  if (!right) return "removed";
  if (left.errors === 0 && right.errors > 0) return "failing";
  const more = right.total - left.total;
  if (Math.abs(more) > LEAST * duration && Math.abs(more) > PART * Math.max(left.total, right.total))
    return more > 0 ? "slower" : "faster";
  if (left.count !== right.count) return right.count > left.count ? "more" : "fewer";
  return "same";
}

/** The union of both, in depth-first order; what the left has comes in its order, and then what only the right has. */
export function diffTraces(left: Trace, right: Trace): DiffNode[] {
  const root: Merged = { service: "", name: "", sides: [null, null], children: new Map() };
  merge(root, left, 0);
  merge(root, right, 1);
  const duration = Math.max(left.duration, right.duration);
  const nodes: DiffNode[] = [];
  const stack: { merged: Merged; depth: number }[] = [...root.children.values()]
    .reverse()
    .map((merged) => ({ merged, depth: 0 }));
  for (let top = stack.pop(); top; top = stack.pop()) {
    const { merged, depth } = top;
    const [a, b] = merged.sides;
    const change = changeOf(a, b, duration);
    nodes.push({
      service: merged.service,
      name: merged.name,
      depth,
      left: a,
      right: b,
      change,
      changes: change === "same" ? 0 : 1,
      end: 0,
    });
    for (const child of [...merged.children.values()].reverse()) stack.push({ merged: child, depth: depth + 1 });
  }
  closeSubtrees(nodes);
  return nodes;
}

/** Ends of subtrees, and the changes in them, from the last node to the first. */
function closeSubtrees(nodes: DiffNode[]): void {
  const open: number[] = [];
  const close = (until: number, end: number): void => {
    while (open.length > 0 && (nodes[open[open.length - 1] ?? 0]?.depth ?? 0) >= until) {
      const at = open.pop() ?? 0;
      const node = nodes[at] as DiffNode;
      node.end = end;
      const above = nodes[open[open.length - 1] ?? -1];
      if (above) above.changes += node.changes;
    }
  };
  nodes.forEach((node, at) => {
    close(node.depth, at);
    open.push(at);
  });
  close(0, nodes.length);
}

/** Rows to show: subtrees in which nothing changed are one row, unless they were opened. */
export function diffRows(nodes: readonly DiffNode[], opened: ReadonlySet<number>, all: boolean): number[] {
  const rows: number[] = [];
  for (let at = 0; at < nodes.length; ) {
    const node = nodes[at] as DiffNode;
    rows.push(at);
    at = all || node.changes > 0 || opened.has(at) ? at + 1 : node.end;
  }
  return rows;
}

export function countChanges(nodes: readonly DiffNode[]): Partial<Record<Change, number>> {
  const counts: Partial<Record<Change, number>> = {};
  for (const { change } of nodes) counts[change] = (counts[change] ?? 0) + 1;
  return counts;
}
