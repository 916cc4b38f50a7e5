/** Series of TraceQL metrics, drawn by the charts of the metrics page. */
import { Button } from "@mantine/core";
import { IconChartLine } from "@tabler/icons-react";
import { type ReactNode, useMemo } from "react";
import { Chart } from "../../components/charts/Chart.tsx";
import { ErrorState, Skeleton, State } from "../../components/common/State.tsx";
import { isQueryMistake } from "../../core/api/errors.ts";
import type { Unit } from "../../core/metrics/units.ts";
import { absolute, zoomOut } from "../../core/time/range.ts";
import { heatStep } from "../../core/traces/heatmap.ts";
import { makesSeries, withoutStages } from "../../core/traces/traceql.ts";
import { frameOfSeries } from "../../core/traces/wire.ts";
import { x } from "../../core/tracesText.ts";
import { useTime } from "../../hooks/useTime.tsx";
import { useTraceMetrics } from "../../hooks/useTraces.ts";
import styles from "./TracesPage.module.css";

const POINTS = 240;

/** Rates are spans a second; what is taken of durations are seconds. */
export function unitOfTraceQuery(query: string): Unit {
  if (/_over_time\s*\(\s*(duration|traceDuration)/.test(query)) return "seconds";
  return /\|\s*rate\s*\(/.test(query) ? "ops" : "";
}

export default function TracesMetrics({ query, onQuery }: { query: string; onQuery(query: string): void }): ReactNode {
  const { span, zone, range, setRange } = useTime();
  const series = makesSeries(query);
  const step = heatStep(span, POINTS);
  const answer = useTraceMetrics({ query, span }, Number(step), series);
  const frame = useMemo(() => (answer.data ? frameOfSeries(answer.data, query) : null), [answer.data, query]);
  const base = withoutStages(query) || "{ }";
  const examples = {
    rate: `${base} | rate()`,
    errors: `${base} && { status = error } | rate() by (resource.service.name)`,
    p95: `${base} | quantile_over_time(duration, 0.95) by (name)`,
  };
  const buttons = (Object.keys(examples) as (keyof typeof examples)[]).map((name) => (
    <Button key={name} size="xs" variant="default" onClick={() => onQuery(examples[name])}>
      {x.metricsExamples[name]}
    </Button>
  ));
  if (!series)
    return (
      <State icon={<IconChartLine size={32} stroke={1.3} />} title={x.metricsNone} actions={buttons}>
        <p>{x.metricsNoneHelp}</p>
        <p>
          <code>{x.metricsHint}</code>
        </p>
      </State>
    );
  if (answer.isError)
    return isQueryMistake(answer.error) ? (
      <State title={x.mistake}>{answer.error.message}</State>
    ) : (
      <ErrorState error={answer.error} title={x.failed} onRetry={() => void answer.refetch()} />
    );
  if (!answer.data || !frame) return <Skeleton rows={10} />;
  if (frame.series.length === 0) return <State title={x.noMatch}>{x.noMatchHelp}</State>;
  return (
    <div className={styles.metrics} data-testid="trace-metrics">
      {answer.data.incomplete !== "" && <p className={styles.banner}>{answer.data.incomplete}</p>}
      <Chart
        frame={frame}
        span={span}
        zone={zone}
        unit={unitOfTraceQuery(query)}
        label={query}
        height={320}
        stale={answer.isPlaceholderData}
        onZoom={(next) => setRange(absolute(next))}
        onZoomOut={() => setRange(zoomOut(range, span))}
      />
    </div>
  );
}
