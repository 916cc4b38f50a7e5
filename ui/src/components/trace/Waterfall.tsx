/**
 * Spans by time: bars on a canvas, of the visible rows only; before and over them the same rows as a tree grid, which is what
 * is read out, focused and clicked. A hundred thousand spans cost what fits on the screen.
 */
import { useComputedColorScheme } from "@mantine/core";
import {
  IconAlertTriangleFilled,
  IconChevronDown,
  IconChevronRight,
  IconLinkOff,
  IconZoomExclamation,
} from "@tabler/icons-react";
import {
  type KeyboardEvent,
  memo,
  type PointerEvent,
  type ReactNode,
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import { nextHit } from "../../core/traces/find.ts";
import {
  CYCLE,
  ERROR,
  hasChildren,
  KINDS,
  nameOf,
  ORPHAN,
  SKEWED,
  STATUSES,
  serviceOf,
  type Trace,
} from "../../core/traces/model.ts";
import { type Folds, groupFacts, type Rows, rowOf } from "../../core/traces/rows.ts";
import { clampZoom, formatNs, type TraceView, WHOLE, zoomAt } from "../../core/traces/view.ts";
import { x } from "../../core/tracesText.ts";
import { useAction } from "../../hooks/useActions.tsx";
import { drawRows, pathPieces, ROW, tickLabels } from "./draw.ts";
import { prepare, readPaint, serviceTokens } from "./paint.ts";
import styles from "./Trace.module.css";
import { useWindow } from "./useWindow.ts";

const INDENT = 12;
/** Deeper rows are not moved further to the right. */
const DEEPEST = 24;
const DRAG = 4;

interface Props {
  trace: Trace;
  rows: Rows;
  view: TraceView;
  folds: Folds;
  selected: number;
  hits: Int32Array;
  onFolds(folds: Folds): void;
  onSelect(span: number): void;
  onZoom(zoom: [number, number]): void;
}

export function Waterfall({ trace, rows, view, folds, selected, hits, onFolds, onSelect, onZoom }: Props): ReactNode {
  const canvas = useRef<HTMLCanvasElement>(null);
  const top = useRef(0);
  const scheme = useComputedColorScheme("light");
  const [share, setShare] = useState(0.4);
  const [focused, setFocused] = useState(0);
  const [brush, setBrush] = useState<{ from: number; to: number } | null>(null);
  const count = rows.span.length;
  const drawn = useRef<() => void>(() => undefined);
  const { box, width, height, first, last, scrollTo } = useWindow(count, ROW, (scrolled) => {
    top.current = scrolled;
    drawn.current();
  });
  const names = Math.round(Math.max(160, Math.min(width - 160, width * share)));
  const line = Math.max(0, width - names);
  const window = useMemo(
    () => ({ from: view.zoom[0] * trace.duration, to: Math.max(1, view.zoom[1] * trace.duration) }),
    [view.zoom, trace.duration],
  );
  const path = useMemo(() => (view.path ? pathPieces(trace) : null), [trace, view.path]);
  const hitSet = useMemo(() => new Set(hits), [hits]);
  const tokens = useMemo(() => serviceTokens(trace.services), [trace.services]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the theme changes the colours that are read
  const paint = useMemo(
    () => (canvas.current ? readPaint(canvas.current, trace.services) : null),
    [trace.services, scheme, line > 0],
  );
  useLayoutEffect(() => {
    drawn.current = () => {
      const element = canvas.current;
      if (!element || !paint || line === 0 || height === 0) return;
      const context = prepare(element, line, height);
      if (context)
        drawRows(context, { trace, rows, window, paint, path, hits: hitSet, top: top.current, width: line, height });
    };
    drawn.current();
  }, [trace, rows, window, paint, path, hitSet, line, height]);

  const at = Math.min(focused, Math.max(0, count - 1));
  const move = useCallback(
    (row: number) => {
      const next = Math.max(0, Math.min(count - 1, row));
      setFocused(next);
      scrollTo(next);
    },
    [count, scrollTo],
  );
  // A span that was chosen elsewhere comes into view.
  const wanted = useRef(-1);
  useEffect(() => {
    if (selected < 0 || selected === wanted.current) return;
    const row = rowOf(trace, rows, selected);
    if (row < 0) return;
    wanted.current = selected;
    setFocused(row);
    scrollTo(row);
  }, [selected, rows, trace, scrollTo]);

  const spanAt = (row: number): number => rows.span[row] ?? -1;
  const isGroup = (row: number): boolean => (rows.size[row] ?? 0) > 0;
  const expanded = (row: number): boolean | undefined => {
    const span = spanAt(row);
    if (isGroup(row)) return folds.opened.includes(span);
    return hasChildren(trace, span) ? !folds.spans.includes(span) : undefined;
  };
  const toggle = (row: number): void => {
    const span = spanAt(row);
    if (isGroup(row))
      onFolds({
        ...folds,
        opened: folds.opened.includes(span) ? folds.opened.filter((one) => one !== span) : [...folds.opened, span],
      });
    else if (hasChildren(trace, span))
      onFolds({
        ...folds,
        spans: folds.spans.includes(span) ? folds.spans.filter((one) => one !== span) : [...folds.spans, span],
      });
  };
  const choose = (row: number): void => {
    setFocused(row);
    const span = isGroup(row) ? groupFacts(trace, spanAt(row)).longest : spanAt(row);
    wanted.current = span;
    onSelect(span);
  };
  const above = (row: number): number => {
    const depth = rows.depth[row] ?? 0;
    let up = row - 1;
    while (up >= 0 && (rows.depth[up] ?? 0) >= depth) up -= 1;
    return Math.max(0, up);
  };
  const nextError = (direction: 1 | -1): void => {
    const failed: number[] = [];
    rows.span.forEach((span, row) => {
      if (trace.status[span] === ERROR || (isGroup(row) && groupFacts(trace, span).errors > 0)) failed.push(row);
    });
    const row = nextHit(Int32Array.from(failed), at, direction);
    if (row >= 0) move(row);
  };
  const page = Math.max(1, Math.floor(height / ROW) - 1);
  const onKey = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== event.currentTarget) return;
    const open = expanded(at);
    const keys = new Map<string, () => void>([
      ["ArrowDown", () => move(at + 1)],
      ["ArrowUp", () => move(at - 1)],
      ["PageDown", () => move(at + page)],
      ["PageUp", () => move(at - page)],
      ["Home", () => move(0)],
      ["End", () => move(count - 1)],
      ["ArrowLeft", () => (open ? toggle(at) : move(above(at)))],
      ["ArrowRight", () => (open === false ? toggle(at) : open ? move(at + 1) : undefined)],
      ["Enter", () => choose(at)],
      [" ", () => toggle(at)],
      ["e", () => nextError(1)],
      ["E", () => nextError(-1)],
      ["+", () => onZoom(zoomAt(view.zoom, 0.5, 0.5))],
      ["=", () => onZoom(zoomAt(view.zoom, 0.5, 0.5))],
      ["-", () => onZoom(zoomAt(view.zoom, 0.5, 2))],
      ["0", () => onZoom(WHOLE)],
    ]);
    const act = keys.get(event.key);
    if (!act) return;
    event.preventDefault();
    act();
  };
  useAction("rowDown", () => move(at + 1) as undefined);
  useAction("rowUp", () => move(at - 1) as undefined);
  useAction("rowPanel", () => choose(at) as undefined);

  const placeOf = (event: { clientX: number }): number => {
    const left = (box.current?.getBoundingClientRect().left ?? 0) + names;
    return Math.min(1, Math.max(0, (event.clientX - left) / Math.max(1, line)));
  };
  const pressed = useRef<{ place: number; x: number } | null>(null);
  const onDown = (event: PointerEvent): void => {
    const inside = event.clientX - (box.current?.getBoundingClientRect().left ?? 0);
    if (event.button !== 0 || inside < names || inside > names + line) return;
    pressed.current = { place: placeOf(event), x: event.clientX };
  };
  const onMove = (event: PointerEvent): void => {
    const start = pressed.current;
    if (!start || (!brush && Math.abs(event.clientX - start.x) < DRAG)) return;
    if (!brush) event.currentTarget.setPointerCapture(event.pointerId);
    setBrush({ from: start.place, to: placeOf(event) });
  };
  const onUp = (): void => {
    pressed.current = null;
    if (!brush) return;
    const [left, right] = [Math.min(brush.from, brush.to), Math.max(brush.from, brush.to)];
    const [from, to] = view.zoom;
    setBrush(null);
    if (right - left > 0.002) onZoom(clampZoom(from + (to - from) * left, from + (to - from) * right));
  };
  const latestZoom = useRef({ view, onZoom, placeOf });
  useLayoutEffect(() => {
    latestZoom.current = { view, onZoom, placeOf };
  });
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    // React listens passively, and the page must not be zoomed.
    const onWheel = (event: WheelEvent): void => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const { view: now, onZoom: zoom, placeOf: place } = latestZoom.current;
      zoom(zoomAt(now.zoom, place(event), event.deltaY > 0 ? 1.25 : 0.8));
    };
    element.addEventListener("wheel", onWheel, { passive: false });
    return () => element.removeEventListener("wheel", onWheel);
  }, [box]);

  const visible = Array.from({ length: Math.max(0, Math.min(last, count) - first) }, (_, index) => first + index);
  return (
    <div className={styles.waterfall}>
      <div className={styles.axis} aria-hidden>
        <div className={styles.axisNames} style={{ width: names }}>
          {x.rows(count)}
        </div>
        <Grip share={share} width={width} onShare={setShare} />
        <div className={styles.axisLine}>
          {line > 0 &&
            tickLabels(window, line).map(({ at: tick, label }) => (
              <span key={label} style={{ left: tick }}>
                {label}
              </span>
            ))}
        </div>
      </div>
      <div
        ref={box}
        className={styles.scroll}
        role="treegrid"
        tabIndex={0}
        aria-label={x.timeline}
        aria-description={x.timelineKeys}
        aria-rowcount={count}
        aria-colcount={3}
        aria-activedescendant={count > 0 && at >= first && at < last ? `span-row-${at}` : undefined}
        data-testid="waterfall"
        data-rows={count}
        onKeyDown={onKey}
        onPointerDown={onDown}
        onPointerMove={onMove}
        onPointerUp={onUp}
        onPointerCancel={() => {
          pressed.current = null;
          setBrush(null);
        }}
        onClick={(event) => {
          const target = event.target as HTMLElement;
          const row = Number(target.closest<HTMLElement>("[data-row]")?.dataset.row ?? -1);
          if (row < 0) return;
          if (target.closest("button")) toggle(row);
          else choose(row);
        }}
        onDoubleClick={(event) => {
          if (event.clientX - (box.current?.getBoundingClientRect().left ?? 0) > names) onZoom(WHOLE);
        }}
      >
        <div className={styles.canvasBox} style={{ left: names, width: line }} role="presentation">
          <canvas ref={canvas} className={styles.canvas} style={{ width: line, height }} aria-hidden />
        </div>
        <div className={styles.rows} style={{ height: count * ROW }} role="presentation">
          {visible.map((row) => (
            <SpanRow
              key={row}
              trace={trace}
              rows={rows}
              row={row}
              names={names}
              token={tokens[trace.service[spanAt(row)] ?? 0] ?? "--series-rest"}
              expanded={expanded(row)}
              focused={row === at}
              selected={selected >= 0 && !isGroup(row) && spanAt(row) === selected}
            />
          ))}
        </div>
        {brush && (
          <div
            className={styles.brush}
            style={{
              left: names + Math.min(brush.from, brush.to) * line,
              width: Math.abs(brush.to - brush.from) * line,
              height: count * ROW,
            }}
          />
        )}
      </div>
    </div>
  );
}

