/** What the queries answered: a chart with what it is compared with and its exemplars, or a table; notes, cost and failures. */
import { Popover } from "@mantine/core";
import { type UseQueryResult, useQueries } from "@tanstack/react-query";
import { type ReactNode, useMemo } from "react";
import { Chart } from "../../components/charts/Chart.tsx";
import { type ChartExemplar, measured, type Threshold } from "../../components/charts/model.ts";
import { ErrorState, Skeleton, State } from "../../components/common/State.tsx";
import { isQueryMistake } from "../../core/api/errors.ts";
import type { ExemplarSeries } from "../../core/api/metrics.ts";
import { formatBytes, formatDuration, formatShort } from "../../core/format.ts";
import { areBuckets, unitOfBuckets } from "../../core/metrics/heat.ts";
import { traceOf } from "../../core/metrics/pivot.ts";
import { formatStep, letterOf, parseStep, periodShift } from "../../core/metrics/queries.ts";
import { type Drawn, labelsText, toFrame } from "../../core/metrics/series.ts";
import { asUnit, type Unit, unitOfMetric, unitOfQuery } from "../../core/metrics/units.ts";
import { m } from "../../core/metricsText.ts";
import { formatAge } from "../../core/time/format.ts";
import { fromMs, toIso } from "../../core/time/instant.ts";
import { absolute, type Span, zoomOut } from "../../core/time/range.ts";
import { useBackend } from "../../hooks/useApi.tsx";
import { type Answered, seconds, useMetricQueries } from "../../hooks/useMetrics.ts";
import type { MetricsUrl } from "../../hooks/useMetricsUrl.ts";
import { useTime } from "../../hooks/useTime.tsx";
import { EmptyResult } from "./EmptyResult.tsx";
import { InstantTable } from "./InstantTable.tsx";
import { LogsCount } from "./LogsCount.tsx";
import { GUTTER, Heated } from "./MetricView.tsx";
import styles from "./QueryView.module.css";

interface Props {
  url: MetricsUrl;
  onUrl(change: Partial<MetricsUrl>): void;
  answers: UseQueryResult<Answered>[];
  points: number;
  stopped: boolean;
}

const NO_EXEMPLARS: readonly ChartExemplar[] = [];

function useEarlier(url: MetricsUrl, points: number): Drawn<Answered>[] {
  const { span } = useTime();
  const shift = url.vs ? periodShift(url.vs, span) : 0n;
  const earlier = { from: span.from - shift, to: span.to - shift };
  const active = url.vs !== null && url.view === "chart";
  const answers = useMetricQueries(
    active
      ? url.q.map(({ query }) => ({
          query,
          span: earlier,
          step: parseStep(url.step) ?? 0,
          points,
          top: url.top,
          instant: false,
          heatmap: url.style === "heatmap",
        }))
      : [],
    url.q.map(({ hidden }) => !hidden),
  );
  const period = url.vs;
  return answers.flatMap((answer, index) => {
    const line = url.q[index];
    if (!answer.data || !line || line.hidden || !period || answer.isPlaceholderData) return [];
    return [
      {
        answer: answer.data,
        letter: letterOf(index),
        query: line.query,
        legend: line.legend,
        shift: Number(shift) / 1e9,
        note: m.periodNotes[period],
      },
    ];
  });
}

function useExemplarsOf(url: MetricsUrl, span: Span): { found: ChartExemplar[]; settled: boolean } {
  const { api, tenant } = useBackend();
  const wanted =
    url.ex && url.view === "chart" ? url.q.filter(({ query, hidden }) => query.trim() !== "" && !hidden) : [];
  const answers = useQueries({
    queries: wanted.map(({ query }) => ({
      queryKey: ["metrics", "exemplars", tenant.current, query, toIso(span.from), toIso(span.to)],
      queryFn: ({ signal }: { signal: AbortSignal }) =>
        api.prometheus<ExemplarSeries[]>("query_exemplars", { query, ...seconds(span) }, signal),
    })),
  });
  const data = answers.map((answer) => answer.data);
  const version = answers.map((answer) => answer.dataUpdatedAt).join();
  // biome-ignore lint/correctness/useExhaustiveDependencies: new data have a new time
  const found = useMemo(
    () =>
      data.flatMap((all, query) =>
        (all ?? []).flatMap(({ seriesLabels, exemplars }) =>
          exemplars.slice(-200).map((one, index) => ({
            key: `${query} ${labelsText(seriesLabels)} ${one.timestamp} ${index}`,
            time: one.timestamp,
            value: Number(one.value),
            labels: one.labels,
            series: seriesLabels,
          })),
        ),
      ),
    [version],
  );
  return { found, settled: answers.every((answer) => !answer.isPending) };
}

/** The unit of what is shown, said by the server or guessed from the first query. */
export function unitFound(url: MetricsUrl, answers: readonly (Answered | undefined)[]): Unit {
  const first = answers.findIndex((answer) => answer !== undefined);
  if (answers[first]?.heatmap) return unitOfBuckets(url.q[first]?.query ?? "");
  const said = answers[first]?.unit ?? "";
  if (said !== "") return asUnit(said) ?? unitOfMetric("", said);
  return unitOfQuery(url.q[first]?.query ?? "");
}

