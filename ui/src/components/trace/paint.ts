/** Colours of a trace on a canvas: those of the tokens, read where the canvas stands. Canvases know no variables. */
import { looksOf } from "../../core/metrics/look.ts";

export interface Paint {
  /** By the index of the service. */
  services: string[];
  /** Text on a bar of that colour. */
  onServices: string[];
  text: string;
  muted: string;
  border: string;
  bg: string;
  hover: string;
  selected: string;
  accent: string;
  danger: string;
  warn: string;
  mark: string;
  font: string;
}

/** Token of each service; the same service has the same colour in every trace. */
export function serviceTokens(services: readonly string[]): string[] {
  const looks = looksOf(services);
  return services.map((name) => looks.get(name)?.color ?? "--series-rest");
}

function luminance(hex: string): number {
  const part = (at: number): number => {
    const channel = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5);
}

/** Black or white, whichever is read better. */
function textOn(hex: string): string {
  return luminance(hex) > 0.18 ? "#0b0e12" : "#ffffff";
}

export function readPaint(host: HTMLElement, services: readonly string[]): Paint {
  const style = getComputedStyle(host);
  const token = (name: string): string => style.getPropertyValue(name).trim() || "#888888";
  const colors = serviceTokens(services).map(token);
  return {
    services: colors,
    onServices: colors.map(textOn),
    text: token("--text"),
    muted: token("--text-muted"),
    border: token("--border"),
    bg: token("--bg"),
    hover: token("--hover"),
    selected: token("--selected"),
    accent: token("--accent"),
    danger: token("--danger"),
    warn: token("--warn"),
    mark: token("--mark-bg"),
    font: token("--font-ui"),
  };
}

/** A canvas of so many CSS pixels, sharp on any screen; null where there are no canvases. */
export function prepare(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D | null {
  const ratio = Math.min(3, window.devicePixelRatio || 1);
  const [w, h] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
  if (canvas.width !== w) canvas.width = w;
  if (canvas.height !== h) canvas.height = h;
  const context = canvas.getContext("2d");
  context?.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}
