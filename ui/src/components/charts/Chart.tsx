/** A chart of values over time, loaded when the first one is shown. */
import { lazy, type ReactNode, Suspense } from "react";
import type { Heat } from "../../core/metrics/heat.ts";
import type { Look } from "../../core/metrics/look.ts";
import type { ChartStyle } from "../../core/metrics/queries.ts";
import type { ChartSeries, Frame } from "../../core/metrics/series.ts";
import type { Unit } from "../../core/metrics/units.ts";
import { c } from "../../core/metricsText.ts";
import type { Span } from "../../core/time/range.ts";
import type { Zone } from "../../core/time/zone.ts";
import styles from "./Chart.module.css";
import type { ChartExemplar, Threshold } from "./model.ts";

export interface ChartProps {
  frame: Frame;
  span: Span;
  zone: Zone;
  unit: Unit;
  style?: ChartStyle;
  /** What it shows, for those who do not see it. */
  label: string;
  height?: number;
  /** One of many: no legend, no table, fewer lines. */
  small?: boolean;
  legend?: boolean;
  /** Older than what was asked for. */
  stale?: boolean;
  /** Series that there are; more than the frame's when the largest were taken. */
  total?: number | undefined;
  thresholds?: readonly Threshold[];
  exemplars?: readonly ChartExemplar[];
  /** Ends that the scale has at least, so that several charts can be compared. */
  range?: readonly [number, number] | null;
  /** Drawn in the place of the frame's series, which are its rows; and the unit of its counts. */
  heat?: Heat | null;
  counts?: Unit;
  /** Least width of the scale, so that charts below each other begin at one place. */
  gutter?: number | undefined;
  /** Of all series when this chart shows one of them: what each looks like. */
  looks?: ReadonlyMap<string, Look>;
  /** Stands in the head. */
  tools?: ReactNode;
  onZoom?(span: Span): void;
  onZoomOut?(): void;
  onExemplar?(exemplar: ChartExemplar): void;
  /** Asks for so many of the largest series. */
  onTop?: ((top: number) => void) | undefined;
  /** Asks for what belongs to the labels of a series. */
  onSeries?: ((series: ChartSeries) => void) | undefined;
  onHover?: ((series: ChartSeries | null) => void) | undefined;
}

const TimeChart = lazy(() => import("./TimeChart.tsx"));

export function Chart(props: ChartProps): ReactNode {
  const height = props.height ?? 260;
  return (
    <Suspense
      fallback={
        <div className={`${styles.waiting} late`} style={{ height }} role="status" aria-label={c.loading}>
          <div className="skeleton" />
        </div>
      }
    >
      <TimeChart {...props} />
    </Suspense>
  );
}