export function Results({ url, onUrl, answers, points, stopped }: Props): ReactNode {
  const { api } = useBackend();
  const { span, zone, range, setRange } = useTime();
  const visible = answers.map((answer, index) => (url.q[index]?.hidden ? undefined : answer.data));
  const earlier = useEarlier(url, points);
  const exemplars = useExemplarsOf(url, span);
  const drawn = visible.flatMap((answer, index): Drawn<Answered>[] => {
    const line = url.q[index];
    return answer && line && !answer.ask.instant
      ? [{ answer, letter: letterOf(index), query: line.query, legend: line.legend, shift: 0 }]
      : [];
  });
  const all = [...drawn, ...earlier];
  const version = all.map((part) => `${part.letter}${part.answer.at}${part.legend}${part.note ?? ""}`).join();
  // biome-ignore lint/correctness/useExhaustiveDependencies: new answers have a new time
  const frame = useMemo(() => measured("nexus-chart-frame", () => toFrame(all)), [version]);
  const thresholds = useMemo<Threshold[]>(() => (url.line === null ? [] : [{ value: url.line }]), [url.line]);
  const unit = url.unit === "auto" ? unitFound(url, visible) : url.unit;
  const asked = url.q.some(({ query, hidden }) => query.trim() !== "" && !hidden);
  if (!asked) return <State title={m.nothingTyped}>{m.nothingTypedHelp}</State>;
  const failures = answers.flatMap((answer, index) =>
    answer.error && !url.q[index]?.hidden
      ? [{ error: answer.error, letter: letterOf(index), retry: answer.refetch }]
      : [],
  );
  const there = visible.filter((answer) => answer !== undefined);
  const stale = answers.some((answer) => answer.isPlaceholderData || (answer.isError && answer.data !== undefined));
  const waiting = there.length === 0 && answers.some((answer) => answer.isFetching);
  const total = drawn.reduce((sum, part) => sum + part.answer.total, 0);
  const empty = there.every((one) => one.series.length === 0 && one.text === "" && !one.heatmap) && there.length > 0;
  const heated = url.view === "chart" ? all.filter((part) => part.answer.heatmap) : [];
  const buckets = drawn.some((part) => areBuckets(part.answer.series.map((one) => one.labels)));
  const summed = drawn.reduce((sum, part) => sum + (part.answer.heatmap?.series ?? 0), 0);
  const oldest = Math.min(...there.map((answer) => answer.at));
  const onExemplar = (one: ChartExemplar): void =>
    onUrl({
      panel: `exemplar:${JSON.stringify({ t: one.time, v: one.value, l: one.labels, s: one.series, id: traceOf(one.labels) })}`,
    });
  return (
    <div className={styles.results}>
      <Notes answers={there} />
      {url.view === "chart" && buckets && url.style !== "heatmap" && (
        <div className={styles.infos}>
          {m.buckets}{" "}
          <button type="button" className={styles.textButton} onClick={() => onUrl({ style: "heatmap" })}>
            {m.asHeatmap}
          </button>
        </div>
      )}
      {url.view === "chart" &&
        url.style === "heatmap" &&
        there.length > 0 &&
        !stale &&
        heated.length === 0 &&
        !empty && <div className={styles.infos}>{m.noBuckets}</div>}
      {failures.map(({ error, letter, retry }) =>
        isQueryMistake(error) ? (
          there.length === 0 && (
            <State key={letter} title={m.mistake(letter)}>
              {m.mistakeHelp}
            </State>
          )
        ) : (
          <ErrorState key={letter} error={error} title={m.failed(letter)} onRetry={() => void retry()} />
        ),
      )}
      {waiting && !stopped && <Skeleton rows={8} label={m.running} />}
      {stale && failures.length > 0 && (
        <div className={styles.banner}>{m.stale(formatAge(fromMs(oldest), fromMs(Date.now())))}</div>
      )}
      {there.length > 0 && (
        <div className={styles.status}>
          <Cost
            answers={there}
            shown={frame.series.filter((one) => one.earlier === undefined).length + summed}
            total={total + summed}
            table={url.view === "table"}
          />
          {url.ex && url.view === "chart" && exemplars.settled && exemplars.found.length === 0 && (
            <span className={styles.note}>{m.noExemplars}</span>
          )}
          <span className={styles.space} />
          <LogsCount
            query={url.q.find(({ query, hidden }) => query && !hidden)?.query ?? ""}
            span={span}
            onOpen={() => onUrl({ panel: "logs" })}
          />
        </div>
      )}
      {empty && !stale && (
        <EmptyResult
          queries={url.q.filter(({ hidden }) => !hidden).map(({ query }) => query)}
          now={fromMs(api.now())}
          onQuery={(query) => onUrl({ q: [{ query, legend: "", hidden: false }] })}
        />
      )}
      {heated.map((part) => (
        <div key={`${part.letter} ${part.note ?? ""}`} className={styles.heated}>
          {(heated.length > 1 || part.note || frame.series.length > 0) && (
            <h3>{[part.letter, part.note, part.legend || part.query].filter(Boolean).join(" · ")}</h3>
          )}
          <Heated
            answer={part.answer}
            query={part.query}
            unit={url.unit === "auto" ? unitOfBuckets(part.query) : url.unit}
            zone={zone}
            shift={part.shift}
            gutter={GUTTER}
            label={m.heatmapOf(part.query)}
            stale={stale}
            exemplars={part.note ? NO_EXEMPLARS : exemplars.found}
            thresholds={thresholds}
            onZoom={(next) => setRange(absolute(next))}
            onZoomOut={() => setRange(zoomOut(range, span))}
            onExemplar={onExemplar}
          />
        </div>
      ))}
      {url.view === "chart" && frame.series.length > 0 && (
        <Chart
          frame={frame}
          span={drawn[0] ? (visible.find((answer) => answer)?.ask.span ?? span) : span}
          zone={zone}
          unit={unit}
          style={url.style === "heatmap" ? "line" : url.style}
          label={url.q.map(({ query }) => query).join(", ")}
          height={320}
          gutter={heated.length > 0 ? GUTTER : undefined}
          stale={stale}
          total={total}
          thresholds={thresholds}
          exemplars={heated.length > 0 ? NO_EXEMPLARS : exemplars.found}
          onZoom={(next) => setRange(absolute(next))}
          onZoomOut={() => setRange(zoomOut(range, span))}
          onTop={(top) => onUrl({ top })}
          onSeries={(one) => onUrl({ panel: `logs:${JSON.stringify(one.labels)}` })}
          onExemplar={onExemplar}
        />
      )}
      {url.view === "table" && !empty && there.length > 0 && (
        <InstantTable
          parts={visible.flatMap((answer, index) => (answer?.ask.instant ? [{ answer, letter: letterOf(index) }] : []))}
          unit={unit}
          zone={zone}
          stale={stale}
          onSeries={(labels) => onUrl({ panel: `logs:${JSON.stringify(labels)}` })}
        />
      )}
    </div>
  );
}

