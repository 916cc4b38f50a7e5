/** The whole trace as a small picture: a column a slice of time, a line some spans, a cell the service that runs there. */
import { ERROR, type Trace } from "./model.ts";

export const EMPTY = -1;
/** Added to the service of cells in which a span failed. */
export const FAILED = 0x4000;

export interface Minimap {
  width: number;
  height: number;
  /** By line; index of the service, FAILED added, or EMPTY. */
  cells: Int16Array;
}

export function drawMinimap(trace: Trace, width: number, height: number): Minimap {
  const lines = Math.max(1, Math.min(height, trace.count));
  const cells = new Int16Array(width * lines).fill(EMPTY);
  const scale = trace.duration > 0 ? width / trace.duration : 0;
  for (let span = 0; span < trace.count; span += 1) {
    const line = Math.floor((span * lines) / trace.count);
    const start = trace.starts[span] ?? 0;
    const from = Math.max(0, Math.min(width - 1, Math.floor(start * scale)));
    const to = Math.max(from + 1, Math.min(width, Math.ceil((start + (trace.durations[span] ?? 0)) * scale)));
    const failed = trace.status[span] === ERROR;
    const value = (trace.service[span] ?? 0) + (failed ? FAILED : 0);
    const base = line * width;
    // Spans further down are more telling than those that hold them; failures stay.
    for (let at = base + from; at < base + to; at += 1) if (failed || (cells[at] ?? 0) < FAILED) cells[at] = value;
  }
  return { width, height: lines, cells };
}
