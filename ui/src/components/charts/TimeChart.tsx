/**
 * Values over time. Drag, or arrow keys and Enter, zoom; a double click zooms out. The cursor is that of all charts of the
 * page; a click, or P, pins the values of a moment.
 */
import { useComputedColorScheme } from "@mantine/core";
import { IconTable } from "@tabler/icons-react";
import {
  type KeyboardEvent,
  type PointerEvent,
  type ReactNode,
  useCallback,
  useEffect,
  useId,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import type uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { Look } from "../../core/metrics/look.ts";
import { c } from "../../core/metricsText.ts";
import { fromMs } from "../../core/time/instant.ts";
import { useSize } from "../../hooks/useSize.ts";
import { IconButton } from "../common/IconButton.tsx";
import styles from "./Chart.module.css";
import type { ChartProps } from "./Chart.tsx";
import { ChartLegend } from "./ChartLegend.tsx";
import { ChartSummary, ChartTable } from "./ChartTable.tsx";
import { ChartTip, ExemplarTip, HeatTip } from "./ChartTip.tsx";
import { useCursorStore } from "./cursor.tsx";
import { HeatLegend } from "./HeatLegend.tsx";
import { buildModel, type ChartExemplar, looksFor, type Model, measured, nearestIndex, onScale } from "./model.ts";
import { DIAMOND, makePlot } from "./plot.ts";

interface Brush {
  start: number;
  end: number;
}

/** A moment under the pointer or the keyboard: its index, and the pointer's height. */
interface Spot {
  index: number;
  y: number | null;
}

const NOTHING: readonly never[] = [];

export default function TimeChart(props: ChartProps): ReactNode {
  const { frame, span, label, legend = true, small = false, height = 260, total, onTop, tools, heat = null } = props;
  const [only, setOnly] = useState<ReadonlySet<string> | null>(null);
  const [table, setTable] = useState(false);
  const given = props.looks;
  const looks = useMemo(() => given ?? looksFor(frame.series), [given, frame]);
  // Series that are gone cannot be the only ones.
  const shown = useMemo(() => {
    if (only === null) return null;
    const there = frame.series.filter((one) => only.has(one.key)).map((one) => one.key);
    return there.length > 0 ? new Set(there) : null;
  }, [only, frame]);
  return (
    <figure className={styles.chart} aria-label={label} data-small={small || undefined} data-testid="chart">
      {(tools || !small) && (
        <div className={styles.head}>
          <div className={styles.tools}>{tools}</div>
          {!small && (
            <IconButton label={c.asTable} size={24} aria-pressed={table} onClick={() => setTable(!table)}>
              <IconTable size={16} stroke={1.6} />
            </IconButton>
          )}
        </div>
      )}
      <Plot {...props} height={height} small={small} looks={looks} only={shown} />
      {heat && <HeatLegend heat={heat} counts={props.counts ?? ""} />}
      {legend && !heat && frame.series.length > 0 && (
        <ChartLegend
          series={frame.series}
          looks={looks}
          unit={props.unit}
          only={shown}
          onOnly={setOnly}
          total={total}
          onTop={onTop}
          onSeries={props.onSeries}
          onHover={props.onHover}
        />
      )}
      {table && (
        <ChartTable
          frame={frame}
          span={span}
          zone={props.zone}
          unit={heat ? (props.counts ?? "") : props.unit}
          exemplars={props.exemplars ?? NOTHING}
          onExemplar={props.onExemplar}
        />
      )}
    </figure>
  );
}

interface PlotProps extends ChartProps {
  height: number;
  small: boolean;
  looks: ReadonlyMap<string, Look>;
  only: ReadonlySet<string> | null;
}

function Plot(props: PlotProps): ReactNode {
  const { frame, span, zone, unit, style = "line", label, stale, height, small, looks, only } = props;
  const { exemplars = NOTHING, thresholds = NOTHING, range = null, heat = null, counts = "", gutter = 36 } = props;
  const { onZoom, onZoomOut, onExemplar } = props;
  const [box, { width }] = useSize<HTMLDivElement>();
  const canvas = useRef<HTMLDivElement>(null);
  const hair = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const scheme = useComputedColorScheme("light");
  const cursor = useCursorStore();
  const id = useId();
  const help = useId();
  const [brush, setBrush] = useState<Brush | null>(null);
  const [spot, setSpot] = useState<Spot | null>(null);
  const [pinned, setPinned] = useState<Spot | null>(null);
  const [keyed, setKeyed] = useState<Brush | null>(null);
  const [marked, setMarked] = useState<{ exemplar: ChartExemplar; keyed: boolean } | null>(null);
  const [area, setArea] = useState({ left: 44, width: 0 });
  const pressed = useRef<{ x: number; moved: boolean } | null>(null);
  const from = Number(span.from) / 1e9;
  const to = Number(span.to) / 1e9;

  const model = useMemo<Model | null>(
    () =>
      width === 0
        ? null
        : measured("nexus-chart-model", () =>
            buildModel({
              frame,
              looks,
              only,
              width: Math.max(50, width - 60),
              style,
              unit,
              from,
              to,
              thresholds,
              exemplars,
              range,
              heat,
            }),
          ),
    [frame, looks, only, width, style, unit, from, to, thresholds, exemplars, range, heat],
  );

  useLayoutEffect(() => {
    const host = canvas.current;
    if (!host || !model) return;
    const start = performance.now();
    host.dataset.theme = scheme;
    const drawn = (made: uPlot): void => {
      const [left, width] = [made.over.offsetLeft, made.over.clientWidth];
      setArea((area) => (area.left === left && area.width === width ? area : { left, width }));
      if (host.dataset.drawn) return;
      host.dataset.drawn = "1";
      performance.clearMeasures?.("nexus-chart-draw");
      performance.measure?.("nexus-chart-draw", { start, end: performance.now() });
    };
    const made = makePlot(host, { model, span, zone, width, height, small, gutter, onDrawn: drawn });
    plot.current = made;
    return () => {
      plot.current = null;
      delete host.dataset.drawn;
      made.destroy();
    };
  }, [model, span, zone, width, height, small, gutter, scheme]);

  // What was pinned belonged to other data.
  useEffect(() => {
    if (frame) setPinned(null);
  }, [frame]);

  useEffect(() => {
    const place = (): void => {
      const at = cursor.get();
      const line = hair.current;
      if (!line) return;
      const x = at && plot.current ? plot.current.valToPos(at.time, "x") : -1;
      const inside = at !== null && x >= 0 && x <= area.width;
      line.style.visibility = inside ? "visible" : "hidden";
      if (inside) line.style.transform = `translateX(${Math.round(area.left + x)}px)`;
    };
    place();
    return cursor.subscribe(place);
  }, [cursor, area]);

  const xIn = (event: { clientX: number }): number => {
    const left = box.current?.getBoundingClientRect().left ?? 0;
    return Math.min(area.width, Math.max(0, event.clientX - left - area.left));
  };
  const yIn = (event: { clientY: number }): number =>
    event.clientY - (plot.current?.over.getBoundingClientRect().top ?? 0);
  const timeAt = useCallback(
    (x: number): number => from + (x / Math.max(1, area.width)) * (to - from),
    [from, to, area],
  );
  const spanOf = (a: number, b: number): void => {
    const [first, last] = [timeAt(Math.min(a, b)), timeAt(Math.max(a, b))];
    if (last - first > 0.001) onZoom?.({ from: fromMs(first * 1000), to: fromMs(last * 1000) });
  };
  const pointAt = (x: number, y: number | null): Spot | null => {
    if (!model) return null;
    const index = nearestIndex(model.times, timeAt(x));
    return index < 0 ? null : { index, y };
  };
  const heightOf = (value: number): number => (model && plot.current?.valToPos(onScale(model, value), "y")) ?? 0;
  const exemplarAt = (x: number, y: number): ChartExemplar | undefined => {
    const current = plot.current;
    if (!current) return undefined;
    const reach = DIAMOND + 4;
    return model?.exemplars.find(
      (one) => Math.abs(current.valToPos(one.time, "x") - x) <= reach && Math.abs(heightOf(one.value) - y) <= reach,
    );
  };

  const onDown = (event: PointerEvent): void => {
    if (event.button !== 0 || (event.target as Element).closest("[data-tip]")) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    const x = xIn(event);
    pressed.current = { x, moved: false };
    setKeyed(null);
  };
  const onMove = (event: PointerEvent): void => {
    const x = xIn(event);
    if (pressed.current) {
      if (onZoom && Math.abs(x - pressed.current.x) > 4) pressed.current.moved = true;
      if (pressed.current.moved) setBrush({ start: pressed.current.x, end: x });
    }
    if ((event.target as Element).closest("[data-tip]")) return;
    const y = yIn(event);
    setSpot(pressed.current?.moved ? null : pointAt(x, y));
    cursor.set({ time: timeAt(x), source: id });
    const exemplar = pressed.current?.moved ? undefined : exemplarAt(x, y);
    setMarked(exemplar ? { exemplar, keyed: false } : null);
    if (box.current) box.current.style.cursor = exemplar ? "pointer" : "";
  };
  const onUp = (event: PointerEvent): void => {
    const start = pressed.current;
    pressed.current = null;
    setBrush(null);
    if (!start) return;
    const [x, y] = [xIn(event), yIn(event)];
    const exemplar = start.moved ? undefined : exemplarAt(x, y);
    if (start.moved) spanOf(start.x, x);
    else if (exemplar && onExemplar) onExemplar(exemplar);
    else setPinned(pinned ? null : pointAt(x, y));
  };
  const onLeave = (): void => {
    if (pressed.current?.moved) return;
    setSpot(null);
    setMarked(null);
    cursor.set(null);
  };

  const xOfIndex = (index: number): number =>
    model && to > from ? (((model.times[index] ?? from) - from) / (to - from)) * area.width : 0;
  const onKey = (event: KeyboardEvent): void => {
    if (!model || model.times.length === 0 || (event.target as Element).closest("[data-tip]")) return;
    const last = model.times.length - 1;
    const at = keyed?.end ?? (event.key === "ArrowLeft" ? last + 1 : -1);
    const jump = event.altKey ? 10 : 1;
    const inOrder = model.exemplars;
    if (event.key.toLowerCase() === "e" && inOrder.length > 0 && !event.ctrlKey && !event.metaKey) {
      const now = marked ? inOrder.indexOf(marked.exemplar) : event.shiftKey ? inOrder.length : -1;
      const exemplar = inOrder[Math.min(inOrder.length - 1, Math.max(0, now + (event.shiftKey ? -1 : 1)))];
      setMarked(exemplar ? { exemplar, keyed: true } : null);
      setSpot(null);
      setKeyed(null);
    } else if (event.key === "Enter" && marked && onExemplar) onExemplar(marked.exemplar);
    else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      const next = Math.min(last, Math.max(0, at + (event.key === "ArrowLeft" ? -jump : jump)));
      setKeyed({ start: event.shiftKey && keyed ? keyed.start : next, end: next });
      setMarked(null);
      setSpot({ index: next, y: null });
      cursor.set({ time: model.times[next] ?? from, source: id });
    } else if (event.key === "Home" || event.key === "End") {
      const next = event.key === "Home" ? 0 : last;
      setKeyed({ start: next, end: next });
      setSpot({ index: next, y: null });
    } else if (event.key === "Enter" && keyed && keyed.start !== keyed.end && onZoom) {
      spanOf(xOfIndex(keyed.start), xOfIndex(keyed.end));
      setKeyed(null);
    } else if (event.key === "p" && spot) setPinned(pinned ? null : spot);
    else if (event.key === "-" && onZoomOut) onZoomOut();
    else if (event.key === "Escape" && (pinned || keyed || marked)) {
      setMarked(null);
      setPinned(null);
      setKeyed(null);
      setSpot(null);
      cursor.set(null);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };

  const tip = pinned ?? (brush || marked ? null : spot);
  const select =
    brush ?? (keyed && keyed.start !== keyed.end ? { start: xOfIndex(keyed.start), end: xOfIndex(keyed.end) } : null);
  const empty = model?.heat
    ? model.heat.columns.every((column) => column.every((count) => count <= 0))
    : model?.series.every((one) => one.values.every((value) => value === null));
  return (
    <div
      ref={box}
      className={styles.plot}
      style={{ height }}
      data-stale={stale || undefined}
      role="application"
      aria-label={label}
      aria-describedby={help}
      data-testid="plot"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: the chart is operated with the arrow keys
      tabIndex={0}
      onPointerDown={onDown}
      onPointerMove={onMove}
      onPointerUp={onUp}
      onPointerCancel={() => {
        pressed.current = null;
        setBrush(null);
      }}
      onPointerLeave={onLeave}
      onDoubleClick={() => {
        setPinned(null);
        onZoomOut?.();
      }}
      onKeyDown={onKey}
      onBlur={(event) => {
        if (event.currentTarget.contains(event.relatedTarget)) return;
        setKeyed(null);
        setSpot(null);
        setMarked(null);
      }}
    >
      <div id={help} className="visually-hidden">
        {c.keys}
        {exemplars.length > 0 && ` ${c.exemplarKeys}`}
        <ChartSummary frame={frame} unit={heat ? counts : unit} />
      </div>
      <div ref={canvas} className={styles.canvas} aria-hidden />
      <div ref={hair} className={styles.hair} style={{ visibility: "hidden" }} aria-hidden />
      {select && (
        <div
          className={styles.brush}
          style={{
            left: area.left + Math.min(select.start, select.end),
            width: Math.max(1, Math.abs(select.end - select.start)),
          }}
        />
      )}
      {empty && <div className={styles.nothing}>{c.noData}</div>}
      {marked && model && (
        <ExemplarTip
          exemplar={marked.exemplar}
          unit={unit}
          zone={zone}
          left={area.left + (plot.current?.valToPos(marked.exemplar.time, "x") ?? 0)}
          width={width}
          said={marked.keyed}
        />
      )}
      {marked?.keyed && (
        <div
          className={styles.ring}
          style={{
            left: area.left + (plot.current?.valToPos(marked.exemplar.time, "x") ?? 0),
            top: (plot.current?.over.offsetTop ?? 0) + heightOf(marked.exemplar.value),
          }}
          data-testid="exemplar-ring"
          aria-hidden
        />
      )}
      {tip && model?.heat && (
        <HeatTip
          heat={model.heat}
          index={tip.index}
          place={tip.y === null ? null : (plot.current?.posToVal(tip.y, "y") ?? null)}
          unit={unit}
          counts={counts}
          zone={zone}
          left={area.left + xOfIndex(tip.index)}
          width={width}
          pinned={pinned !== null}
          onUnpin={() => setPinned(null)}
          said={keyed !== null}
        />
      )}
      {tip && model && !model.heat && (
        <ChartTip
          model={model}
          index={tip.index}
          y={tip.y}
          heightOf={(value) => plot.current?.valToPos(value, "y") ?? 0}
          zone={zone}
          left={area.left + xOfIndex(tip.index)}
          width={width}
          pinned={pinned !== null}
          onUnpin={() => setPinned(null)}
          said={keyed !== null}
        />
      )}
    </div>
  );
}
