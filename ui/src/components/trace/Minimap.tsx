/** The whole trace at a glance, and the window of it that is seen. Drag to zoom; arrow keys and plus and minus do the same. */
import { useComputedColorScheme } from "@mantine/core";
import { type KeyboardEvent, type PointerEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { EMPTY, FAILED, type Minimap as Picture } from "../../core/traces/minimap.ts";
import type { Trace } from "../../core/traces/model.ts";
import { clampZoom, formatNs, moveZoom, WHOLE, zoomAt } from "../../core/traces/view.ts";
import { x } from "../../core/tracesText.ts";
import { useSize } from "../../hooks/useSize.ts";
import { type OpenTrace, useAnswer } from "../../hooks/useTraceEngine.ts";
import { readPaint } from "./paint.ts";
import styles from "./Trace.module.css";

const HEIGHT = 56;

/** The cells as a picture of their own, made large when it is painted. */
function asImage(picture: Picture, colors: readonly string[], danger: string): HTMLCanvasElement | null {
  const canvas = document.createElement("canvas");
  canvas.width = picture.width;
  canvas.height = picture.height;
  const context = canvas.getContext("2d");
  if (!context) return null;
  const bytes = (color: string): [number, number, number] => {
    const value = Number.parseInt(color.slice(1, 7), 16);
    return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
  };
  const palette = colors.map(bytes);
  const failed = bytes(danger);
  const image = context.createImageData(picture.width, picture.height);
  picture.cells.forEach((cell, at) => {
    if (cell === EMPTY) return;
    const [red, green, blue] = cell >= FAILED ? failed : (palette[cell] ?? [128, 128, 128]);
    image.data.set([red, green, blue, 255], at * 4);
  });
  context.putImageData(image, 0, 0);
  return canvas;
}

interface Props {
  open: OpenTrace;
  trace: Trace;
  zoom: [number, number];
  onZoom(zoom: [number, number]): void;
}

export function Minimap({ open, trace, zoom, onZoom }: Props): ReactNode {
  const [box, { width }] = useSize<HTMLDivElement>();
  const canvas = useRef<HTMLCanvasElement>(null);
  const scheme = useComputedColorScheme("light");
  const [drag, setDrag] = useState<{ from: number; to: number } | null>(null);
  const columns = Math.max(0, Math.round(width / 2) * 2);
  const picture = useAnswer(open, columns > 0 ? { kind: "minimap", width: columns, height: HEIGHT } : null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the theme changes the colours that are read
  useEffect(() => {
    const element = canvas.current;
    if (!element || !picture) return;
    const paint = readPaint(element, trace.services);
    const image = asImage(picture, paint.services, paint.danger);
    element.width = picture.width;
    element.height = HEIGHT;
    const context = element.getContext("2d");
    if (!context || !image) return;
    context.imageSmoothingEnabled = false;
    context.drawImage(image, 0, 0, picture.width, Math.min(HEIGHT, picture.height * 8));
  }, [picture, trace, scheme]);
  const place = (event: PointerEvent): number => {
    const { left, width: own } = event.currentTarget.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - left) / own));
  };
  const onKey = (event: KeyboardEvent): void => {
    const moved = new Map<string, () => [number, number]>([
      ["ArrowLeft", () => moveZoom(zoom, -0.25)],
      ["ArrowRight", () => moveZoom(zoom, 0.25)],
      ["+", () => zoomAt(zoom, 0.5, 0.5)],
      ["=", () => zoomAt(zoom, 0.5, 0.5)],
      ["-", () => zoomAt(zoom, 0.5, 2)],
      ["0", () => WHOLE],
      ["Home", () => clampZoom(0, zoom[1] - zoom[0])],
      ["End", () => clampZoom(1 - zoom[1] + zoom[0], 1)],
    ]);
    const next = moved.get(event.key);
    if (!next) return;
    event.preventDefault();
    onZoom(next());
  };
  const [from, to] = drag ? [Math.min(drag.from, drag.to), Math.max(drag.from, drag.to)] : zoom;
  const said = `${formatNs(from * trace.duration)} – ${formatNs(to * trace.duration)}`;
  return (
    <div
      ref={box}
      className={styles.minimap}
      role="slider"
      tabIndex={0}
      aria-label={x.minimap}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(zoom[0] * 100)}
      aria-valuetext={said}
      title={x.minimapKeys}
      data-testid="minimap"
      data-drawn={picture ? true : undefined}
      onKeyDown={onKey}
      onDoubleClick={() => onZoom(WHOLE)}
      onPointerDown={(event) => {
        if (event.button !== 0) return;
        event.currentTarget.setPointerCapture(event.pointerId);
        setDrag({ from: place(event), to: place(event) });
      }}
      onPointerMove={(event) => drag && setDrag({ ...drag, to: place(event) })}
      onPointerUp={() => {
        if (drag && Math.abs(drag.to - drag.from) > 0.003) onZoom(clampZoom(from, to));
        setDrag(null);
      }}
      onPointerCancel={() => setDrag(null)}
    >
      <canvas ref={canvas} className={styles.minimapCanvas} aria-hidden />
      {from > 0 && <span className={styles.shade} style={{ left: 0, width: `${from * 100}%` }} />}
      {to < 1 && <span className={styles.shade} style={{ left: `${to * 100}%`, right: 0 }} />}
      {(from > 0 || to < 1) && (
        <span className={styles.seen} style={{ left: `${from * 100}%`, width: `${(to - from) * 100}%` }} />
      )}
    </div>
  );
}
