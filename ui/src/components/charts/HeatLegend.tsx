/** What the colours of a heatmap mean: from nothing to the greatest count. */
import type { ReactNode } from "react";
import type { Heat } from "../../core/metrics/heat.ts";
import { formatUnit, type Unit } from "../../core/metrics/units.ts";
import { c } from "../../core/metricsText.ts";
import styles from "./Chart.module.css";

/** Shares of the width that have a number; colours go by the root of the count. */
const MARKS = [0, 0.5, 1];

export function HeatLegend({ heat, counts }: { heat: Heat; counts: Unit }): ReactNode {
  return (
    <div className={styles.heatLegend} data-testid="heat-legend">
      <span>{c.countOf}</span>
      <div className={styles.heatScale}>
        <div className={styles.heatBar} aria-hidden />
        <div className={styles.heatMarks}>
          {MARKS.map((share) => (
            <span key={share}>{formatUnit(heat.max * share * share, counts)}</span>
          ))}
        </div>
      </div>
      {heat.series > 1 && <span>{c.addedUp(heat.series)}</span>}
    </div>
  );
}
