/** Paints the visible rows of the waterfall, and the visible lanes of the flame graph. Nothing outside of the window costs. */
import { type Flame, firstInLane } from "../../core/traces/flame.ts";
import { ERROR, nameOf, SKEWED, serviceOf, type Trace } from "../../core/traces/model.ts";
import type { Rows } from "../../core/traces/rows.ts";
import { groupFacts } from "../../core/traces/rows.ts";
import { formatNs, ticksOf } from "../../core/traces/view.ts";
import type { Paint } from "./paint.ts";

export const ROW = 24;
export const LANE = 20;
const BAR = 12;
const TICK_WIDTH = 110;
const LABEL_ROOM = 48;

/** Offsets in ns at both edges of the window. */
export interface Window {
  from: number;
  to: number;
}

export interface PathPieces {
  /** Pieces of each span: from `begins[span]` to `begins[span + 1]` of `order`, indexes into the trace's path. */
  begins: Int32Array;
  order: Int32Array;
}

export function pathPieces(trace: Trace): PathPieces {
  const begins = new Int32Array(trace.count + 1);
  for (const span of trace.path.span) begins[span + 1] = (begins[span + 1] ?? 0) + 1;
  for (let at = 1; at <= trace.count; at += 1) begins[at] = (begins[at] ?? 0) + (begins[at - 1] ?? 0);
  const fill = begins.slice();
  const order = new Int32Array(trace.path.span.length);
  trace.path.span.forEach((span, piece) => {
    const at = fill[span] ?? 0;
    order[at] = piece;
    fill[span] = at + 1;
  });
  return { begins, order };
}

export interface RowsScene {
  trace: Trace;
  rows: Rows;
  window: Window;
  paint: Paint;
  path: PathPieces | null;
  hits: ReadonlySet<number>;
  top: number;
  width: number;
  height: number;
}

export function drawGrid(
  context: CanvasRenderingContext2D,
  { window, paint, width, height }: Pick<RowsScene, "window" | "paint" | "width" | "height">,
): void {
  context.fillStyle = paint.border;
  for (const tick of ticksOf(window.from, window.to, Math.max(1, Math.floor(width / TICK_WIDTH))))
    context.fillRect(Math.round(((tick - window.from) / (window.to - window.from)) * width), 0, 1, height);
}

/** Labels over the timeline. */
export function tickLabels(window: Window, width: number): { at: number; label: string }[] {
  return ticksOf(window.from, window.to, Math.max(1, Math.floor(width / TICK_WIDTH)))
    .map((tick) => ({ at: ((tick - window.from) / (window.to - window.from)) * width, label: formatNs(tick) }))
    .filter(({ at }) => at < width - LABEL_ROOM);
}

export function drawRows(context: CanvasRenderingContext2D, scene: RowsScene): void {
  const { trace, rows, window, paint, top, width, height, hits } = scene;
  context.clearRect(0, 0, width, height);
  drawGrid(context, scene);
  const scale = width / (window.to - window.from);
  const x = (offset: number): number => (offset - window.from) * scale;
  const first = Math.max(0, Math.floor(top / ROW));
  const last = Math.min(rows.span.length - 1, Math.ceil((top + height) / ROW));
  context.font = `11px ${paint.font}`;
  context.textBaseline = "middle";
  for (let row = first; row <= last; row += 1) {
    const span = rows.span[row] ?? 0;
    const y = row * ROW - top;
    const bar = y + (ROW - BAR) / 2;
    const color = paint.services[trace.service[span] ?? 0] ?? paint.muted;
    if (hits.has(span)) {
      context.fillStyle = paint.mark;
      context.globalAlpha = 0.45;
      context.fillRect(0, y, width, ROW);
      context.globalAlpha = 1;
    }
    if ((rows.size[row] ?? 0) > 0) {
      drawGroup(context, scene, span, bar, x);
      continue;
    }
    const start = trace.starts[span] ?? 0;
    const [left, right] = [x(start), x(start + (trace.durations[span] ?? 0))];
    const [from, to] = [Math.max(-4, left), Math.min(width + 4, Math.max(left + 2, right))];
    if (to >= from) {
      context.fillStyle = color;
      context.fillRect(from, bar, to - from, BAR);
      if ((trace.flags[span] ?? 0) & SKEWED) outline(context, from, bar, to, paint.warn);
      if (trace.status[span] === ERROR) outline(context, from, bar, to, paint.danger, 2);
    }
    if (scene.path) drawPath(context, scene, span, bar, x);
    label(context, scene, formatNs(trace.durations[span] ?? 0), left, Math.max(left + 2, right), y);
    if (trace.status[span] === ERROR) failure(context, paint, Math.min(width - 6, Math.max(6, left)), y + 6);
  }
}