function Notes({ answers }: { answers: readonly Answered[] }): ReactNode {
  const warnings = [...new Set(answers.flatMap((answer) => answer.warnings))];
  const infos = [...new Set(answers.flatMap((answer) => answer.infos))];
  return (
    <>
      {warnings.length > 0 && (
        <ul className={styles.banner} aria-label={m.warnings} data-testid="warnings">
          {warnings.map((text) => (
            <li key={text}>{text}</li>
          ))}
        </ul>
      )}
      {infos.length > 0 && (
        <ul className={styles.infos} aria-label={m.infos} data-testid="infos">
          {infos.map((text) => (
            <li key={text}>{text}</li>
          ))}
        </ul>
      )}
    </>
  );
}

function Cost({
  answers,
  shown,
  total,
  table,
}: {
  answers: readonly Answered[];
  shown: number;
  total: number;
  table: boolean;
}): ReactNode {
  const sum = (pick: (one: Answered) => number): number => answers.reduce((all, one) => all + pick(one), 0);
  const slowest = Math.max(...answers.map((one) => one.statistics.elapsed_ms));
  const count = table ? sum((one) => one.series.length) : shown;
  return (
    <>
      <span data-testid="series-count">{m.drawn(count, table ? sum((one) => one.total) : total)}</span>
      <Popover position="bottom-start" width={420} trapFocus>
        <Popover.Target>
          <button type="button" className={styles.textButton} title={m.statistics}>
            {formatDuration(slowest)} · {m.samples(sum((one) => one.statistics.samples))}
            {!table && ` · ${m.step.toLowerCase()} ${formatStep(answers[0]?.step ?? 0)}`}
          </button>
        </Popover.Target>
        <Popover.Dropdown aria-label={m.statistics}>
          <table className={styles.costs}>
            <thead>
              <tr>
                <th scope="col">{m.statistics}</th>
                {answers.map((one) => (
                  <th key={one.statistics.query_id} scope="col">
                    <code title={one.ask.query}>{one.ask.query.slice(0, 16)}</code>
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {(
                [
                  [m.stat.elapsed, (one) => formatDuration(one.statistics.elapsed_ms)],
                  [m.stat.series, (one) => formatShort(one.statistics.series)],
                  [m.stat.samples, (one) => formatShort(one.statistics.samples)],
                  [m.stat.peak, (one) => formatShort(one.statistics.peak_samples)],
                  [m.stat.bytes, (one) => formatBytes(one.statistics.bytes_read)],
                  [m.stat.id, (one) => one.statistics.query_id.slice(0, 12)],
                ] as [string, (one: Answered) => string][]
              ).map(([label, text]) => (
                <tr key={label}>
                  <th scope="row">{label}</th>
                  {answers.map((one) => (
                    <td key={one.statistics.query_id}>{text(one)}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </Popover.Dropdown>
      </Popover>
    </>
  );
}
