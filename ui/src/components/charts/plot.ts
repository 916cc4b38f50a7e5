/** Draws a model with uPlot: axes, lines, areas and stacks; points, thresholds and exemplars on top. */
import uPlot from "uplot";
import { formatBound } from "../../core/metrics/heat.ts";
import { formatTicks, tickSteps } from "../../core/metrics/units.ts";
import { timeTicks } from "../../core/time/format.ts";
import type { Span } from "../../core/time/range.ts";
import type { Zone } from "../../core/time/zone.ts";
import { drawHeat } from "./heatmap.ts";
import { type Model, onScale, valueRange } from "./model.ts";

export interface Paint {
  model: Model;
  span: Span;
  zone: Zone;
  width: number;
  height: number;
  /** Small charts leave out what cannot be read at their size. */
  small: boolean;
  /** Least width of the scale of the values, so that charts below each other begin at one place. */
  gutter: number;
  /** Called after each drawing, when the axes have their sizes. */
  onDrawn(plot: uPlot): void;
}

/** Half the width of a label of the time axis. */
const EDGE = 12;
const FONT = "11px 'Inter Variable', system-ui, sans-serif";

/** Reads a token where the chart stands, so that it follows the theme. */
function token(element: HTMLElement, name: string): string {
  return getComputedStyle(element).getPropertyValue(name).trim();
}

function faded(color: string, percent: number): string {
  return `color-mix(in srgb, ${color} ${percent}%, transparent)`;
}

function data({ times, series, heat }: Model): uPlot.AlignedData {
  if (heat) return [times, times.map(() => null)];
  return [times, ...series.map((one) => one.drawn)];
}

/** Each stacked series is filled down to the one below it. */
function bands(model: Model, colors: readonly string[]): uPlot.Band[] {
  if (model.style !== "stacked") return [];
  const found: uPlot.Band[] = [];
  let below = 0;
  model.series.forEach((one, index) => {
    if (one.series.earlier !== undefined) return;
    if (below > 0) found.push({ series: [index + 1, below], fill: faded(colors[index] ?? "", 45) });
    below = index + 1;
  });
  return found;
}

function fillOf(model: Model, index: number, color: string): string | undefined {
  const one = model.series[index];
  if (one?.series.earlier !== undefined) return undefined;
  if (model.style === "area") return faded(color, model.series.length > 4 ? 10 : 18);
  const first = model.series.findIndex((entry) => entry.series.earlier === undefined);
  return model.style === "stacked" && index === first ? faded(color, 45) : undefined;
}

/** Squares for all values of the style "points", and for values without neighbours, which make no line. */
function drawPoints(plot: uPlot, model: Model, colors: readonly string[]): void {
  const { ctx } = plot;
  const all = model.style === "points";
  const size = Math.max(1, Math.round((all ? 3 : 4) * uPlot.pxRatio));
  model.series.forEach((one, index) => {
    ctx.fillStyle = colors[index] ?? "";
    const { drawn } = one;
    for (let at = 0; at < drawn.length; at += 1) {
      const value = drawn[at];
      if (value === null || value === undefined) continue;
      if (!all && ((drawn[at - 1] ?? null) !== null || (drawn[at + 1] ?? null) !== null)) continue;
      const x = plot.valToPos(model.times[at] ?? 0, "x", true);
      const y = plot.valToPos(value, "y", true);
      ctx.fillRect(Math.round(x - size / 2), Math.round(y - size / 2), size, size);
    }
  });
}

function drawThresholds(plot: uPlot, model: Model, host: HTMLElement): void {
  const { ctx, bbox } = plot;
  for (const { value, tone = "danger" } of model.thresholds) {
    const y = Math.round(plot.valToPos(onScale(model, value), "y", true)) + 0.5;
    if (y < bbox.top || y > bbox.top + bbox.height) continue;
    ctx.strokeStyle = token(host, `--${tone}`);
    ctx.lineWidth = uPlot.pxRatio;
    ctx.setLineDash([6 * uPlot.pxRatio, 4 * uPlot.pxRatio]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.setLineDash([]);
  }
}

export const DIAMOND = 5;

function drawExemplars(plot: uPlot, model: Model, host: HTMLElement): void {
  if (model.exemplars.length === 0) return;
  const { ctx } = plot;
  const size = DIAMOND * uPlot.pxRatio;
  // Colours of heatmaps are those of the accent.
  ctx.fillStyle = token(host, model.heat ? "--bg" : "--accent");
  ctx.strokeStyle = token(host, model.heat ? "--text" : "--bg");
  ctx.lineWidth = uPlot.pxRatio;
  for (const { time, value } of model.exemplars) {
    const x = plot.valToPos(time, "x", true);
    const y = plot.valToPos(onScale(model, value), "y", true);
    ctx.beginPath();
    ctx.moveTo(x, y - size);
    ctx.lineTo(x + size, y);
    ctx.lineTo(x, y + size);
    ctx.lineTo(x - size, y);
    ctx.closePath();
    ctx.fill();
    ctx.stroke();
  }
}

function clipped(plot: uPlot, draw: () => void): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  draw();
  ctx.restore();
}

