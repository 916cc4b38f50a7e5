/** How a trace is looked at: what the address of its page holds, or the panel keeps for itself. */
import { KINDS, type Trace } from "./model.ts";
import type { Hidden } from "./rows.ts";

export const TRACE_VIEWS = ["waterfall", "flame", "spans", "operations", "diff"] as const;
export type TraceViewName = (typeof TRACE_VIEWS)[number];

export interface TraceView {
  view: TraceViewName;
  /** Id of the span that is open. */
  span: string;
  find: string;
  /** Share of the trace below which spans are hidden. */
  below: number;
  /** Names of hidden services and kinds. */
  without: string[];
  withoutKinds: string[];
  errors: boolean;
  /** The critical path is drawn; only what is on it is shown. */
  path: boolean;
  pathOnly: boolean;
  repeated: boolean;
  /** Shares of the trace that are seen, 0 to 1. */
  zoom: [number, number];
  /** Id of the trace that it is compared with. */
  other: string;
}

export const WHOLE: [number, number] = [0, 1];
export const BELOW = [0, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1] as const;

export const FIRST_VIEW: TraceView = {
  view: "waterfall",
  span: "",
  find: "",
  below: 0,
  without: [],
  withoutKinds: [],
  errors: false,
  path: true,
  pathOnly: false,
  repeated: true,
  zoom: WHOLE,
  other: "",
};

export function hiddenBy(trace: Pick<Trace, "services">, view: TraceView): Hidden {
  return {
    below: view.below,
    services: trace.services.flatMap((name, index) => (view.without.includes(name) ? [index] : [])),
    kinds: KINDS.flatMap((kind, index) => (view.withoutKinds.includes(kind) ? [index] : [])),
    errorsOnly: view.errors,
    pathOnly: view.pathOnly,
  };
}

/** How many filters are on. */
export function filtersOn(view: TraceView): number {
  return (
    Number(view.below > 0) +
    Number(view.without.length > 0) +
    Number(view.withoutKinds.length > 0) +
    Number(view.errors) +
    Number(view.pathOnly)
  );
}

/** The narrowest window: a millionth of the trace. */
const NARROWEST = 1e-6;

export function clampZoom(from: number, to: number): [number, number] {
  const width = Math.min(1, Math.max(NARROWEST, to - from));
  const left = Math.min(1 - width, Math.max(0, from));
  return [left, left + width];
}

/** Around a place of the window (0 to 1): factor below 1 zooms in. */
export function zoomAt([from, to]: readonly [number, number], place: number, factor: number): [number, number] {
  const width = Math.min(1, (to - from) * factor);
  const middle = from + (to - from) * place;
  return clampZoom(middle - width * place, middle + width * (1 - place));
}

export function moveZoom([from, to]: readonly [number, number], by: number): [number, number] {
  const step = (to - from) * by;
  return clampZoom(from + step, to + step);
}

export function parseZoom(text: string): [number, number] | null {
  const match = /^(0(?:\.\d+)?)-([01](?:\.\d+)?)$/.exec(text);
  if (!match) return null;
  const [from, to] = [Number(match[1]), Number(match[2])];
  return from < to && to <= 1 ? [from, to] : null;
}

export function printZoom([from, to]: readonly [number, number]): string {
  return `${Number(from.toFixed(7))}-${Number(to.toFixed(7))}`;
}

/** ns as people read them, with at most four digits: "1.234 ms". */
export function formatNs(ns: number): string {
  const size = Math.abs(ns);
  for (const [unit, factor] of [
    ["s", 1e9],
    ["ms", 1e6],
    ["µs", 1e3],
  ] as const)
    if (size >= factor) {
      if (unit === "s" && size >= 6e10) {
        const seconds = Math.round(ns / 1e9);
        return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
      }
      return `${Number((ns / factor).toPrecision(size >= 1000 * factor ? 6 : 3))} ${unit}`;
    }
  return `${Math.round(ns)} ns`;
}

/** Round moments of a window, at most so many: offsets in ns. */
export function ticksOf(from: number, to: number, most: number): number[] {
  const width = to - from;
  if (width <= 0 || most < 1) return [];
  const raw = width / most;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 5, 10].find((size) => size * power >= raw) ?? 10) * power;
  const ticks: number[] = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) ticks.push(at);
  return ticks;
}
