/** Search: query, histogram, facets, rows and the record in the panel. Everything shown follows from the address. */
import { Button } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { type ReactNode, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { ErrorState, Skeleton, State } from "../../components/common/State.tsx";
import { ApiError } from "../../core/api/errors.ts";
import type { LogRecord } from "../../core/api/types.ts";
import { rowsBefore } from "../../core/logs/pages.ts";
import { addToHistory } from "../../core/query/history.ts";
import { searchedWords } from "../../core/query/tokens.ts";
import { t } from "../../core/text.ts";
import { formatDate } from "../../core/time/format.ts";
import { absolute, zoomOut } from "../../core/time/range.ts";
import { useCancelQueries, useHistogram, useLogRows, useParts, useTotal } from "../../hooks/useLogs.ts";
import { usePrefs, useSetPrefs } from "../../hooks/usePrefs.ts";
import { useSize } from "../../hooks/useSize.ts";
import { useTime } from "../../hooks/useTime.tsx";
import { useLogsUrl } from "../../hooks/useUrlState.ts";
import { Chips } from "./Chips.tsx";
import { EmptyRows, NoPermission } from "./EmptyRows.tsx";
import { Facets } from "./Facets.tsx";
import { HistogramChart } from "./HistogramChart.tsx";
import styles from "./LogsPage.module.css";
import { QueryBar } from "./QueryBar.tsx";
import { RecordPanel } from "./RecordPanel.tsx";
import { Rows } from "./Rows.tsx";
import status from "./StatusLine.module.css";
import { StatusLine } from "./StatusLine.tsx";
import { FiltersProvider } from "./useFilters.tsx";

const NO_RECORDS: LogRecord[] = [];
const STACKS = ["severity", "service", ""];

/** Bars about nine pixels wide, in steps of ten so that a small resize asks for nothing new. */
function bucketsFor(width: number): number {
  return width === 0 ? 0 : Math.min(200, Math.max(20, Math.floor(width / 90) * 10));
}

export function LogsPage(): ReactNode {
  const [url, setUrl] = useLogsUrl();
  const time = useTime();
  const { facetsShown } = usePrefs();
  const setPrefs = useSetPrefs();
  const roomy = useMediaQuery("(width >= 1500px)", true, { getInitialValueInEffect: false });
  const [center, { width }] = useSize<HTMLDivElement>();
  const [cancelled, setCancelled] = useState(false);
  const scope = useMemo(() => ({ query: url.q, span: time.span }), [url.q, time.span]);
  const rows = useLogRows(scope, url.order);
  const histogram = useHistogram(scope, url.by, bucketsFor(width));
  const total = useTotal(time.span);
  const parts = useParts(url.q);
  const cancelAll = useCancelQueries();
  const { refresh, setRange, holdRefresh } = time;

  const onQuery = useCallback(
    (query: string) => {
      setCancelled(false);
      setUrl({ q: query.trim(), sel: "" });
      setPrefs((prefs) => ({ searches: addToHistory(prefs.searches, query) }));
      refresh();
    },
    [setUrl, setPrefs, refresh],
  );
  const onColumns = useCallback((cols: string[]) => setUrl({ cols }), [setUrl]);
  const onSelect = useCallback((sel: string) => setUrl({ sel }), [setUrl]);
  const onReading = useCallback((reading: boolean) => holdRefresh("reading", reading), [holdRefresh]);
  useEffect(() => () => holdRefresh("reading", false), [holdRefresh]);

  const pages = rows.data?.pages;
  const records = useMemo(() => pages?.flatMap((page) => page.records) ?? NO_RECORDS, [pages]);
  const words = useMemo(() => searchedWords(url.q), [url.q]);
  const dated = formatDate(time.span.from, time.zone) !== formatDate(time.span.to, time.zone);
  const running = rows.isFetching || histogram.isFetching;
  const known = useMemo(() => records.find((record) => record.id === url.sel), [records, url.sel]);
  const { hasNextPage, hasPreviousPage, isFetching, fetchNextPage, fetchPreviousPage } = rows;
  const onNeedNext = useCallback(() => {
    if (hasNextPage && !isFetching) void fetchNextPage();
  }, [hasNextPage, isFetching, fetchNextPage]);
  const onNeedPrevious = useCallback(() => {
    if (hasPreviousPage && !isFetching) void fetchPreviousPage();
  }, [hasPreviousPage, isFetching, fetchPreviousPage]);

  const matched = histogram.isPlaceholderData ? undefined : histogram.data?.total;
  const by = STACKS.includes(url.by) ? STACKS : [...STACKS, url.by];
  const body = (): ReactNode => {
    if (rows.isError) {
      if (rows.error instanceof ApiError && rows.error.status === 403) return <NoPermission />;
      return <ErrorState error={rows.error} title={t.error.title} onRetry={() => void rows.refetch()} />;
    }
    if (rows.isPending && rows.fetchStatus === "idle" && cancelled) {
      return (
        <State
          title={t.logs.cancelled}
          actions={
            <Button size="xs" variant="default" onClick={() => void rows.refetch()}>
              {t.error.retry}
            </Button>
          }
        />
      );
    }
    if (rows.isPending) return <Skeleton rows={18} label={t.logs.running} />;
    if (records.length === 0 && !rows.isFetching) {
      return <EmptyRows scope={scope} now={time.now} onRange={setRange} onClear={() => onQuery("")} />;
    }
    return null;
  };
  const state = body();
  const shown = useRef("");
  // While the next rows are on their way, the old ones keep their place.
  if (!rows.isPlaceholderData) shown.current = `${url.q}\n${url.order}\n${time.span.from}\n${time.span.to}`;

  return (
    <FiltersProvider query={url.q} parts={parts} columns={url.cols} onQuery={onQuery} onColumns={onColumns}>
      <div className={styles.page}>
        <QueryBar
          query={url.q}
          span={time.span}
          running={running}
          onRun={onQuery}
          onCancel={() => {
            setCancelled(true);
            cancelAll();
          }}
        />
        <div className={styles.split}>
          {facetsShown && (url.sel === "" || roomy) && <Facets scope={scope} ready={!rows.isPending} />}
          <div className={styles.center} ref={center}>
            <Chips query={url.q} parts={parts} onQuery={onQuery} />
            <HistogramChart
              histogram={histogram.data}
              span={time.span}
              zone={time.zone}
              stale={histogram.isPlaceholderData}
              onZoom={(span) => setRange(absolute(span))}
              onZoomOut={() => setRange(zoomOut(time.range, time.span))}
            >
              <select
                className={styles.by}
                aria-label={t.logs.by}
                value={url.by}
                onChange={(event) => setUrl({ by: event.target.value })}
              >
                {by.map((name) => (
                  <option key={name} value={name}>
                    {t.logs.by}: {name === "" ? t.logs.byNone : name}
                  </option>
                ))}
              </select>
            </HistogramChart>
            <StatusLine
              scope={scope}
              matched={matched}
              total={total.data?.count}
              statistics={pages?.[0]?.statistics}
              running={running}
            />
            {time.every > 0 && time.held && (
              <div className={status.banner} role="status">
                {t.logs.refreshPaused}
                <Button
                  size="compact-xs"
                  variant="default"
                  onClick={() => {
                    setUrl({ sel: "" });
                    holdRefresh("reading", false);
                    refresh();
                  }}
                >
                  {t.logs.resume}
                </Button>
              </div>
            )}
            <h2 className="visually-hidden">{t.logs.rows}</h2>
            {state ? (
              <div className={styles.state}>{state}</div>
            ) : (
              <Rows
                records={records}
                before={rowsBefore(pages?.[0]?.trail)}
                hasMore={hasNextPage}
                loading={rows.isFetching}
                stale={rows.isPlaceholderData}
                columns={url.cols}
                words={words}
                zone={time.zone}
                dated={dated}
                order={url.order}
                selectedId={url.sel}
                identity={shown.current}
                onOrder={(order) => setUrl({ order })}
                onSelect={onSelect}
                onNeedNext={onNeedNext}
                onNeedPrevious={onNeedPrevious}
                onReading={onReading}
              />
            )}
          </div>
          {url.sel !== "" && (
            <RecordPanel id={url.sel} known={known} zone={time.zone} words={words} onClose={() => onSelect("")} />
          )}
        </div>
      </div>
    </FiltersProvider>
  );
}

export { LogsPage as Component };