function Grip({ share, width, onShare }: { share: number; width: number; onShare(share: number): void }): ReactNode {
  const start = useRef<{ x: number; share: number } | null>(null);
  return (
    <div
      className={styles.grip}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        start.current = { x: event.clientX, share };
      }}
      onPointerMove={(event) => {
        if (start.current && width > 0)
          onShare(Math.min(0.8, Math.max(0.15, start.current.share + (event.clientX - start.current.x) / width)));
      }}
      onPointerUp={() => {
        start.current = null;
      }}
    />
  );
}

interface RowProps {
  trace: Trace;
  rows: Rows;
  row: number;
  names: number;
  token: string;
  expanded: boolean | undefined;
  focused: boolean;
  selected: boolean;
}

/** Clicks are heard by the grid: rows that stay in view are not rendered again while it scrolls. */
const SpanRow = memo(function SpanRow(props: RowProps): ReactNode {
  const { trace, rows, row, names, token, expanded, focused, selected } = props;
  const span = rows.span[row] ?? 0;
  const size = rows.size[row] ?? 0;
  const folded = rows.folded[row] ?? 0;
  const depth = rows.depth[row] ?? 0;
  const flags = size > 0 ? 0 : (trace.flags[span] ?? 0);
  const facts = size > 0 ? groupFacts(trace, span) : null;
  const [service, name] = [serviceOf(trace, span), nameOf(trace, span)];
  const failed = facts ? facts.errors > 0 : trace.status[span] === ERROR;
  const below = !failed && expanded === false && (trace.failed[span] ?? 0) > 0;
  const Chevron = expanded ? IconChevronDown : IconChevronRight;
  return (
    <div
      id={`span-row-${row}`}
      data-row={row}
      className={styles.row}
      style={{ top: row * ROW }}
      role="row"
      tabIndex={-1}
      aria-rowindex={row + 1}
      aria-level={depth + 1}
      aria-expanded={expanded}
      aria-selected={selected}
      data-focused={focused || undefined}
      data-selected={selected || undefined}
      data-testid="span-row"
    >
      <div
        className={styles.name}
        role="gridcell"
        style={{ width: names, paddingLeft: 6 + Math.min(depth, DEEPEST) * INDENT }}
        title={`${service} · ${name}`}
      >
        {expanded === undefined ? (
          <span className={styles.leaf} />
        ) : (
          <button
            type="button"
            className={styles.toggle}
            tabIndex={-1}
            aria-label={expanded ? x.fold(name) : x.unfold(name)}
          >
            <Chevron size={14} />
          </button>
        )}
        <span className={styles.swatch} style={{ background: `var(${token})` }} aria-hidden />
        {failed && <IconAlertTriangleFilled className={styles.failed} size={13} aria-label={STATUSES[ERROR]} />}
        {below && <IconAlertTriangleFilled className={styles.failedBelow} size={11} aria-hidden />}
        {(flags & ORPHAN) !== 0 && <IconLinkOff className={styles.odd} size={13} aria-label={x.orphan} />}
        {(flags & (SKEWED | CYCLE)) !== 0 && (
          <IconZoomExclamation className={styles.odd} size={13} aria-label={flags & CYCLE ? x.cycle : x.skew} />
        )}
        <span className={styles.service}>{service}</span>
        <span className={styles.operation}>{name}</span>
        {size > 0 && <b className={styles.size}>{x.times(size)}</b>}
        {size === 0 && folded > 0 && <span className={styles.size}>{x.folded(folded)}</span>}
      </div>
      <span className="visually-hidden" role="gridcell">
        {x.start} {formatNs(facts ? facts.from : (trace.starts[span] ?? 0))}
      </span>
      <span className="visually-hidden" role="gridcell">
        {x.duration} {formatNs(facts ? facts.total : (trace.durations[span] ?? 0))}
        {size === 0 && `, ${KINDS[trace.kind[span] ?? 0]}`}
      </span>
    </div>
  );
});
