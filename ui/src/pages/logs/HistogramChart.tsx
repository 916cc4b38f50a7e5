/** Records over time as stacked bars. Drag, or arrow keys and Enter, zoom; a double click zooms out. */
import { IconArrowsDiff, IconTable } from "@tabler/icons-react";
import { type KeyboardEvent, type PointerEvent, type ReactNode, useId, useMemo, useRef, useState } from "react";
import { IconButton } from "../../components/common/IconButton.tsx";
import { formatShort } from "../../core/format.ts";
import {
  bucketAt,
  bucketSpan,
  type Histogram,
  instantAt,
  stackBars,
  summarize,
  xOf,
} from "../../core/logs/histogram.ts";
import { seriesColors } from "../../core/logs/severity.ts";
import { t } from "../../core/text.ts";
import { timeTicks } from "../../core/time/format.ts";
import type { Span } from "../../core/time/range.ts";
import { useSize } from "../../hooks/useSize.ts";
import styles from "./HistogramChart.module.css";
import { HistogramSaid, HistogramTable, HistogramTip, Legend, PickedRange } from "./HistogramParts.tsx";

interface Props {
  histogram: Histogram | undefined;
  span: Span;
  zone: string;
  stale: boolean;
  /** More controls for the head. */
  children?: ReactNode;
  /** The part of the range that is being compared. */
  chosen?: Span | null;
  onZoom(span: Span): void;
  onZoomOut(): void;
  /** Offers to compare a part of the range; without it every drag zooms. */
  onCompare?(span: Span, against: "rest" | "before"): void;
}

const LEFT = 44;
const HEIGHT = 84;

interface Brush {
  start: number;
  end: number;
}

export function HistogramChart(props: Props): ReactNode {
  const { histogram, span, zone, stale, children, chosen, onZoom, onZoomOut, onCompare } = props;
  const [picked, setPicked] = useState<Span | null>(null);
  const [choosing, setChoosing] = useState(false);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [table, setTable] = useState(false);
  const colors = useMemo(() => seriesColors(histogram?.series.map((series) => series.key) ?? []), [histogram]);
  const toggle = (key: string): void => {
    const next = new Set(hidden);
    if (!next.delete(key)) next.add(key);
    setHidden(next);
  };
  return (
    <figure className={styles.chart} aria-label={t.logs.histogram}>
      <div className={styles.head}>
        {picked && onCompare ? (
          <PickedRange
            span={picked}
            zone={zone}
            onZoom={() => {
              setPicked(null);
              onZoom(picked);
            }}
            onCompare={(against) => {
              setPicked(null);
              onCompare(picked, against);
            }}
            onClose={() => setPicked(null)}
          />
        ) : (
          <Legend series={histogram?.series ?? []} colors={colors} hidden={hidden} onToggle={toggle} />
        )}
        {children}
        {onCompare && (
          <IconButton
            label={t.compare.choose}
            hotkey="Shift+drag"
            size={24}
            aria-pressed={choosing}
            variant={choosing ? "light" : "subtle"}
            color={choosing ? "nexus" : "gray"}
            onClick={() => setChoosing(!choosing)}
          >
            <IconArrowsDiff size={16} stroke={1.6} />
          </IconButton>
        )}
        <IconButton label={t.logs.asTable} size={24} aria-pressed={table} onClick={() => setTable(!table)}>
          <IconTable size={16} stroke={1.6} />
        </IconButton>
      </div>
      <Plot
        {...{ histogram, span, zone, stale, hidden, colors, onZoom, onZoomOut, choosing }}
        chosen={picked ?? chosen}
        onPick={
          onCompare
            ? (found) => {
                setPicked(found);
                setChoosing(false);
              }
            : undefined
        }
      />
      {table && histogram && <HistogramTable histogram={histogram} zone={zone} />}
    </figure>
  );
}

interface PlotProps extends Omit<Props, "children" | "onCompare"> {
  choosing: boolean;
  onPick: ((span: Span) => void) | undefined;
  hidden: ReadonlySet<string>;
  colors: Map<string, string>;
}

