/** One metric: what it is, how it runs in all, and a small chart for each value of a label. */
import { Button, Select, Switch } from "@mantine/core";
import { IconCode } from "@tabler/icons-react";
import { type ReactNode, useMemo } from "react";
import { Chart } from "../../components/charts/Chart.tsx";
import { type ChartExemplar, looksFor, type Threshold } from "../../components/charts/model.ts";
import { ErrorState, NoPermission, Skeleton, State } from "../../components/common/State.tsx";
import { ApiError } from "../../core/api/errors.ts";
import type { MetricInfo } from "../../core/api/metrics.ts";
import { heatFrame, toHeat, unitOfCounts } from "../../core/metrics/heat.ts";
import { isCounter, line, type QueryLine, queriesFor } from "../../core/metrics/queries.ts";
import { type ChartSeries, type Frame, selectorOf, toFrame } from "../../core/metrics/series.ts";
import { asUnit, formatUnit, type Unit, unitOfMetric, unitOfQuery } from "../../core/metrics/units.ts";
import { m } from "../../core/metricsText.ts";
import { formatAge } from "../../core/time/format.ts";
import { fromMs, toMs } from "../../core/time/instant.ts";
import { absolute, type Span, zoomOut } from "../../core/time/range.ts";
import { useApi } from "../../hooks/useApi.tsx";
import {
  type Answered,
  useAnyMetric,
  useMetric,
  useMetricQueries,
  useMetricQuery,
  useSplitLabels,
} from "../../hooks/useMetrics.ts";
import type { MetricsUrl } from "../../hooks/useMetricsUrl.ts";
import { useSize } from "../../hooks/useSize.ts";
import { useTime } from "../../hooks/useTime.tsx";
import { rangeAround } from "./empty.ts";
import styles from "./MetricView.module.css";

interface Props {
  url: MetricsUrl;
  onUrl(change: Partial<MetricsUrl>): void;
  onQuery(lines: readonly QueryLine[], heatmap?: boolean): void;
}

/** Charts on the first screen; "show more" asks for as many again. */
const CHARTS = 24;
const MOST = 96;
/** Width of the scale of charts that stand below a heatmap. */
export const GUTTER = 64;

export function MetricView({ url, onUrl, onQuery }: Props): ReactNode {
  const metric = useMetric(url.metric);
  const any = useAnyMetric(url.metric === "");
  if (url.metric === "" && any.data?.total === 0) return <State title={m.pickNone}>{m.pickNoneHelp}</State>;
  if (url.metric === "")
    return (
      <State
        title={m.pick}
        actions={
          <Button size="xs" variant="default" onClick={() => onUrl({ tab: "query" })}>
            {m.write}
          </Button>
        }
      >
        {m.pickHelp}
      </State>
    );
  if (metric.isPending) return <Skeleton rows={8} />;
  if (metric.isError)
    return metric.error instanceof ApiError && metric.error.status === 403 ? (
      <NoPermission title={m.empty.permission}>{m.empty.permissionHelp}</NoPermission>
    ) : (
      <ErrorState error={metric.error} onRetry={() => void metric.refetch()} />
    );
  if (metric.data === null) return <State title={m.empty.unknown(url.metric)}>{m.empty.unknownHelp}</State>;
  return <Known key={url.metric} metric={metric.data} url={url} onUrl={onUrl} onQuery={onQuery} />;
}

