/** Watches for records: grey while nothing comes, green with the rate as soon as something does. */
import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useRef } from "react";
import { Link } from "react-router";
import { formatCount, formatRate } from "../../core/format.ts";
import { t } from "../../core/text.ts";
import { useApi, useBackend } from "../../hooks/useApi.tsx";
import { usePagePath } from "../../hooks/usePagePath.ts";
import styles from "./StartPage.module.css";

export interface Arrival {
  arrived: number;
  rejected: number;
  rate: number;
}

/** Records since the page was opened. */
export function useArrival(): Arrival {
  const api = useApi();
  const { tenant } = useBackend();
  const base = useRef<{ records: number; rejected: number } | null>(null);
  const status = useQuery({
    queryKey: ["ingest-status", "probe", tenant.current],
    queryFn: ({ signal }) => api.ingestStatus(signal),
    refetchInterval: 1500,
    gcTime: 0,
  });
  if (!status.data) return { arrived: 0, rejected: 0, rate: 0 };
  base.current ??= { records: status.data.records_total, rejected: status.data.rejected_total };
  // After a restart of the server the counts begin again.
  if (status.data.records_total < base.current.records) base.current = { records: 0, rejected: 0 };
  return {
    arrived: status.data.records_total - base.current.records,
    rejected: Math.max(0, status.data.rejected_total - base.current.rejected),
    rate: status.data.records_per_second,
  };
}

export function Probe({ arrival }: { arrival: Arrival }): ReactNode {
  const to = usePagePath();
  const there = arrival.arrived > 0;
  return (
    <div
      className={styles.probe}
      data-arrived={there || undefined}
      data-testid="probe"
      role="status"
      aria-live="polite"
    >
      <span className={styles.pulse} aria-hidden />
      <div>
        <b>{there ? t.start.arrived(formatCount(arrival.arrived), formatRate(arrival.rate)) : t.start.waiting}</b>
        {!there && <div className={styles.muted}>{t.start.waitingHelp}</div>}
        {arrival.rejected > 0 && (
          <div className={styles.rejected}>{t.start.rejected(formatCount(arrival.rejected))}</div>
        )}
      </div>
      {there && (
        <Button size="xs" component={Link} to={to("/logs", { from: "now-15m", to: "now" })}>
          {t.start.open}
        </Button>
      )}
    </div>
  );
}