function outline(
  context: CanvasRenderingContext2D,
  from: number,
  y: number,
  to: number,
  color: string,
  line = 1,
): void {
  context.strokeStyle = color;
  context.lineWidth = line;
  if (line === 1) context.setLineDash([3, 2]);
  context.strokeRect(from + line / 2, y + line / 2, Math.max(1, to - from - line), BAR - line);
  context.setLineDash([]);
}

/** A triangle, so that failures are not told by colour alone. */
function failure(context: CanvasRenderingContext2D, paint: Paint, x: number, y: number): void {
  context.fillStyle = paint.danger;
  context.strokeStyle = paint.bg;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(x, y - 5);
  context.lineTo(x + 5, y + 4);
  context.lineTo(x - 5, y + 4);
  context.closePath();
  context.fill();
  context.stroke();
}

/** The duration beside the bar, on the side where there is room; inside when there is none. */
function label(
  context: CanvasRenderingContext2D,
  { width, paint }: RowsScene,
  text: string,
  left: number,
  right: number,
  y: number,
): void {
  if (right < 0 || left > width) return;
  const own = context.measureText(text).width;
  context.fillStyle = paint.muted;
  if (right + 6 + own < width) context.fillText(text, right + 6, y + ROW / 2 + 0.5);
  else if (left - 6 - own > 0) context.fillText(text, left - 6 - own, y + ROW / 2 + 0.5);
  else {
    const at = Math.max(4, Math.min(width - own - 8, left + 4));
    context.fillStyle = paint.bg;
    context.globalAlpha = 0.85;
    context.fillRect(at - 3, y + 5, own + 6, ROW - 10);
    context.globalAlpha = 1;
    context.fillStyle = paint.text;
    context.fillText(text, at, y + ROW / 2 + 0.5);
  }
}

/** Repeated siblings in one row: each where it ran, on a ground as wide as all of them. */
function drawGroup(
  context: CanvasRenderingContext2D,
  scene: RowsScene,
  first: number,
  bar: number,
  x: (offset: number) => number,
): void {
  const { trace, paint, width } = scene;
  const facts = groupFacts(trace, first);
  const color = paint.services[trace.service[first] ?? 0] ?? paint.muted;
  const [left, right] = [Math.max(-4, x(facts.from)), Math.min(width + 4, Math.max(x(facts.from) + 2, x(facts.to)))];
  context.fillStyle = color;
  if (right >= left) {
    context.globalAlpha = 0.25;
    context.fillRect(left, bar, right - left, BAR);
    context.globalAlpha = 1;
  }
  let drawn = Number.NEGATIVE_INFINITY;
  for (let span = first; span >= 0; span = trace.next[span] ?? -1) {
    const from = Math.max(x(trace.starts[span] ?? 0), drawn);
    const to = Math.max(from + 1, x((trace.starts[span] ?? 0) + (trace.durations[span] ?? 0)));
    const failed = trace.status[span] === ERROR;
    if (to < 0 || from > width || (to - drawn < 0.5 && !failed)) continue;
    context.fillStyle = failed ? paint.danger : color;
    context.fillRect(from, bar, Math.max(1, to - from - (to - from > 3 ? 1 : 0)), BAR);
    drawn = Math.max(drawn, to);
  }
  label(context, scene, formatNs(facts.total), left, right, bar - (ROW - BAR) / 2);
}

function drawPath(
  context: CanvasRenderingContext2D,
  { trace, path, paint, width }: RowsScene,
  span: number,
  bar: number,
  x: (offset: number) => number,
): void {
  if (!path) return;
  context.fillStyle = paint.text;
  for (let at = path.begins[span] ?? 0; at < (path.begins[span + 1] ?? 0); at += 1) {
    const piece = path.order[at] ?? 0;
    const from = Math.max(0, x(trace.path.from[piece] ?? 0));
    const to = Math.min(width, x(trace.path.to[piece] ?? 0));
    if (to >= from) context.fillRect(from, bar + BAR - 1, Math.max(1, to - from), 3);
  }
}