function Known({ metric, url, onUrl, onQuery }: Props & { metric: MetricInfo }): ReactNode {
  const api = useApi();
  const { span, zone, range, setRange } = useTime();
  const [box, { width }] = useSize<HTMLDivElement>();
  const labels = useSplitLabels(metric, span);
  const seconds = (toMs(span.to) - toMs(span.from)) / 1000;
  const { heat, lines } = queriesFor(metric, url.by, seconds);
  const query = lines[0]?.query ?? "";
  const split = url.by !== "";
  const top = split ? Math.max(CHARTS, url.top) : url.top;
  const ask = { span, step: 0, points: pointsFor(split ? width / 3 : width), top, instant: false };
  const answers = useMetricQueries(
    lines.map((entry) => ({ ...ask, query: entry.query })),
    lines.map(() => width > 0),
  );
  const dense = useMetricQuery({ ...ask, query: heat ?? "", heatmap: true }, heat !== null && width > 0);
  const [answer = dense] = answers;
  const heated = heat === null ? answer.data : dense.data;
  const said = answer.data?.unit ?? "";
  const unit = said === "" ? unitFor(metric, query) : (asUnit(said) ?? unitOfMetric("", said));
  const version = answers.map((one) => `${one.data?.at ?? 0}`).join();
  // biome-ignore lint/correctness/useExhaustiveDependencies: new answers have a new time
  const frame = useMemo(() => {
    const drawn = answers.flatMap((one, index) =>
      one.data
        ? [
            {
              answer: one.data,
              // One chart, not several: names say which is which.
              letter: "A",
              query: lines[index]?.query ?? "",
              legend: url.by ? `{{${url.by}}}` : (lines[index]?.legend ?? ""),
              shift: 0,
            },
          ]
        : [],
    );
    return drawn.length === lines.length ? toFrame(drawn) : null;
  }, [version, query, url.by]);
  const onZoom = (next: Span): void => setRange(absolute(next));
  const onZoomOut = (): void => setRange(zoomOut(range, span));
  const now = fromMs(api.now());
  return (
    <div ref={box} className={styles.view}>
      <div className={styles.head}>
        <div className={styles.title}>
          <h2>{metric.name}</h2>
          <p className={styles.facts}>
            <b>{metric.kind || m.unknownKind}</b>
            {(metric.unit || unitOfMetric(metric.name)) && <span>{metric.unit || unitOfMetric(metric.name)}</span>}
            <span>{m.seriesHelp(metric.series)}</span>
            {metric.last > 0 && <span>{m.lastSample(formatAge(fromMs(metric.last), now))}</span>}
          </p>
          <p className={styles.help}>{metric.help || m.noHelp}</p>
        </div>
        <Button
          size="xs"
          leftSection={<IconCode size={14} />}
          onClick={() => onQuery(heat === null ? lines : [line(heat), ...lines], heat !== null)}
        >
          {m.openQuery}
        </Button>
      </div>
      <div className={styles.bar}>
        <Select
          size="xs"
          label={m.by}
          className={styles.by}
          searchable
          data={[
            { value: "", label: m.byNothing },
            ...(labels.data ?? []).map((name) => ({ value: name, label: name })),
          ]}
          value={url.by}
          onChange={(by) => onUrl({ by: by ?? "", top: 20 })}
          allowDeselect={false}
        />
        {split && (
          <Switch
            size="xs"
            label={m.sameScale}
            title={m.sameScaleHelp}
            checked={url.same}
            onChange={(event) => onUrl({ same: event.currentTarget.checked })}
          />
        )}
        <code className={styles.query} title={[heat, ...lines.map((entry) => entry.query)].filter(Boolean).join("\n")}>
          {heat ?? query}
        </code>
        {answer.data && heat === null && (
          <span className={styles.count} data-testid="multiples-count">
            {split && answer.data.total > answer.data.series.length
              ? m.largest(answer.data.series.length, answer.data.total)
              : m.drawn(answer.data.series.length, answer.data.total)}
          </span>
        )}
      </div>
      {answer.isPending && !answer.isError && <Skeleton rows={8} />}
      {answer.isError && !answer.data && (
        <ErrorState error={answer.error} title={m.failed("A")} onRetry={() => void answer.refetch()} />
      )}
      {answer.data && answer.data.series.length === 0 && !heated?.heatmap && <NothingHere metric={metric} />}
      {heated?.heatmap && !split && (
        <Heated
          answer={heated}
          query={heat ?? query}
          unit={unit}
          zone={zone}
          label={m.heatmapOf(metric.name)}
          gutter={GUTTER}
          stale={dense.isPlaceholderData}
          onZoom={onZoom}
          onZoomOut={onZoomOut}
        />
      )}
      {answer.data && frame && frame.series.length > 0 && !split && (
        <Chart
          frame={frame}
          span={answer.data.ask.span}
          zone={zone}
          unit={unit}
          style={heat === null && isCounter(metric.name, metric.kind) ? "area" : "line"}
          label={heat === null ? metric.name : m.quantilesOf(metric.name)}
          height={heat === null ? 300 : 220}
          gutter={heat === null ? undefined : GUTTER}
          stale={answer.isPlaceholderData}
          total={heat === null ? answer.data.total : undefined}
          onZoom={onZoom}
          onZoomOut={onZoomOut}
          onTop={(next) => onUrl({ top: next })}
          onSeries={(one) => onUrl({ panel: `logs:${JSON.stringify(one.labels)}` })}
        />
      )}
      {answer.data && frame && split && (
        <>
          <Multiples
            answer={answer.data}
            frame={frame}
            unit={unit}
            zone={zone}
            same={url.same}
            stale={answer.isPlaceholderData}
            onZoom={onZoom}
            onZoomOut={onZoomOut}
            onOpen={(one) => onQuery([line(narrowed(query, metric.name, one, url.by))])}
          />
          {answer.data.total > answer.data.series.length && (
            <div className={styles.more}>
              <span>{m.more(answer.data.total - answer.data.series.length)}</span>
              {top < MOST && (
                <Button
                  size="compact-xs"
                  variant="default"
                  onClick={() => onUrl({ top: Math.min(MOST, top + CHARTS) })}
                >
                  {m.showMore(Math.min(MOST, top + CHARTS, answer.data.total))}
                </Button>
              )}
            </div>
          )}
        </>
      )}
    </div>
  );
}

