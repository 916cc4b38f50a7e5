/** Spans by time and duration on a canvas. A box of it is zoomed to or compared with the rest, by pointer or keyboard. */
import { Button, SegmentedControl, useComputedColorScheme } from "@mantine/core";
import { IconTable } from "@tabler/icons-react";
import { type KeyboardEvent, type PointerEvent, type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import { IconButton } from "../../components/common/IconButton.tsx";
import { ErrorState } from "../../components/common/State.tsx";
import { prepare } from "../../components/trace/paint.ts";
import { isQueryMistake } from "../../core/api/errors.ts";
import { formatCount } from "../../core/format.ts";
import { shadeColor, shadeOf } from "../../core/metrics/heat.ts";
import { formatClock, timeTicks } from "../../core/time/format.ts";
import type { Span } from "../../core/time/range.ts";
import type { Zone } from "../../core/time/zone.ts";
import { type Box, boxOf, type Chosen, chosenBy, type DurationHeat } from "../../core/traces/heatmap.ts";
import { formatNs } from "../../core/traces/view.ts";
import { x } from "../../core/tracesText.ts";
import { useSize } from "../../hooks/useSize.ts";
import styles from "./DurationHeatmap.module.css";

const HEIGHT = 150;
const SCALE = 64;
/** Pixels: a time nearer to an edge would be cut off. */
const HALF_LABEL = 28;
const BOTTOM = 18;
const SHADES = 64;

interface Props {
  heat: DurationHeat | null;
  span: Span;
  zone: Zone;
  shown: "all" | "errors";
  stale: boolean;
  error: Error | null;
  onRetry(): void;
  onShown(shown: "all" | "errors"): void;
  onZoom(chosen: Chosen): void;
  onCompare(chosen: Chosen): void;
  onZoomOut(): void;
  /** Columns that there is room for. */
  onColumns(columns: number): void;
}

function shades(host: HTMLElement): string[] {
  const style = getComputedStyle(host);
  const canvas = document.createElement("canvas");
  canvas.width = SHADES;
  canvas.height = 1;
  const context = canvas.getContext("2d");
  if (!context) return [];
  for (let at = 0; at < SHADES; at += 1) {
    context.fillStyle = shadeColor(at / (SHADES - 1)).replace(/var\((--[\w-]+)\)/g, (_, name: string) =>
      style.getPropertyValue(name).trim(),
    );
    context.fillRect(at, 0, 1, 1);
  }
  const { data } = context.getImageData(0, 0, SHADES, 1);
  return Array.from({ length: SHADES }, (_, at) => `rgb(${data[at * 4]} ${data[at * 4 + 1]} ${data[at * 4 + 2]})`);
}

export function DurationHeatmap(props: Props): ReactNode {
  const { heat, span, zone, shown, stale, error, onRetry, onShown, onZoom, onCompare, onZoomOut, onColumns } = props;
  const [box, { width }] = useSize<HTMLDivElement>();
  const canvas = useRef<HTMLCanvasElement>(null);
  const scheme = useComputedColorScheme("light");
  const [start, setStart] = useState<{ column: number; row: number } | null>(null);
  const [chosen, setChosen] = useState<Box | null>(null);
  const [cursor, setCursor] = useState<{ column: number; row: number } | null>(null);
  const [table, setTable] = useState(false);
  const plot = Math.max(0, width - SCALE);
  const inner = HEIGHT - BOTTOM;
  useEffect(() => {
    if (plot > 0) onColumns(Math.max(20, Math.min(240, Math.floor(plot / 8))));
  }, [plot, onColumns]);
  // A box of an older picture means nothing on a new one.
  // biome-ignore lint/correctness/useExhaustiveDependencies: whatever the new picture is
  useEffect(() => {
    setChosen(null);
    setStart(null);
    setCursor(null);
  }, [heat]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the theme changes the colours that are read
  useEffect(() => {
    const element = canvas.current;
    if (!element || plot === 0) return;
    const context = prepare(element, plot, inner);
    if (!context) return;
    context.clearRect(0, 0, plot, inner);
    if (!heat || heat.rows === 0) return;
    const scale = shades(element);
    const danger = getComputedStyle(element).getPropertyValue("--danger").trim();
    const values = shown === "errors" ? heat.errors : heat.counts;
    const most = shown === "errors" ? heat.mostErrors : heat.most;
    const [w, h] = [plot / heat.columns, inner / heat.rows];
    for (let column = 0; column < heat.columns; column += 1)
      for (let row = 0; row < heat.rows; row += 1) {
        const count = values[column * heat.rows + row] ?? 0;
        if (count <= 0) continue;
        const [left, top] = [Math.floor(column * w), Math.floor((heat.rows - 1 - row) * h)];
        const [right, bottom] = [Math.floor((column + 1) * w), Math.floor((heat.rows - row) * h)];
        const shade = shadeOf(count, most);
        context.fillStyle = shown === "errors" ? danger : (scale[Math.round(shade * (SHADES - 1))] ?? "#888888");
        context.globalAlpha = shown === "errors" ? 0.25 + 0.75 * shade : 1;
        context.fillRect(
          left,
          top,
          Math.max(1, right - left - (w > 4 ? 1 : 0)),
          Math.max(1, bottom - top - (h > 4 ? 1 : 0)),
        );
      }
    context.globalAlpha = 1;
  }, [heat, shown, plot, inner, scheme]);

  const cellAt = (event: PointerEvent): { column: number; row: number } => {
    const rect = event.currentTarget.getBoundingClientRect();
    const [columns, rows] = [heat?.columns ?? 1, heat?.rows ?? 1];
    const clamp = (value: number, most: number): number => Math.min(most - 1, Math.max(0, Math.floor(value)));
    return {
      column: clamp(((event.clientX - rect.left) / Math.max(1, rect.width)) * columns, columns),
      row: rows - 1 - clamp(((event.clientY - rect.top) / Math.max(1, rect.height)) * rows, rows),
    };
  };
  const facts = heat && chosen ? chosenBy(heat, chosen) : null;
  const cancel = (): void => {
    setChosen(null);
    setStart(null);
  };
  const onKey = (event: KeyboardEvent): void => {
    if (!heat || heat.rows === 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const now = cursor ?? { column: heat.columns - 1, row: Math.floor(heat.rows / 2) };
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (by) {
      event.preventDefault();
      const next = {
        column: Math.min(heat.columns - 1, Math.max(0, now.column + (by[0] ?? 0))),
        row: Math.min(heat.rows - 1, Math.max(0, now.row + (by[1] ?? 0))),
      };
      setCursor(next);
      if (event.shiftKey) {
        const anchor = start ?? now;
        setStart(anchor);
        setChosen(boxOf(anchor, next));
      } else cancel();
      return;
    }
    const picked = facts ?? chosenBy(heat, boxOf(now, now));
    const keys = new Map<string, (() => void) | undefined>([
      ["Enter", () => onZoom(picked)],
      ["c", () => onCompare(picked)],
      ["-", onZoomOut],
      ["Escape", chosen ? cancel : undefined],
    ]);
    const act = keys.get(event.key);
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  };
  const ticks = useMemo(
    () => (plot > 0 ? timeTicks(span, Math.max(2, Math.floor(plot / 110)), zone) : []),
    [span, plot, zone],
  );
  const marks = useMemo(() => {
    if (!heat || heat.rows === 0) return [];
    const every = Math.max(1, Math.ceil(heat.rows / 6));
    return heat.low.flatMap((low, row) => (row % every === 0 ? [{ row, label: formatNs(low) }] : []));
  }, [heat]);
  const share = (at: bigint): number => Number(at - span.from) / Number(span.to - span.from);
  const tip = heat && cursor && !chosen ? chosenBy(heat, boxOf(cursor, cursor)) : null;
  const empty = heat && heat.total === 0;
  return (
    <section
      className={styles.heatmap}
      aria-label={x.heatmap}
      data-stale={stale || undefined}
      data-testid="duration-heatmap"
    >
      <div className={styles.head}>
        <SegmentedControl
          size="xs"
          aria-label={x.heatmap}
          value={shown}
          onChange={(value) => onShown(value as "all" | "errors")}
          data={[
            { value: "all", label: x.allShown },
            { value: "errors", label: `${x.errorsShown}${heat ? ` (${formatCount(heat.failed)})` : ""}` },
          ]}
        />
        {heat && !empty && !facts && (
          <span className={styles.muted}>
            {x.heatmapCell(heat.total, heat.failed)}
            {heat.incomplete !== "" && ` · ${heat.incomplete}`}
          </span>
        )}
        <span className={styles.space} />
        {facts ? (
          <span className={styles.chosen} role="status" data-testid="heatmap-box">
            {x.box(
              `${formatClock(facts.span.from, zone, 0)} – ${formatClock(facts.span.to, zone, 0)}`,
              facts.min || "0",
              facts.max || "∞",
            )}{" "}
            · {x.heatmapCell(facts.spans, facts.errors)}
            <Button size="compact-xs" onClick={() => onZoom(facts)}>
              {x.boxZoom}
            </Button>
            <Button size="compact-xs" variant="default" onClick={() => onCompare(facts)}>
              {x.boxCompare}
            </Button>
            <Button size="compact-xs" variant="subtle" onClick={cancel}>
              {x.boxCancel}
            </Button>
          </span>
        ) : (
          tip && (
            <span className={styles.muted} aria-live="polite">
              {formatClock(tip.span.from, zone, 0)} · {formatNs(heat?.low[cursor?.row ?? 0] ?? 0)} –{" "}
              {formatNs(heat?.high[cursor?.row ?? 0] ?? 0)} · {x.heatmapCell(tip.spans, tip.errors)}
            </span>
          )
        )}
        <IconButton label={x.heatmapTable} size={24} aria-pressed={table} onClick={() => setTable(!table)}>
          <IconTable size={15} />
        </IconButton>
      </div>
      {error && !isQueryMistake(error) && <ErrorState error={error} onRetry={onRetry} />}
      <div ref={box} className={styles.frame} style={{ height: HEIGHT }} hidden={error !== null}>
        <div className={styles.scale} style={{ width: SCALE, height: inner }} aria-hidden>
          {heat &&
            marks.map(({ row, label }) => (
              <span key={row} style={{ bottom: (row / heat.rows) * inner }}>
                {label}
              </span>
            ))}
        </div>
        <div
          className={styles.plot}
          role="application"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: its cells are reached with the arrow keys
          tabIndex={0}
          aria-label={`${x.heatmap}. ${x.heatmapKeys}`}
          style={{ left: SCALE, height: inner }}
          data-testid="heatmap-plot"
          data-cells={heat ? heat.columns * heat.rows : undefined}
          onKeyDown={onKey}
          onPointerDown={(event) => {
            if (event.button !== 0 || !heat || heat.rows === 0) return;
            event.currentTarget.setPointerCapture(event.pointerId);
            setStart(cellAt(event));
            setChosen(null);
          }}
          onPointerMove={(event) => {
            if (!heat || heat.rows === 0) return;
            const cell = cellAt(event);
            if (cell.column !== cursor?.column || cell.row !== cursor.row) setCursor(cell);
            if (start && event.buttons === 1) setChosen(boxOf(start, cell));
          }}
          onPointerUp={() => setStart(null)}
          onPointerLeave={() => setCursor(null)}
          onDoubleClick={onZoomOut}
        >
          <canvas ref={canvas} className={styles.canvas} style={{ width: plot, height: inner }} aria-hidden />
          {heat && cursor && !chosen && heat.rows > 0 && (
            <Frame heat={heat} box={boxOf(cursor, cursor)} kind="cursor" />
          )}
          {heat && chosen && <Frame heat={heat} box={chosen} kind="box" />}
          {empty && <p className={styles.empty}>{x.heatmapNone}</p>}
        </div>
        <div className={styles.times} style={{ left: SCALE }} aria-hidden>
          {ticks
            .filter(({ at }) => Math.min(share(at), 1 - share(at)) * plot >= HALF_LABEL)
            .map(({ at, label }) => (
              <span key={label} style={{ left: `${share(at) * 100}%` }}>
                {label}
              </span>
            ))}
        </div>
      </div>
      {table && heat && <DurationTable heat={heat} />}
    </section>
  );
}

function Frame({ heat, box, kind }: { heat: DurationHeat; box: Box; kind: "cursor" | "box" }): ReactNode {
  return (
    <span
      className={styles.box}
      data-kind={kind}
      style={{
        left: `${(box.fromColumn / heat.columns) * 100}%`,
        width: `${((box.toColumn - box.fromColumn + 1) / heat.columns) * 100}%`,
        bottom: `${(box.fromRow / heat.rows) * 100}%`,
        height: `${((box.toRow - box.fromRow + 1) / heat.rows) * 100}%`,
      }}
    />
  );
}

/** The rows added up over the range: for those who do not see the picture, and for those who want numbers. */
function DurationTable({ heat }: { heat: DurationHeat }): ReactNode {
  const rows = heat.low
    .map((low, row) => {
      let [spans, errors] = [0, 0];
      for (let column = 0; column < heat.columns; column += 1) {
        spans += heat.counts[column * heat.rows + row] ?? 0;
        errors += heat.errors[column * heat.rows + row] ?? 0;
      }
      return { low, high: heat.high[row] ?? 0, spans, errors };
    })
    .reverse();
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: scrollable with the keyboard
    <div className={styles.table} tabIndex={0} role="region" aria-label={x.heatmapTable}>
      <table>
        <thead>
          <tr>
            <th scope="col">{x.duration}</th>
            <th scope="col">{x.view.spans}</th>
            <th scope="col">{x.errorRate}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.low}>
              <th scope="row">
                {formatNs(row.low)} – {formatNs(row.high)}
              </th>
              <td>{formatCount(row.spans)}</td>
              <td>{formatCount(row.errors)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