function Plot(props: PlotProps): ReactNode {
  const { histogram, span, zone, stale, hidden, colors, chosen, choosing, onZoom, onZoomOut, onPick } = props;
  const [box, { width }] = useSize<HTMLDivElement>();
  const inner = Math.max(0, width - LEFT);
  const [brush, setBrush] = useState<Brush | null>(null);
  const [hover, setHover] = useState<number | null>(null);
  const [cursor, setCursor] = useState<Brush | null>(null);
  const pressed = useRef(false);
  const help = useId();
  const bars = useMemo(
    () => (histogram && inner > 0 ? stackBars(histogram, hidden, span, inner, HEIGHT) : null),
    [histogram, hidden, span, inner],
  );
  const ticks = useMemo(
    () => (inner > 0 ? timeTicks(span, Math.max(2, Math.floor(inner / 110)), zone) : []),
    [span, inner, zone],
  );

  const xIn = (event: PointerEvent): number => {
    const left = box.current?.getBoundingClientRect().left ?? 0;
    return Math.min(inner, Math.max(0, event.clientX - left - LEFT));
  };
  const onDown = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    pressed.current = true;
    const x = xIn(event);
    setBrush({ start: x, end: x });
    setCursor(null);
  };
  const onMove = (event: PointerEvent): void => {
    const x = xIn(event);
    setHover(x);
    if (pressed.current) setBrush((current) => current && { ...current, end: x });
  };
  const onUp = (event: PointerEvent): void => {
    if (!pressed.current) return;
    pressed.current = false;
    const x = xIn(event);
    if (brush && Math.abs(x - brush.start) > 4) {
      const found = {
        from: instantAt(Math.min(brush.start, x), span, inner),
        to: instantAt(Math.max(brush.start, x), span, inner),
      };
      if (onPick && (choosing || event.shiftKey)) onPick(found);
      else onZoom(found);
      setHover(null);
    }
    setBrush(null);
  };
  const onKey = (event: KeyboardEvent): void => {
    if (!histogram || histogram.buckets === 0) return;
    const last = histogram.buckets - 1;
    const at = cursor?.end ?? (event.key === "ArrowLeft" ? last + 1 : -1);
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      const next = Math.min(last, Math.max(0, at + (event.key === "ArrowLeft" ? -1 : 1)));
      setCursor({ start: event.shiftKey && cursor ? cursor.start : next, end: next });
    } else if (event.key === "Enter" && cursor) {
      const first = bucketSpan(histogram, Math.min(cursor.start, cursor.end));
      onZoom({ from: first.from, to: bucketSpan(histogram, Math.max(cursor.start, cursor.end)).to });
      setCursor(null);
    } else if (event.key === "c" && cursor && onPick) {
      const first = bucketSpan(histogram, Math.min(cursor.start, cursor.end));
      onPick({ from: first.from, to: bucketSpan(histogram, Math.max(cursor.start, cursor.end)).to });
      setCursor(null);
    } else if (event.key === "-") onZoomOut();
    else if (event.key === "Escape" && cursor) setCursor(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  const shownBucket =
    histogram &&
    (cursor ? cursor.end : hover !== null && !brush ? bucketAt(histogram, instantAt(hover, span, inner)) : null);
  const marked =
    histogram && shownBucket !== null && shownBucket !== undefined
      ? cursor
        ? {
            from: bucketSpan(histogram, Math.min(cursor.start, cursor.end)).from,
            to: bucketSpan(histogram, Math.max(cursor.start, cursor.end)).to,
          }
        : bucketSpan(histogram, shownBucket)
      : null;
  const left = marked ? Math.max(0, xOf(marked.from, span, inner)) : 0;
  const right = marked ? Math.min(inner, xOf(marked.to, span, inner)) : 0;

  return (
    <div
      ref={box}
      className={styles.plot}
      data-stale={stale || undefined}
      data-testid="histogram"
      role="application"
      aria-label={t.logs.histogram}
      aria-describedby={help}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: the chart is operated with the arrow keys
      tabIndex={0}
      onPointerDown={onDown}
      onPointerMove={onMove}
      onPointerUp={onUp}
      onPointerCancel={() => {
        pressed.current = false;
        setBrush(null);
      }}
      onPointerLeave={() => setHover(null)}
      onDoubleClick={onZoomOut}
      onKeyDown={onKey}
      onBlur={() => setCursor(null)}
    >
      <p id={help} className="visually-hidden">
        {t.logs.histogramKeys} {histogram ? summarize(histogram) : ""}
      </p>
      {width > 0 && (
        <svg width={width} height={HEIGHT + 20} aria-hidden="true">
          {[0, 0.5, 1].map((share) => (
            <line
              key={share}
              className={styles.grid}
              x1={LEFT}
              x2={width}
              y1={HEIGHT * share + 0.5}
              y2={HEIGHT * share + 0.5}
            />
          ))}
          {bars && bars.max > 0 && (
            <>
              <text className={styles.axis} x={LEFT - 6} y={9} textAnchor="end">
                {formatShort(bars.max)}
              </text>
              {bars.max > 1 && (
                <text className={styles.axis} x={LEFT - 6} y={HEIGHT / 2 + 4} textAnchor="end">
                  {formatShort(bars.max / 2)}
                </text>
              )}
            </>
          )}
          <text className={styles.axis} x={LEFT - 6} y={HEIGHT} textAnchor="end">
            0
          </text>
          <g transform={`translate(${LEFT} 0)`}>
            {bars?.paths.map((path) => (
              <path key={path.key} d={path.d} fill={colors.get(path.key)} />
            ))}
            {ticks.map((tick) => {
              const x = xOf(tick.at, span, inner);
              return (
                <text
                  key={String(tick.at)}
                  className={styles.axis}
                  x={Math.min(inner - 14, Math.max(14, x))}
                  y={HEIGHT + 15}
                  textAnchor="middle"
                >
                  {tick.label}
                </text>
              );
            })}
          </g>
        </svg>
      )}
      {chosen && !brush && width > 0 && (
        <div
          className={styles.chosen}
          data-testid="chosen-range"
          style={{
            left: LEFT + Math.max(0, xOf(chosen.from, span, inner)),
            width: Math.max(
              2,
              Math.min(inner, xOf(chosen.to, span, inner)) - Math.max(0, xOf(chosen.from, span, inner)),
            ),
          }}
        />
      )}
      {marked && !brush && (
        <div className={styles.cursor} style={{ left: LEFT + left, width: Math.max(1, right - left) }} />
      )}
      {brush && (
        <div
          className={styles.brush}
          style={{ left: LEFT + Math.min(brush.start, brush.end), width: Math.abs(brush.end - brush.start) }}
        />
      )}
      {histogram && shownBucket !== null && shownBucket !== undefined && marked && !brush && (
        <HistogramTip
          histogram={histogram}
          bucket={shownBucket}
          hidden={hidden}
          colors={colors}
          zone={zone}
          left={LEFT + left}
          width={width}
        />
      )}
      <div className="visually-hidden" aria-live="polite">
        {cursor && histogram ? <HistogramSaid histogram={histogram} bucket={cursor.end} zone={zone} /> : null}
      </div>
    </div>
  );
}
