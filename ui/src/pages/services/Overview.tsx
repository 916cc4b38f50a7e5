/** A service at a glance: requests, errors and latency over time, and what the time of its requests goes into. */
import { Select } from "@mantine/core";
import { type ReactNode, useMemo } from "react";
import { Chart } from "../../components/charts/Chart.tsx";
import { ErrorState, Skeleton, State } from "../../components/common/State.tsx";
import { formatDuration } from "../../core/format.ts";
import { formatShare } from "../../core/logs/compare.ts";
import { looksOf } from "../../core/metrics/look.ts";
import { toFrame } from "../../core/metrics/series.ts";
import type { Unit } from "../../core/metrics/units.ts";
import { serviceQueries } from "../../core/services/services.ts";
import { toMs } from "../../core/time/instant.ts";
import { absolute, zoomOut } from "../../core/time/range.ts";
import { x } from "../../core/tracesText.ts";
import { useMetricQueries } from "../../hooks/useMetrics.ts";
import { useCriticalPath, useOperations } from "../../hooks/useServices.ts";
import { usePermission } from "../../hooks/useSession.ts";
import { useSize } from "../../hooks/useSize.ts";
import { useTime } from "../../hooks/useTime.tsx";
import { QUANTILES, type QuantileChoice, type ServiceUrl } from "../../hooks/useTracesUrl.ts";
import styles from "./ServicesPage.module.css";

export const QUANTILE_RANGES: Record<QuantileChoice, [number, number]> = {
  all: [0, 1],
  typical: [0.4, 0.6],
  slow: [0.95, 1],
  slowest: [0.99, 1],
};

interface Props {
  name: string;
  url: ServiceUrl;
  onUrl(change: Partial<ServiceUrl>): void;
}

export function Overview({ name, url, onUrl }: Props): ReactNode {
  const allowed = usePermission("metrics:read");
  return (
    <>
      {allowed && <Charts name={name} />}
      <CriticalPath name={name} url={url} onUrl={onUrl} />
    </>
  );
}

function Charts({ name }: { name: string }): ReactNode {
  const { span, zone, range, setRange } = useTime();
  const [box, { width }] = useSize<HTMLDivElement>();
  const seconds = (toMs(span.to) - toMs(span.from)) / 1000;
  const queries = serviceQueries(name, seconds);
  const asked = [queries.rate, queries.errors, ...queries.latency];
  const points = Math.max(100, Math.min(400, Math.round(width / 3 / 20) * 10));
  const answers = useMetricQueries(
    asked.map((query) => ({ query, span, step: 0, points, top: 5, instant: false })),
    asked.map(() => width > 0),
  );
  const charts: { title: string; unit: Unit; parts: { index: number; legend: string }[] }[] = [
    { title: x.requests, unit: "ops", parts: [{ index: 0, legend: x.sparkRate }] },
    { title: x.errorRate, unit: "ratio", parts: [{ index: 1, legend: x.sparkErrors }] },
    {
      title: x.latency,
      unit: "seconds",
      parts: [
        { index: 2, legend: "p50" },
        { index: 3, legend: "p95" },
        { index: 4, legend: "p99" },
      ],
    },
  ];
  return (
    <div ref={box} className={styles.charts} data-testid="service-charts">
      {charts.map((chart) => {
        const failed = chart.parts.map(({ index }) => answers[index]).find((answer) => answer?.isError);
        const drawn = chart.parts.flatMap(({ index, legend }) => {
          const data = answers[index]?.data;
          return data ? [{ answer: data, letter: "A", query: asked[index] ?? "", legend, shift: 0 }] : [];
        });
        const waiting = !failed && drawn.length < chart.parts.length;
        return (
          <section key={chart.title} className={styles.chart} aria-label={chart.title}>
            <h3>{chart.title}</h3>
            {failed && <ErrorState error={failed.error} onRetry={() => void failed.refetch()} />}
            {waiting && <Skeleton rows={5} />}
            {!failed && !waiting && (
              <Chart
                frame={toFrame(drawn)}
                span={span}
                zone={zone}
                unit={chart.unit}
                label={`${name}: ${chart.title}`}
                height={180}
                small
                legend={drawn.length > 1}
                style={chart.unit === "ops" ? "area" : "line"}
                onZoom={(next) => setRange(absolute(next))}
                onZoomOut={() => setRange(zoomOut(range, span))}
              />
            )}
          </section>
        );
      })}
    </div>
  );
}

const ROWS = 20;

function CriticalPath({ name, url, onUrl }: Props): ReactNode {
  const { span } = useTime();
  const operations = useOperations(name, span);
  const names = useMemo(() => [...new Set((operations.data ?? []).map((one) => one.name))], [operations.data]);
  const operation = url.operation !== "" ? url.operation : (names[0] ?? "");
  const answer = useCriticalPath(operation === "" ? "" : name, operation, QUANTILE_RANGES[url.slow], span);
  const looks = useMemo(
    () => looksOf([...new Set((answer.data?.rows ?? []).map((row) => row.service))]),
    [answer.data],
  );
  const { data } = answer;
  const most = data?.rows.reduce((top, row) => Math.max(top, row.share), 0) ?? 0;
  return (
    <section className={styles.section} aria-label={x.aggregatePath} data-testid="aggregate-path">
      <h3>{x.aggregatePath}</h3>
      <p className={styles.muted}>{x.aggregateHelp}</p>
      <div className={styles.line}>
        <Select
          size="xs"
          className={styles.focus}
          label={x.chooseOperation}
          searchable
          value={operation === "" ? null : operation}
          data={names.includes(operation) || operation === "" ? names : [operation, ...names]}
          allowDeselect={false}
          onChange={(value) => onUrl({ operation: value ?? "" })}
        />
        <Select
          size="xs"
          className={styles.small}
          label={x.quantiles}
          value={url.slow}
          data={QUANTILES.map((value) => ({ value, label: x.quantileChoice[value] }))}
          allowDeselect={false}
          onChange={(value) => onUrl({ slow: (value ?? "slow") as QuantileChoice })}
        />
        {data && data.traces > 0 && (
          <span className={styles.muted}>
            {x.aggregateOf(data.traces, formatDuration(data.totalMs / Math.max(1, data.traces)))}
          </span>
        )}
      </div>
      {operations.isError && <ErrorState error={operations.error} onRetry={() => void operations.refetch()} />}
      {answer.isError && <ErrorState error={answer.error} onRetry={() => void answer.refetch()} />}
      {operation !== "" && answer.isPending && <Skeleton rows={6} />}
      {((operations.isSuccess && operation === "") || data?.traces === 0) && <State title={x.aggregateNone} />}
      {data && data.traces > 0 && (
        <ol className={styles.shares}>
          {data.rows.slice(0, ROWS).map((row) => (
            <li key={`${row.service}\n${row.operation}`}>
              <span title={`${row.service} · ${row.operation}`}>
                <b>{row.service}</b> {row.operation}
              </span>
              <span className={styles.meter}>
                <span
                  style={{
                    width: `${most > 0 ? (row.share / most) * 100 : 0}%`,
                    background: `var(${looks.get(row.service)?.color ?? "--series-rest"})`,
                  }}
                />
              </span>
              <span data-number>{formatDuration(row.ms / Math.max(1, data.traces))}</span>
              <span data-number>{formatShare(row.share)}</span>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
