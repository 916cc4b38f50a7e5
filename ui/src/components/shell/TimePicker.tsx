/** The time range: a box that reads what people type, quick and recent ranges, calendar fields, zone, steps and zoom. */
import { Popover, Tooltip } from "@mantine/core";
import { IconChevronLeft, IconChevronRight, IconClock, IconZoomOut } from "@tabler/icons-react";
import { lazy, type ReactNode, Suspense, useState } from "react";
import { t } from "../../core/text.ts";
import { formatRange } from "../../core/time/format.ts";
import { toMs } from "../../core/time/instant.ts";
import { stepRange, zoomOut } from "../../core/time/range.ts";
import { offsetLabel } from "../../core/time/zone.ts";
import { useAction } from "../../hooks/useActions.tsx";
import { usePrefs, useSetPrefs } from "../../hooks/usePrefs.ts";
import { useTime } from "../../hooks/useTime.tsx";
import { Skeleton } from "../common/State.tsx";
import styles from "./Shell.module.css";

const TimeForm = lazy(() => import("./TimeForm.tsx"));

export function TimePicker(): ReactNode {
  const { range, span, zone, now, live, setRange } = useTime();
  const prefs = usePrefs();
  const setPrefs = useSetPrefs();
  const [open, setOpen] = useState(false);
  const step = (direction: -1 | 1) => (): undefined => setRange(stepRange(span, direction)) as undefined;
  const zoom = (): undefined => setRange(zoomOut(range, span)) as undefined;
  useAction("stepBack", step(-1));
  useAction("stepForward", step(1));
  useAction("zoomOut", zoom);
  useAction("time", () => setOpen(true) as undefined);
  useAction("zone", () => setPrefs({ zone: prefs.zone === "UTC" ? "local" : "UTC" }) as undefined);
  const label = live ? t.time.live : formatRange(range, span, zone);
  return (
    <div className={styles.cluster} role="group" aria-label={t.time.label}>
      <Tooltip label={`${t.time.back} ([)`}>
        <button type="button" className={styles.clusterButton} onClick={step(-1)} aria-label={t.time.back}>
          <IconChevronLeft size={16} stroke={1.6} />
        </button>
      </Tooltip>
      <Popover opened={open} onChange={setOpen} position="bottom-end" trapFocus returnFocus>
        <Popover.Target>
          <button
            type="button"
            className={`${styles.clusterButton} ${styles.timeLabel}`}
            onClick={() => setOpen(!open)}
            aria-label={`${t.time.label}: ${label}`}
          >
            {live ? (
              <span className={`${styles.dot} ${styles.live}`} data-state="up" aria-hidden />
            ) : (
              <IconClock size={15} stroke={1.6} aria-hidden />
            )}
            <span data-testid="range-label">{label}</span>
            <span className={styles.zone}>{offsetLabel(toMs(now), zone)}</span>
          </button>
        </Popover.Target>
        <Popover.Dropdown p={0} aria-label={t.time.label}>
          <Suspense fallback={<Skeleton rows={6} />}>
            <TimeForm onDone={() => setOpen(false)} />
          </Suspense>
        </Popover.Dropdown>
      </Popover>
      <Tooltip label={`${t.time.forward} (])`}>
        <button type="button" className={styles.clusterButton} onClick={step(1)} aria-label={t.time.forward}>
          <IconChevronRight size={16} stroke={1.6} />
        </button>
      </Tooltip>
      <Tooltip label={`${t.time.zoomOut} (Z)`}>
        <button type="button" className={styles.clusterButton} onClick={zoom} aria-label={t.time.zoomOut}>
          <IconZoomOut size={16} stroke={1.6} />
        </button>
      </Tooltip>
    </div>
  );
}
