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

export type Signal = "logs" | "metrics" | "traces";

export interface Arrival {
  signal: Signal;
  arrived: number;
  rejected: number;
  rate: number;
}

/** Records, samples, or spans since the page was opened. */
export function useArrival(signal: Signal = "logs"): Arrival {
  const api = useApi();
  const { tenant } = useBackend();
  const bases = useRef<Partial<Record<Signal, { arrived: number; rejected: number }>>>({});
  const status = useQuery({
    queryKey: ["ingest-status", "probe", tenant.current],
    queryFn: ({ signal: abort }) => api.ingestStatus(abort),
    refetchInterval: 1500,
    gcTime: 0,
  });
  if (!status.data) return { signal, arrived: 0, rejected: 0, rate: 0 };
  const now = {
    logs: {
      arrived: status.data.records_total,
      rejected: status.data.rejected_total,
      rate: status.data.records_per_second,
    },
    metrics: {
      arrived: status.data.samples_total,
      rejected: status.data.samples_refused_total,
      rate: status.data.samples_per_second,
    },
    traces: {
      arrived: status.data.spans_total,
      rejected: status.data.spans_rejected_total,
      rate: status.data.spans_per_second,
    },
  };
  bases.current = { ...now, ...bases.current };
  const [counts, base] = [now[signal], bases.current[signal] ?? now[signal]];
  // After a restart of the server the counts begin again.
  if (counts.arrived < base.arrived) bases.current[signal] = { arrived: 0, rejected: 0 };
  const from = bases.current[signal] ?? base;
  return {
    signal,
    arrived: counts.arrived - from.arrived,
    rejected: Math.max(0, counts.rejected - from.rejected),
    rate: counts.rate,
  };
}

const WORDS = {
  logs: { arrived: t.start.arrived, rejected: t.start.rejected, open: t.start.open },
  metrics: { arrived: t.start.samples, rejected: t.start.samplesRejected, open: t.start.openMetrics },
  traces: { arrived: t.start.spans, rejected: t.start.spansRejected, open: t.start.openTraces },
} as const;

export function Probe({ arrival, scraped = false }: { arrival: Arrival; scraped?: boolean }): ReactNode {
  const to = usePagePath();
  const there = arrival.arrived > 0;
  const { arrived, rejected, open } = WORDS[arrival.signal];
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
        <b>{there ? arrived(formatCount(arrival.arrived), formatRate(arrival.rate)) : t.start.waiting}</b>
        {!there && <div className={styles.muted}>{t.start.waitingHelp}</div>}
        {arrival.rejected > 0 && <div className={styles.rejected}>{rejected(formatCount(arrival.rejected))}</div>}
      </div>
      {there && (
        <Button
          size="xs"
          component={Link}
          to={scraped ? to("/targets") : to(`/${arrival.signal}`, { from: "now-15m", to: "now" })}
        >
          {scraped ? t.start.openTargets : open}
        </Button>
      )}
    </div>
  );
}
