/** Paints a heatmap into the frame of a plot: a small picture, a pixel a cell, made as large as the frame. */
import type uPlot from "uplot";
import { type Heat, shadeColor, shadeOf } from "../../core/metrics/heat.ts";

const SHADES = 64;

/** The colours of the scale where the chart stands, four bytes each. */
function scaleAt(host: HTMLElement): Uint8ClampedArray {
  const style = getComputedStyle(host);
  const canvas = document.createElement("canvas");
  canvas.width = SHADES;
  canvas.height = 1;
  const ctx = canvas.getContext("2d");
  if (!ctx) return new Uint8ClampedArray(SHADES * 4);
  for (let at = 0; at < SHADES; at += 1) {
    // Canvases know no variables.
    ctx.fillStyle = shadeColor(at / (SHADES - 1)).replace(/var\((--[\w-]+)\)/g, (_, name: string) =>
      style.getPropertyValue(name).trim(),
    );
    ctx.fillRect(at, 0, 1, 1);
  }
  return ctx.getImageData(0, 0, SHADES, 1).data;
}

/** The picture; what is empty stays clear. */
function picture(heat: Heat, host: HTMLElement): HTMLCanvasElement | null {
  const [width, height] = [heat.columns.length, heat.bounds.length];
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const ctx = canvas.getContext("2d");
  if (!ctx || width === 0 || height === 0) return null;
  const scale = scaleAt(host);
  const image = ctx.createImageData(width, height);
  heat.columns.forEach((column, x) => {
    column.forEach((count, row) => {
      if (count <= 0) return;
      const shade = Math.round(shadeOf(count, heat.max) * (SHADES - 1)) * 4;
      image.data.set(scale.subarray(shade, shade + 4), ((height - 1 - row) * width + x) * 4);
    });
  });
  ctx.putImageData(image, 0, 0);
  return canvas;
}

export function drawHeat(plot: uPlot, heat: Heat, host: HTMLElement): void {
  const cells = picture(heat, host);
  if (!cells) return;
  const left = plot.valToPos((heat.times[0] ?? 0) - heat.step / 2, "x", true);
  const right = plot.valToPos((heat.times.at(-1) ?? 0) + heat.step / 2, "x", true);
  const top = plot.valToPos(heat.bounds.length, "y", true);
  const bottom = plot.valToPos(0, "y", true);
  plot.ctx.imageSmoothingEnabled = false;
  plot.ctx.drawImage(cells, left, top, right - left, bottom - top);
}
