/** Spans below their parents, concurrent ones side by side in lanes; on a canvas, of the visible lanes only. */
import { useComputedColorScheme } from "@mantine/core";
import { type KeyboardEvent, type ReactNode, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { spanLabel } from "../../core/traces/find.ts";
import type { Flame } from "../../core/traces/flame.ts";
import type { Trace } from "../../core/traces/model.ts";
import { clampZoom, formatNs, type TraceView, WHOLE, zoomAt } from "../../core/traces/view.ts";
import { x } from "../../core/tracesText.ts";
import { drawFlame, flameAt, LANE, tickLabels } from "./draw.ts";
import { prepare, readPaint } from "./paint.ts";
import styles from "./Trace.module.css";
import { useWindow } from "./useWindow.ts";

interface Props {
  trace: Trace;
  flame: Flame;
  view: TraceView;
  selected: number;
  hits: Int32Array;
  onSelect(span: number): void;
  onZoom(zoom: [number, number]): void;
}

export function FlameGraph({ trace, flame, view, selected, hits, onSelect, onZoom }: Props): ReactNode {
  const canvas = useRef<HTMLCanvasElement>(null);
  const top = useRef(0);
  const drawn = useRef<() => void>(() => undefined);
  const scheme = useComputedColorScheme("light");
  const [hover, setHover] = useState<{ span: number; x: number; y: number } | null>(null);
  const [drag, setDrag] = useState<{ from: number; to: number } | null>(null);
  const pressed = useRef<number | null>(null);
  const { box, width, height, scrollTo } = useWindow(flame.lanes, LANE, (scrolled) => {
    top.current = scrolled;
    drawn.current();
  });
  const window = useMemo(
    () => ({ from: view.zoom[0] * trace.duration, to: Math.max(1, view.zoom[1] * trace.duration) }),
    [view.zoom, trace.duration],
  );
  const hitSet = useMemo(() => new Set(hits), [hits]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the theme changes the colours that are read
  const paint = useMemo(
    () => (canvas.current ? readPaint(canvas.current, trace.services) : null),
    [trace.services, scheme, width > 0],
  );
  useLayoutEffect(() => {
    drawn.current = () => {
      const element = canvas.current;
      if (!element || !paint || width === 0 || height === 0) return;
      const context = prepare(element, width, height);
      if (!context) return;
      drawFlame(context, {
        trace,
        flame,
        window,
        paint,
        path: view.path,
        hits: hitSet,
        selected,
        top: top.current,
        width,
        height,
      });
    };
    drawn.current();
  }, [trace, flame, window, paint, view.path, hitSet, selected, width, height]);
  useEffect(() => {
    if (selected >= 0) scrollTo(flame.lane[selected] ?? -1);
  }, [selected, flame, scrollTo]);
  const spot = (event: { clientX: number; clientY: number }): { x: number; y: number } => {
    const rect = box.current?.getBoundingClientRect();
    return { x: event.clientX - (rect?.left ?? 0), y: event.clientY - (rect?.top ?? 0) };
  };
  const spanAt = (place: { x: number; y: number }): number =>
    flameAt({ trace, flame, window, width, top: top.current }, place.x, place.y);
  const neighbour = (direction: 1 | -1): number => {
    const lane = flame.lane[selected] ?? -1;
    if (lane < 0) return selected;
    const at = flame.spans.indexOf(selected, flame.begins[lane] ?? 0) + direction;
    return at >= (flame.begins[lane] ?? 0) && at < (flame.begins[lane + 1] ?? 0)
      ? (flame.spans[at] ?? selected)
      : selected;
  };
  const onKey = (event: KeyboardEvent): void => {
    const from = Math.max(0, selected);
    const shownChild = (): number => {
      for (let span = from + 1; span < (trace.ends[from] ?? 0); span += 1)
        if ((flame.lane[span] ?? -1) >= 0) return span;
      return from;
    };
    const keys = new Map<string, () => void>([
      ["ArrowUp", () => onSelect(Math.max(0, trace.parents[from] ?? 0))],
      ["ArrowDown", () => onSelect(selected < 0 ? 0 : shownChild())],
      ["ArrowLeft", () => onSelect(neighbour(-1))],
      ["ArrowRight", () => onSelect(neighbour(1))],
      ["+", () => onZoom(zoomAt(view.zoom, 0.5, 0.5))],
      ["=", () => onZoom(zoomAt(view.zoom, 0.5, 0.5))],
      ["-", () => onZoom(zoomAt(view.zoom, 0.5, 2))],
      ["0", () => onZoom(WHOLE)],
    ]);
    const act = keys.get(event.key);
    if (!act || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    act();
  };
  const latest = useRef({ view, onZoom });
  useLayoutEffect(() => {
    latest.current = { view, onZoom };
  });
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const onWheel = (event: WheelEvent): void => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const rect = element.getBoundingClientRect();
      const place = (event.clientX - rect.left) / Math.max(1, rect.width);
      latest.current.onZoom(zoomAt(latest.current.view.zoom, place, event.deltaY > 0 ? 1.25 : 0.8));
    };
    element.addEventListener("wheel", onWheel, { passive: false });
    return () => element.removeEventListener("wheel", onWheel);
  }, [box]);
  return (
    <div className={styles.waterfall}>
      <div className={styles.axis} aria-hidden>
        <div className={styles.axisLine}>
          {width > 0 &&
            tickLabels(window, width).map(({ at, label }) => (
              <span key={label} style={{ left: at }}>
                {label}
              </span>
            ))}
        </div>
      </div>
      <div
        ref={box}
        className={styles.scroll}
        role="application"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: its spans are reached with the arrow keys
        tabIndex={0}
        aria-label={`${x.view.flame}. ${x.flameKeys}`}
        data-testid="flame"
        onKeyDown={onKey}
        onPointerDown={(event) => {
          if (event.button === 0) pressed.current = spot(event).x;
        }}
        onPointerMove={(event) => {
          const place = spot(event);
          if (pressed.current !== null && (drag || Math.abs(place.x - pressed.current) > 4)) {
            if (!drag) event.currentTarget.setPointerCapture(event.pointerId);
            setDrag({ from: pressed.current, to: place.x });
            setHover(null);
            return;
          }
          const span = spanAt(place);
          setHover(span < 0 ? null : { span, ...place });
        }}
        onPointerLeave={() => setHover(null)}
        onPointerUp={(event) => {
          pressed.current = null;
          if (!drag) {
            const span = spanAt(spot(event));
            if (span >= 0) onSelect(span);
            return;
          }
          const [from, to] = view.zoom;
          const share = (value: number): number => from + ((to - from) * Math.min(width, Math.max(0, value))) / width;
          setDrag(null);
          onZoom(clampZoom(share(Math.min(drag.from, drag.to)), share(Math.max(drag.from, drag.to))));
        }}
        onDoubleClick={() => onZoom(WHOLE)}
      >
        <div className={styles.canvasBox} style={{ left: 0, width }}>
          <canvas ref={canvas} className={styles.canvas} style={{ width, height }} aria-hidden />
        </div>
        <div style={{ height: flame.lanes * LANE }} />
        {drag && (
          <div
            className={styles.brush}
            style={{
              left: Math.min(drag.from, drag.to),
              width: Math.abs(drag.to - drag.from),
              height: flame.lanes * LANE,
            }}
          />
        )}
      </div>
      {hover && (
        <div
          className={styles.tip}
          style={{ left: Math.min(Math.max(0, width - 280), hover.x + 12), top: Math.min(height - 40, hover.y + 40) }}
        >
          <b>{spanLabel(trace, hover.span)}</b>
          <span>
            {formatNs(trace.durations[hover.span] ?? 0)} · {x.self} {formatNs(trace.self[hover.span] ?? 0)}
          </span>
        </div>
      )}
      <p className="visually-hidden" aria-live="polite">
        {selected >= 0 && `${spanLabel(trace, selected)}, ${formatNs(trace.durations[selected] ?? 0)}`}
      </p>
    </div>
  );
}