interface HeatedProps {
  answer: Answered;
  query: string;
  unit: Unit;
  zone: string;
  label: string;
  height?: number;
  /** Seconds that an earlier period is moved by. */
  shift?: number;
  gutter?: number;
  stale: boolean;
  exemplars?: readonly ChartExemplar[];
  thresholds?: readonly Threshold[];
  onZoom(span: Span): void;
  onZoomOut(): void;
  onExemplar?(exemplar: ChartExemplar): void;
}

/** The histograms of an answer, as a heatmap. */
export function Heated({ answer, query, shift = 0, height = 300, ...rest }: HeatedProps): ReactNode {
  const { heatmap } = answer;
  const counts = unitOfCounts(query);
  const heat = useMemo(() => (heatmap ? toHeat(heatmap, shift) : null), [heatmap, shift]);
  const frame = useMemo(() => (heat ? heatFrame(heat, rest.unit) : null), [heat, rest.unit]);
  const { from, to } = answer.ask.span;
  const moved = BigInt(Math.round(shift * 1000)) * 1_000_000n;
  const span = useMemo(() => ({ from: from + moved, to: to + moved }), [from, to, moved]);
  if (!heat || !frame) return null;
  return <Chart {...rest} frame={frame} span={span} heat={heat} counts={counts} height={height} />;
}

/** Points for a width, in steps so that a small resize asks for nothing new. */
export function pointsFor(width: number): number {
  return width <= 0 ? 0 : Math.min(1200, Math.max(100, Math.ceil(width / 100) * 100));
}

function unitFor(metric: MetricInfo, query: string): Unit {
  const own = unitOfMetric(metric.name, metric.unit);
  if (/_count$/.test(metric.name)) return unitOfQuery(query);
  if (["histogram", "gaugehistogram", "summary", "gauge", ""].includes(metric.kind)) return own || unitOfQuery(query);
  return unitOfQuery(query);
}

/** The query of the whole with the selector narrowed to one value. */
function narrowed(query: string, metric: string, one: ChartSeries, by: string): string {
  const value = one.labels[by];
  if (value === undefined) return query;
  const name = query.includes(selectorOf(`${metric}_bucket`)) ? `${metric}_bucket` : metric;
  return query.replace(selectorOf(name), selectorOf(name, { [by]: value }));
}

function NothingHere({ metric }: { metric: MetricInfo }): ReactNode {
  const api = useApi();
  const { setRange } = useTime();
  const last = metric.last > 0 ? fromMs(metric.last) : null;
  return (
    <State
      title={m.empty.range}
      actions={
        last !== null && (
          <Button size="xs" onClick={() => setRange(rangeAround(last))}>
            {m.empty.jump}
          </Button>
        )
      }
    >
      {last === null ? m.empty.rangeOlder : m.empty.rangeLast(formatAge(last, fromMs(api.now())))}
    </State>
  );
}

interface MultiplesProps {
  answer: Answered;
  frame: Frame;
  unit: Unit;
  zone: string;
  same: boolean;
  stale: boolean;
  onZoom(span: Span): void;
  onZoomOut(): void;
  onOpen(series: ChartSeries): void;
}

function Multiples({ answer, frame, unit, zone, same, stale, onZoom, onZoomOut, onOpen }: MultiplesProps): ReactNode {
  const scale = useMemo(() => {
    if (!same) return null;
    const low = Math.min(...frame.series.map((one) => one.min ?? Number.POSITIVE_INFINITY));
    const high = Math.max(...frame.series.map((one) => one.max ?? Number.NEGATIVE_INFINITY));
    return Number.isFinite(low) && Number.isFinite(high) ? ([low, high] as const) : null;
  }, [frame, same]);
  const looks = useMemo(() => looksFor(frame.series), [frame]);
  const frames = useMemo(() => frame.series.map((one) => ({ times: frame.times, series: [one] })), [frame]);
  return (
    <div className={styles.grid} data-testid="multiples">
      {frames.map((one) => {
        const series = one.series[0];
        if (!series) return null;
        return (
          <div key={series.key} className={styles.card}>
            <div className={styles.cardHead}>
              <button type="button" title={`${m.openQuery}: ${series.name}`} onClick={() => onOpen(series)}>
                {series.name}
              </button>
              <span>{formatUnit(series.last, unit)}</span>
            </div>
            <Chart
              frame={one}
              span={answer.ask.span}
              zone={zone}
              unit={unit}
              style="area"
              label={series.name}
              height={120}
              small
              legend={false}
              stale={stale}
              range={scale}
              looks={looks}
              onZoom={onZoom}
              onZoomOut={onZoomOut}
            />
          </div>
        );
      })}
    </div>
  );
}
