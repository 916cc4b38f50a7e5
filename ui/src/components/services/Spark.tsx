/** A small line of a service over time. */
import type { ReactNode } from "react";
import type { SparkPoint } from "../../core/api/traces.ts";
import { formatRate } from "../../core/format.ts";
import { formatShare } from "../../core/logs/compare.ts";
import { formatUnit } from "../../core/metrics/units.ts";
import styles from "./Services.module.css";

interface Props {
  points: readonly SparkPoint[];
  width: number;
  height: number;
  /** 1 the rate, 2 errors, 3 the 95th percentile. */
  of: 1 | 2 | 3;
  label: string;
  tone?: "plain" | "danger";
}

function say(value: number, of: Props["of"]): string {
  if (of === 1) return formatRate(value);
  return of === 2 ? formatShare(value) : formatUnit(value, "seconds");
}

export function Spark({ points, width, height, of, label, tone = "plain" }: Props): ReactNode {
  const values = points.map((point) => point[of] ?? 0);
  const most = Math.max(...values, 0);
  const step = points.length > 1 ? width / (points.length - 1) : width;
  const y = (value: number): number => height - 2 - (most > 0 ? (value / most) * (height - 4) : 0);
  const path = values.map((value, at) => `${at === 0 ? "M" : "L"}${(at * step).toFixed(1)} ${y(value).toFixed(1)}`);
  const last = values.at(-1) ?? 0;
  return (
    <svg
      className={styles.spark}
      data-tone={tone}
      viewBox={`0 0 ${width} ${height}`}
      width={width}
      height={height}
      preserveAspectRatio="none"
      role="img"
      aria-label={`${label}: ${say(last, of)}, ${say(most, of)} at most`}
    >
      <title>{`${label}: ${say(last, of)}, ${say(most, of)} at most`}</title>
      {values.length > 1 && (
        <>
          <path data-area d={`${path.join(" ")} L${width} ${height} L0 ${height} Z`} />
          <path d={path.join(" ")} />
        </>
      )}
    </svg>
  );
}
