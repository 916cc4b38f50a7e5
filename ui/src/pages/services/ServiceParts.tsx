/** Operations, dependencies, errors, logs, traces and deployments of a service: one part a tab. */
import { Button, SegmentedControl } from "@mantine/core";
import { IconExternalLink, IconRoute, IconRoute2 } from "@tabler/icons-react";
import type { UseQueryResult } from "@tanstack/react-query";
import { type ReactNode, useMemo, useState } from "react";
import { Link } from "react-router";
import { Chart } from "../../components/charts/Chart.tsx";
import { IconButton } from "../../components/common/IconButton.tsx";
import { ErrorState, Skeleton, State } from "../../components/common/State.tsx";
import { LogLines } from "../../components/logs/LogLines.tsx";
import { TraceList } from "../../components/trace/TraceList.tsx";
import { TRACE_ORDERS, type TraceOrder } from "../../core/api/traces.ts";
import { formatCount, formatRate } from "../../core/format.ts";
import { formatShare } from "../../core/logs/compare.ts";
import { formatUnit } from "../../core/metrics/units.ts";
import { m } from "../../core/metricsText.ts";
import { fieldTerm } from "../../core/query/edit.ts";
import { errorTone } from "../../core/services/graph.ts";
import { tracesOf } from "../../core/services/services.ts";
import { versionsOf } from "../../core/services/versions.ts";
import { formatInstant } from "../../core/time/format.ts";
import { fromMs, fromNsText, toIso } from "../../core/time/instant.ts";
import { absolute, zoomOut } from "../../core/time/range.ts";
import { heatStep } from "../../core/traces/heatmap.ts";
import { equals } from "../../core/traces/traceql.ts";
import { frameOfSeries } from "../../core/traces/wire.ts";
import { x } from "../../core/tracesText.ts";
import type { Panel } from "../../core/url/panels.ts";
import { usePagePath } from "../../hooks/usePagePath.ts";
import { useDependencies, useOperations, useServiceErrors } from "../../hooks/useServices.ts";
import { usePermission } from "../../hooks/useSession.ts";
import { useTime } from "../../hooks/useTime.tsx";
import { FIRST_TRACES, useTraceMetrics, useTraceSearch } from "../../hooks/useTraces.ts";
import styles from "./ServicesPage.module.css";

interface Props {
  name: string;
  onOpen(panel: Panel): void;
}

/** Waiting, failed, empty or there. */
function Answer<T>({
  answer,
  none,
  children,
}: {
  answer: UseQueryResult<T[]>;
  none: string;
  children(rows: T[]): ReactNode;
}): ReactNode {
  if (answer.isError) return <ErrorState error={answer.error} onRetry={() => void answer.refetch()} />;
  if (!answer.data) return <Skeleton rows={8} />;
  if (answer.data.length === 0) return <State title={none} />;
  return children(answer.data);
}

function useRange(): { from: string; to: string } {
  const { span } = useTime();
  return { from: toIso(span.from), to: toIso(span.to) };
}