function axes({ model, span, zone, small, gutter }: Paint, host: HTMLElement): uPlot.Axis[] {
  const stroke = token(host, "--text-faint");
  const grid = { stroke: token(host, "--border"), width: 1 };
  const steps = tickSteps(model.unit);
  const labels = new Map<number, string>();
  const splits = (plot: uPlot): number[] => {
    labels.clear();
    const count = Math.max(2, Math.floor(plot.bbox.width / uPlot.pxRatio / (small ? 90 : 110)));
    return timeTicks(span, count, zone).map(({ at, label }) => {
      const time = Number(at) / 1e9;
      labels.set(time, label);
      return time;
    });
  };
  return [
    {
      stroke,
      font: FONT,
      size: 22,
      gap: 6,
      grid: { ...grid, show: !small },
      ticks: { show: false },
      splits,
      // A label that does not fit before the end is left out instead of cut off.
      values: (plot, times) => {
        const room = (EDGE * (model.to - model.from)) / Math.max(1, plot.bbox.width / uPlot.pxRatio);
        return times.map((time) => (model.to - time < room ? "" : (labels.get(time) ?? "")));
      },
    },
    {
      stroke,
      font: FONT,
      grid: { ...grid, show: model.heat === null },
      gap: 4,
      ticks: { show: false },
      space: small ? 24 : 32,
      // Wide enough for its longest label.
      size: (_plot, values) => Math.max(gutter, Math.max(0, ...(values ?? []).map((text) => text.length)) * 6.2 + 12),
      ...(model.heat
        ? {
            splits: (plot: uPlot) => edgesShown(plot, model),
            values: (_plot: uPlot, rows: number[]) => edges(rows, model),
          }
        : {
            values: (_plot: uPlot, values: number[]) => formatTicks(values, model.unit),
            ...(steps && { incrs: steps }),
          }),
    },
  ];
}

/** Edges of rows that have room for a label, those with short ones before others: 250 ms rather than 229.3 ms. */
function edgesShown(plot: uPlot, model: Model): number[] {
  const rows = model.heat?.bounds.length ?? 0;
  const least = Math.max(1, Math.ceil((rows * 20 * uPlot.pxRatio) / Math.max(1, plot.bbox.height)));
  let best: number[] = [];
  let lowest = Number.POSITIVE_INFINITY;
  for (let every = least; every <= least * 2; every += 1) {
    for (let first = 0; first < every && first <= rows; first += 1) {
      const shown = Array.from({ length: Math.floor((rows - first) / every) + 1 }, (_, at) => first + at * every);
      const length = edges(shown, model).reduce((sum, text) => sum + text.length, 0) / shown.length;
      const cost = length * Math.sqrt(every);
      if (cost < lowest && (shown.length > 1 || best.length === 0)) [best, lowest] = [shown, cost];
    }
  }
  return best;
}

function edges(rows: readonly number[], { heat, unit }: Model): string[] {
  const bounds = heat?.bounds ?? [];
  return rows.map((row) => {
    const edge = bounds[row]?.[0] ?? bounds[row - 1]?.[1];
    return edge === undefined ? "" : formatBound(edge, unit);
  });
}

/** A new plot inside of `host`. */
export function makePlot(host: HTMLElement, paint: Paint): uPlot {
  const { model, width, height } = paint;
  const colors = model.series.map((one) => token(host, one.look.color));
  const line = model.style !== "points";
  return new uPlot(
    {
      width,
      height,
      ms: 1e-3,
      pxAlign: false,
      padding: [6, 6, 0, 0],
      legend: { show: false },
      cursor: { show: false, drag: { x: false, y: false, setScale: false } },
      select: { show: false, left: 0, top: 0, width: 0, height: 0 },
      scales: {
        x: { time: false, auto: false, range: () => [model.from, model.to] },
        y: { range: (_plot, low, high) => valueRange(low, high, model) },
      },
      axes: axes(paint, host),
      series: [
        {},
        ...(model.heat ? [{ paths: () => null, points: { show: false } }] : []),
        ...model.series.map((one, index): uPlot.Series => {
          const color = colors[index] ?? "";
          const fill = fillOf(model, index, color);
          return {
            label: one.series.name,
            stroke: color,
            width: one.series.earlier === undefined ? 1.5 : 1.25,
            dash: [...one.look.dash],
            alpha: one.series.earlier === undefined ? 1 : 0.75,
            points: { show: false },
            ...(fill && { fill }),
            ...(line ? {} : { paths: () => null }),
          };
        }),
      ],
      bands: bands(model, colors),
      hooks: {
        draw: [
          (plot) => {
            clipped(plot, () => {
              if (model.heat) drawHeat(plot, model.heat, host);
              drawPoints(plot, model, colors);
              drawThresholds(plot, model, host);
              drawExemplars(plot, model, host);
            });
            paint.onDrawn(plot);
          },
        ],
      },
    },
    data(model),
    host,
  );
}
