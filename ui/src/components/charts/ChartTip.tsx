/** The values of a moment: the ten nearest series, the largest first. Pinned, it stays and can be read and copied from. */
import { IconX } from "@tabler/icons-react";
import { type ReactNode, useLayoutEffect, useRef, useState } from "react";
import { formatUnit } from "../../core/metrics/units.ts";
import { c } from "../../core/metricsText.ts";
import { formatInstant } from "../../core/time/format.ts";
import { fromMs } from "../../core/time/instant.ts";
import type { Zone } from "../../core/time/zone.ts";
import { IconButton } from "../common/IconButton.tsx";
import styles from "./Chart.module.css";
import { Swatch } from "./ChartLegend.tsx";
import { type Model, tipRows } from "./model.ts";

interface Props {
  model: Model;
  index: number;
  y: number | null;
  heightOf(value: number): number;
  zone: Zone;
  left: number;
  width: number;
  pinned: boolean;
  onUnpin(): void;
  /** Moved by the keyboard: read it out. */
  said: boolean;
}

export function ChartTip({ model, index, y, heightOf, zone, left, width, pinned, onUnpin, said }: Props): ReactNode {
  const box = useRef<HTMLDivElement>(null);
  const [own, setOwn] = useState(240);
  useLayoutEffect(() => {
    if (box.current) setOwn(box.current.offsetWidth);
  });
  const { rows, count } = tipRows(model, index, y, heightOf);
  const total = model.style === "stacked" ? rows.reduce((sum, row) => sum + row.value, 0) : null;
  const right = left + 14 + own <= width;
  const at = formatInstant(fromMs((model.times[index] ?? 0) * 1000), zone, 0);
  return (
    <div
      ref={box}
      className={styles.tip}
      data-tip
      data-pinned={pinned || undefined}
      data-testid="chart-tip"
      role="group"
      aria-label={pinned ? c.pinned : c.values}
      aria-live={said ? "polite" : undefined}
      style={{ left: right ? left + 12 : Math.max(0, left - 12 - own) }}
    >
      <div className={styles.tipHead}>
        {at}
        {pinned && (
          <IconButton label={c.unpin} size={20} onClick={onUnpin}>
            <IconX size={12} />
          </IconButton>
        )}
      </div>
      {rows.length === 0 && <div className={styles.tipRow}>{c.noData}</div>}
      {rows.map((row) => (
        <div key={row.series.key} className={styles.tipRow} data-nearest={row.nearest || undefined}>
          <Swatch look={row.look} />
          <span className={styles.tipName}>{row.series.name}</span>
          <span className={styles.tipValue}>{formatUnit(row.value, model.unit)}</span>
        </div>
      ))}
      {total !== null && count <= rows.length && rows.length > 1 && (
        <div className={styles.tipRow}>
          <span className={styles.tipName}>{c.total}</span>
          <span className={styles.tipValue}>{formatUnit(total, model.unit)}</span>
        </div>
      )}
      {count > rows.length && <div className={styles.tipMore}>{c.nearest(count - rows.length)}</div>}
    </div>
  );
}