export function Operations({ name, onOpen, onPath }: Props & { onPath(operation: string): void }): ReactNode {
  const { span } = useTime();
  const range = useRange();
  return (
    <Answer answer={useOperations(name, span)} none={x.noOperations}>
      {(rows) => (
        <div className={styles.tableBox}>
          <table className={styles.plainTable} aria-label={x.serviceTab.operations} data-testid="service-operations">
            <thead>
              <tr>
                <th scope="col">{x.operation}</th>
                <th scope="col">{x.kind}</th>
                <th scope="col" data-number>
                  {x.rate}
                </th>
                <th scope="col" data-number>
                  {x.errorRate}
                </th>
                {["p50", "p95", "p99"].map((quantile) => (
                  <th key={quantile} scope="col" data-number>
                    {quantile}
                  </th>
                ))}
                <th scope="col">
                  <span className="visually-hidden">{x.path}</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <tr key={`${row.name} ${row.kind}`}>
                  <th scope="row">
                    <button
                      type="button"
                      className={styles.link}
                      onClick={() =>
                        onOpen({ kind: "traces", query: tracesOf(name, equals("name", row.name)), ...range })
                      }
                    >
                      {row.name}
                    </button>
                  </th>
                  <td>{row.kind}</td>
                  <td data-number>{formatRate(row.requestRate)}</td>
                  <td data-number data-tone={errorTone(row.errorRate)}>
                    {formatShare(row.errorRate)}
                  </td>
                  <td data-number>{formatUnit(row.p50, "seconds")}</td>
                  <td data-number>{formatUnit(row.p95, "seconds")}</td>
                  <td data-number>{formatUnit(row.p99, "seconds")}</td>
                  <td>
                    <IconButton label={`${x.aggregatePath}: ${row.name}`} size={24} onClick={() => onPath(row.name)}>
                      <IconRoute2 size={14} />
                    </IconButton>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Answer>
  );
}

export function Dependencies({ name, onOpen }: Props): ReactNode {
  const { span } = useTime();
  const answer = useDependencies(name, span);
  const { data } = answer;
  if (answer.isError) return <ErrorState error={answer.error} onRetry={() => void answer.refetch()} />;
  if (!data) return <Skeleton rows={8} />;
  if (data.upstream.length + data.downstream.length === 0) return <State title={x.noDependencies} />;
  return (
    <>
      {(["upstream", "downstream"] as const).map((direction) => {
        const own = data[direction];
        if (own.length === 0) return null;
        return (
          <section key={direction} className={styles.section}>
            <h3>{x[direction]}</h3>
            <div className={styles.tableBox}>
              <table className={styles.plainTable} aria-label={x[direction]}>
                <thead>
                  <tr>
                    <th scope="col">{x.service}</th>
                    <th scope="col">{x.kind}</th>
                    <th scope="col" data-number>
                      {x.rate}
                    </th>
                    <th scope="col" data-number>
                      {x.errorRate}
                    </th>
                    <th scope="col" data-number>
                      p95
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {own.map((row) => {
                    const other = row.name;
                    return (
                      <tr key={`${other} ${row.connection}`}>
                        <th scope="row">
                          <button
                            type="button"
                            className={styles.link}
                            onClick={() => onOpen({ kind: "service", name: other })}
                          >
                            {other}
                          </button>
                        </th>
                        <td>{x.typeOne[row.type]}</td>
                        <td data-number>{formatRate(row.requestRate)}</td>
                        <td data-number data-tone={errorTone(row.errorRate)}>
                          {formatShare(row.errorRate)}
                        </td>
                        <td data-number>{formatUnit(row.p95, "seconds")}</td>
                      </tr>
                    );
                  })}
                </tbody>
              </table>
            </div>
          </section>
        );
      })}
    </>
  );
}

export function Errors({ name, onOpen }: Props): ReactNode {
  const { span, zone } = useTime();
  const range = useRange();
  return (
    <Answer answer={useServiceErrors(name, span)} none={x.noErrors}>
      {(rows) => (
        <div className={styles.tableBox}>
          <table className={styles.plainTable} aria-label={x.serviceTab.errors} data-testid="service-errors">
            <thead>
              <tr>
                <th scope="col" data-number>
                  {x.count}
                </th>
                <th scope="col">{x.errorType}</th>
                <th scope="col">{x.message}</th>
                <th scope="col">{x.operation}</th>
                <th scope="col">{x.firstSeen}</th>
                <th scope="col">{x.lastSeen}</th>
                <th scope="col">
                  <span className="visually-hidden">{x.example}</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row, index) => (
                <tr key={index}>
                  <td data-number>{formatCount(row.count)}</td>
                  <td>{row.type || "–"}</td>
                  <th scope="row" className={styles.message}>
                    <button
                      type="button"
                      className={styles.link}
                      onClick={() =>
                        onOpen({
                          kind: "traces",
                          query: tracesOf(name, equals("name", row.operation), "status = error"),
                          ...range,
                        })
                      }
                    >
                      {row.message || "–"}
                    </button>
                  </th>
                  <td>{row.operation}</td>
                  <td>{formatInstant(fromNsText(row.first), zone, 0)}</td>
                  <td>{formatInstant(fromNsText(row.last), zone, 0)}</td>
                  <td>
                    <IconButton
                      label={x.example}
                      size={24}
                      onClick={() => onOpen({ kind: "trace", id: row.traceId, span: "error" })}
                    >
                      <IconRoute size={14} />
                    </IconButton>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Answer>
  );
}

export function ServiceLogs({ name }: Props): ReactNode {
  const { span } = useTime();
  const allowed = usePermission("logs:read");
  if (!allowed) return <State title={x.noLogsRight} />;
  return <LogLines query={fieldTerm("service", name)} span={span} none={m.logsNone} />;
}

export function ServiceTraces({ name, onOpen }: Props): ReactNode {
  const { span } = useTime();
  const to = usePagePath();
  const [order, setOrder] = useState<TraceOrder>("newest");
  const query = tracesOf(name);
  const answer = useTraceSearch({ query, span }, order, FIRST_TRACES);
  return (
    <>
      <div className={styles.line}>
        <SegmentedControl
          size="xs"
          aria-label={x.order}
          value={order}
          data={TRACE_ORDERS.map((value) => ({ value, label: x.orders[value] }))}
          onChange={(value) => setOrder(value as TraceOrder)}
        />
        <Button
          size="xs"
          variant="default"
          component={Link}
          to={to("/traces", { q: query })}
          leftSection={<IconExternalLink size={14} />}
        >
          {x.explore}
        </Button>
      </div>
      {answer.isError && <ErrorState error={answer.error} onRetry={() => void answer.refetch()} />}
      {answer.isPending && <Skeleton rows={8} />}
      {answer.data?.traces.length === 0 && <State title={x.noMatch} />}
      {answer.data && answer.data.traces.length > 0 && (
        <div className={styles.list}>
          <TraceList
            traces={answer.data.traces}
            selected=""
            onOpen={(trace, spanId = "slow") => onOpen({ kind: "trace", id: trace.traceId, span: spanId })}
          />
        </div>
      )}
    </>
  );
}

const VERSION = "resource.service.version";

/** Changes of service.version: when each version was seen first, and how it did. */
export function Deployments({ name }: Props): ReactNode {
  const { span, zone, range, setRange } = useTime();
  const step = heatStep(span, 120);
  const query = `${tracesOf(name)} | rate() by (${VERSION})`;
  const answer = useTraceMetrics({ query, span }, Number(step), true);
  const frame = useMemo(() => (answer.data ? frameOfSeries(answer.data, query) : null), [answer.data, query]);
  const versions = useMemo(() => {
    if (!frame) return null;
    const label =
      frame.series.flatMap((series) => Object.keys(series.labels)).find((one) => /version/.test(one)) ?? VERSION;
    return versionsOf(frame, label).filter((version) => version.name !== "" && version.name !== "nil");
  }, [frame]);
  if (answer.isError) return <ErrorState error={answer.error} onRetry={() => void answer.refetch()} />;
  if (!frame || !versions) return <Skeleton rows={8} />;
  if (versions.length === 0) return <State title={x.noVersions}>{x.noVersionsHelp}</State>;
  const clock = (seconds: number): string => formatInstant(fromMs(seconds * 1000), zone, 0);
  return (
    <>
      <section className={styles.chart} aria-label={x.versions}>
        <h3>{x.versions}</h3>
        <Chart
          frame={frame}
          span={span}
          zone={zone}
          unit="ops"
          style="stacked"
          label={x.versions}
          height={200}
          onZoom={(next) => setRange(absolute(next))}
          onZoomOut={() => setRange(zoomOut(range, span))}
        />
      </section>
      <div className={styles.tableBox}>
        <table className={styles.plainTable} aria-label={x.serviceTab.deployments} data-testid="service-versions">
          <thead>
            <tr>
              <th scope="col">{x.version}</th>
              <th scope="col">{x.status}</th>
              <th scope="col">{x.firstSpan}</th>
              <th scope="col">{x.lastSpan}</th>
              <th scope="col" data-number>
                {x.share}
              </th>
            </tr>
          </thead>
          <tbody>
            {versions.map((version) => (
              <tr key={version.name}>
                <th scope="row">{version.name}</th>
                <td>{version.deployed ? x.deployed : x.allAlong}</td>
                <td>{clock(version.first)}</td>
                <td>{clock(version.last)}</td>
                <td data-number>{formatShare(version.share)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}
