/**
 * The flame graph: a span stands below its parent, in a lane where nothing else runs at that time. Lanes of a depth are
 * given by a heap of their ends, so concurrent spans cost a logarithm each.
 */

import type { Trace } from "./model.ts";
import { type Hidden, shownSpans } from "./rows.ts";

export interface Flame {
  /** Number of lanes. */
  lanes: number;
  /** Spans by lane, then by start; lane `n` is from `begins[n]` to `begins[n + 1]`. */
  spans: Int32Array;
  begins: Int32Array;
  /** Lane of each span, -1 for hidden ones. */
  lane: Int32Array;
}

/** Lanes that are free earliest come first. */
class LaneHeap {
  private readonly ends: number[] = [];
  private readonly lanes: number[] = [];

  get earliest(): number {
    return this.ends[0] ?? Number.POSITIVE_INFINITY;
  }

  push(end: number, lane: number): void {
    let at = this.ends.length;
    this.ends.push(end);
    this.lanes.push(lane);
    while (at > 0) {
      const above = (at - 1) >> 1;
      if ((this.ends[above] ?? 0) <= end) break;
      this.swap(at, above);
      at = above;
    }
  }

  /** Takes the lane that is free earliest. */
  pop(): number {
    const lane = this.lanes[0] ?? 0;
    this.swap(0, this.ends.length - 1);
    this.ends.pop();
    this.lanes.pop();
    let at = 0;
    for (;;) {
      const left = at * 2 + 1;
      if (left >= this.ends.length) return lane;
      const small =
        left + 1 < this.ends.length && (this.ends[left + 1] ?? 0) < (this.ends[left] ?? 0) ? left + 1 : left;
      if ((this.ends[small] ?? 0) >= (this.ends[at] ?? 0)) return lane;
      this.swap(at, small);
      at = small;
    }
  }

  private swap(a: number, b: number): void {
    [this.ends[a], this.ends[b]] = [this.ends[b] ?? 0, this.ends[a] ?? 0];
    [this.lanes[a], this.lanes[b]] = [this.lanes[b] ?? 0, this.lanes[a] ?? 0];
  }
}

export function layoutFlame(trace: Trace, hidden: Hidden): Flame {
  const shown = shownSpans(trace, hidden);
  const lane = new Int32Array(trace.count).fill(-1);
  const seen: number[] = [];
  const depth = new Int32Array(trace.count);
  for (let span = 0; span < trace.count; span += 1) {
    const parent = trace.parents[span] ?? -1;
    depth[span] = parent >= 0 ? (depth[parent] ?? 0) + (shown[parent] ?? 0) : 0;
    if (shown[span]) seen.push(span);
  }
  const order = Int32Array.from(seen).sort(
    (a, b) => (depth[a] ?? 0) - (depth[b] ?? 0) || (trace.starts[a] ?? 0) - (trace.starts[b] ?? 0) || a - b,
  );
  let [lanes, level] = [0, -1];
  let heap = new LaneHeap();
  for (const span of order) {
    if (depth[span] !== level) {
      level = depth[span] ?? 0;
      heap = new LaneHeap();
    }
    const start = trace.starts[span] ?? 0;
    const own = heap.earliest <= start ? heap.pop() : lanes;
    if (own === lanes) lanes += 1;
    lane[span] = own;
    heap.push(start + (trace.durations[span] ?? 0), own);
  }
  const begins = new Int32Array(lanes + 1);
  for (const span of order) begins[(lane[span] ?? 0) + 1] = (begins[(lane[span] ?? 0) + 1] ?? 0) + 1;
  for (let at = 1; at <= lanes; at += 1) begins[at] = (begins[at] ?? 0) + (begins[at - 1] ?? 0);
  const fill = begins.slice();
  const spans = new Int32Array(order.length);
  for (const span of order) {
    const own = lane[span] ?? 0;
    const at = fill[own] ?? 0;
    spans[at] = span;
    fill[own] = at + 1;
  }
  return { lanes, spans, begins, lane };
}

/** First of the spans of a lane that ends behind `time`: where drawing begins. */
export function firstInLane(trace: Trace, flame: Flame, lane: number, time: number): number {
  let [low, high] = [flame.begins[lane] ?? 0, flame.begins[lane + 1] ?? 0];
  while (low < high) {
    const middle = (low + high) >> 1;
    const span = flame.spans[middle] ?? 0;
    if ((trace.starts[span] ?? 0) + (trace.durations[span] ?? 0) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}