export interface FlameScene {
  trace: Trace;
  flame: Flame;
  window: Window;
  paint: Paint;
  path: boolean;
  hits: ReadonlySet<number>;
  selected: number;
  top: number;
  width: number;
  height: number;
}

export function drawFlame(context: CanvasRenderingContext2D, scene: FlameScene): void {
  const { trace, flame, window, paint, hits, selected, top, width, height } = scene;
  context.clearRect(0, 0, width, height);
  drawGrid(context, scene);
  const scale = width / (window.to - window.from);
  const first = Math.max(0, Math.floor(top / LANE));
  const last = Math.min(flame.lanes - 1, Math.ceil((top + height) / LANE));
  context.font = `11px ${paint.font}`;
  context.textBaseline = "middle";
  for (let lane = first; lane <= last; lane += 1) {
    const y = lane * LANE - top;
    let drawn = Number.NEGATIVE_INFINITY;
    for (let at = firstInLane(trace, flame, lane, window.from); at < (flame.begins[lane + 1] ?? 0); at += 1) {
      const span = flame.spans[at] ?? 0;
      const left = ((trace.starts[span] ?? 0) - window.from) * scale;
      if (left > width) break;
      const right = left + (trace.durations[span] ?? 0) * scale;
      if (right - drawn < 0.5 && span !== selected) continue;
      const [from, to] = [Math.max(0, left), Math.min(width, Math.max(left + 1, right))];
      drawn = right;
      const dim =
        (scene.path && trace.path.span.length > 0 && (trace.onPath[span] ?? 0) === 0) ||
        (hits.size > 0 && !hits.has(span));
      const service = trace.service[span] ?? 0;
      context.globalAlpha = dim ? 0.35 : 1;
      context.fillStyle = paint.services[service] ?? paint.muted;
      context.fillRect(from, y + 1, Math.max(1, to - from - 1), LANE - 2);
      context.globalAlpha = 1;
      if (trace.status[span] === ERROR) {
        context.strokeStyle = paint.danger;
        context.lineWidth = 2;
        context.strokeRect(from + 1, y + 2, Math.max(1, to - from - 3), LANE - 4);
      }
      if (span === selected) {
        context.strokeStyle = paint.text;
        context.lineWidth = 2;
        context.strokeRect(from + 0.5, y + 1, Math.max(2, to - from - 1), LANE - 2);
      }
      const room = to - from - 10;
      if (room > 24 && !dim) {
        const text = `${serviceOf(trace, span)} · ${nameOf(trace, span)}`;
        const shown = shorten(context, text, room);
        context.fillStyle = paint.onServices[service] ?? paint.text;
        context.fillText(shown, from + 5, y + LANE / 2 + 0.5);
      }
    }
  }
}

/** As much of a text as fits. */
function shorten(context: CanvasRenderingContext2D, text: string, room: number): string {
  if (context.measureText(text).width <= room) return text;
  let [low, high] = [0, text.length];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (context.measureText(`${text.slice(0, middle)}…`).width <= room) low = middle;
    else high = middle - 1;
  }
  return low === 0 ? "" : `${text.slice(0, low)}…`;
}

/** Span under a point of the flame graph; -1 when there is none. */
export function flameAt(
  scene: Pick<FlameScene, "trace" | "flame" | "window" | "width" | "top">,
  x: number,
  y: number,
): number {
  const { trace, flame, window, width, top } = scene;
  const lane = Math.floor((y + top) / LANE);
  if (lane < 0 || lane >= flame.lanes) return -1;
  const time = window.from + (x / width) * (window.to - window.from);
  const slack = (2 / width) * (window.to - window.from);
  for (let at = firstInLane(trace, flame, lane, time - slack); at < (flame.begins[lane + 1] ?? 0); at += 1) {
    const span = flame.spans[at] ?? 0;
    const start = trace.starts[span] ?? 0;
    if (start > time + slack) return -1;
    if (start + Math.max(slack, trace.durations[span] ?? 0) >= time - slack) return span;
  }
  return -1;
}
