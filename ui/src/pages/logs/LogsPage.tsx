/** Search: query, histogram, facets, rows, patterns, comparison, context and the panel. Everything follows from the address. */
import { useMediaQuery } from "@mantine/hooks";
import { useIsFetching } from "@tanstack/react-query";
import { lazy, type ReactNode, Suspense, useCallback, useMemo, useRef, useState } from "react";
import { Skeleton } from "../../components/common/State.tsx";
import type { LogRecord } from "../../core/api/types.ts";
import type { Against } from "../../core/logs/compare.ts";
import { fieldTerm, filterTerm } from "../../core/query/edit.ts";
import { addToHistory } from "../../core/query/history.ts";
import { searchedWords } from "../../core/query/tokens.ts";
import { t } from "../../core/text.ts";
import { toIso } from "../../core/time/instant.ts";
import { absolute, resolveExpression, type Span, zoomOut } from "../../core/time/range.ts";
import type { Tab } from "../../core/url/codecs.ts";
import { pushPanel } from "../../core/url/panels.ts";
import { useAction } from "../../hooks/useActions.tsx";
import { useMovingSpan } from "../../hooks/useLive.ts";
import { useCancelQueries, useHistogram, useParts } from "../../hooks/useLogs.ts";
import { usePrefs, useSetPrefs } from "../../hooks/usePrefs.ts";
import { useSize } from "../../hooks/useSize.ts";
import { useTime } from "../../hooks/useTime.tsx";
import { useUrlPanel } from "../../hooks/useUrlPanel.ts";
import { type LogsUrl, useLogsUrl } from "../../hooks/useUrlState.ts";
import { Chips } from "./Chips.tsx";
import { Facets } from "./Facets.tsx";
import { HistogramChart } from "./HistogramChart.tsx";
import { LiveRows } from "./LiveRows.tsx";
import styles from "./LogsPage.module.css";
import { QueryBar } from "./QueryBar.tsx";
import { RecordPanel } from "./RecordPanel.tsx";
import { SearchRows } from "./SearchRows.tsx";
import { TAB_PANEL, Tabs } from "./Tabs.tsx";
import { FiltersProvider } from "./useFilters.tsx";

const PatternsView = lazy(() => import("./PatternsView.tsx"));
const CompareView = lazy(() => import("./CompareView.tsx"));
const ContextView = lazy(() => import("./ContextView.tsx"));
const Panels = lazy(() => import("../../components/panels/Panels.tsx"));
const FieldPanel = lazy(() => import("./FieldPanel.tsx"));

const STACKS = ["severity", "service", ""];
/** Requests that Cancel is about. */
const MAIN = new Set(["search", "histogram", "patterns", "compare", "context"]);
const LIVE_MINUTES = 5;

/** Bars about nine pixels wide, in steps of ten so that a small resize asks for nothing new. */
function bucketsFor(width: number): number {
  return width === 0 ? 0 : Math.min(200, Math.max(20, Math.floor(width / 90) * 10));
}

function spanOf(from: string, to: string, page: { now: bigint; zone: string }): Span | null {
  const [start, end] = [
    resolveExpression(from, "from", page.now, page.zone),
    resolveExpression(to, "to", page.now, page.zone),
  ];
  return start !== null && end !== null && start < end ? { from: start, to: end } : null;
}

export function LogsPage(): ReactNode {
  const [url, setUrl] = useLogsUrl();
  const [beside, setPanel] = useUrlPanel();
  const time = useTime();
  const { facetsShown } = usePrefs();
  const setPrefs = useSetPrefs();
  const roomy = useMediaQuery("(width >= 1500px)", true, { getInitialValueInEffect: false });
  const [center, { width }] = useSize<HTMLDivElement>();
  const [cancelled, setCancelled] = useState(false);
  const { refresh, setRange, setLive, zone } = time;
  const live = time.live;
  const fast = useMovingSpan(live, LIVE_MINUTES, 2000);
  const slow = useMovingSpan(live, LIVE_MINUTES, 15_000);
  const span = live ? fast : time.span;
  const scope = useMemo(() => ({ query: url.q, span: time.span }), [url.q, time.span]);
  const sideScope = useMemo(() => ({ query: url.q, span: live ? slow : time.span }), [url.q, live, slow, time.span]);
  const chartScope = useMemo(() => ({ query: url.q, span }), [url.q, span]);
  const inContext = url.ctx !== "";
  const histogram = useHistogram(chartScope, url.by, bucketsFor(width));
  const parts = useParts(url.q);
  const cancelAll = useCancelQueries();
  const fetching =
    useIsFetching({
      predicate: ({ queryKey }) => queryKey[0] === "logs" && typeof queryKey[1] === "string" && MAIN.has(queryKey[1]),
    }) > 0;
  const running = fetching && !live;
  const shown = useRef<readonly LogRecord[]>([]);
  const around = useRef<readonly LogRecord[]>([]);

  const run = useCallback(
    (query: string, change: Partial<LogsUrl> = {}) => {
      setCancelled(false);
      setUrl({ q: query.trim(), sel: "", ctx: "", ...change });
      setPrefs((prefs) => ({ searches: addToHistory(prefs.searches, query) }));
      refresh();
    },
    [setUrl, setPrefs, refresh],
  );
  const onQuery = useCallback((query: string) => run(query), [run]);
  const onColumns = useCallback((cols: string[]) => setUrl({ cols }), [setUrl]);
  const onSelect = useCallback((sel: string) => setUrl({ sel, stat: "" }), [setUrl]);
  const onContext = useCallback((ctx: string) => setUrl({ ctx, sel: "", stat: "", same: "stream" }), [setUrl]);
  const onField = useCallback((stat: string) => setUrl({ stat, sel: "" }), [setUrl]);
  const onTrace = useCallback(
    (id: string, traceSpan: string) => setPanel(pushPanel("", { kind: "trace", id, span: traceSpan })),
    [setPanel],
  );
  const onTab = useCallback(
    (tab: Tab) => {
      if (tab !== "rows") setLive(false);
      setUrl({ tab, sel: "" });
    },
    [setUrl, setLive],
  );
  const onLive = useCallback(
    (on: boolean) => {
      setUrl({ tab: "rows", sel: "", ctx: "" });
      setLive(on);
      if (!on) refresh();
    },
    [setUrl, setLive, refresh],
  );
  const onCompare = useCallback(
    (chosen: Span, vs: Against) => {
      setLive(false);
      setUrl({ tab: "compare", bfrom: toIso(chosen.from), bto: toIso(chosen.to), vs, sel: "" });
    },
    [setUrl, setLive],
  );
  useAction("live", () => {
    // The tail pauses itself; a running auto-refresh is what the key stops.
    if (live || time.every > 0) return false;
    onLive(true);
    return true;
  });

  const words = useMemo(() => searchedWords(url.q), [url.q]);
  const matched = histogram.isPlaceholderData ? undefined : histogram.data?.total;
  const by = STACKS.includes(url.by) ? STACKS : [...STACKS, url.by];
  const brushed = url.tab === "compare" ? spanOf(url.bfrom, url.bto, time) : null;
  const visible = (inContext ? around : shown).current;
  const known = url.sel === "" ? undefined : visible.find((record) => record.id === url.sel);
  const tabs = <Tabs tab={url.tab} onTab={onTab} />;
  const panel = url.sel !== "" || url.stat !== "" || beside !== "";

  const content = (): ReactNode => {
    if (live && url.tab === "rows")
      return (
        <LiveRows
          query={url.q}
          columns={url.cols}
          words={words}
          zone={zone}
          selectedId={url.sel}
          held={inContext}
          tabs={tabs}
          shown={shown}
          onSelect={onSelect}
          onStop={() => onLive(false)}
        />
      );
    if (url.tab === "patterns")
      return (
        <PatternsView
          scope={scope}
          url={url}
          tabs={tabs}
          setUrl={setUrl}
          onShow={(id) => run(filterTerm(url.q, parts, fieldTerm("template_id", id)), { tab: "rows" })}
          onClear={() => onQuery("")}
        />
      );
    if (url.tab === "compare")
      return <CompareView url={url} parts={parts} brushed={brushed} tabs={tabs} setUrl={setUrl} />;
    return (
      <SearchRows
        scope={scope}
        url={url}
        words={words}
        matched={matched}
        running={running}
        cancelled={cancelled}
        tabs={tabs}
        shown={shown}
        setUrl={setUrl}
        onSelect={onSelect}
        onClear={() => onQuery("")}
      />
    );
  };

  return (
    <FiltersProvider
      query={url.q}
      parts={parts}
      columns={url.cols}
      onQuery={onQuery}
      onColumns={onColumns}
      onContext={onContext}
      onField={onField}
      onTrace={onTrace}
    >
      <div className={styles.page}>
        <QueryBar
          query={url.q}
          span={span}
          running={running}
          live={live}
          onRun={onQuery}
          onLive={onLive}
          onCancel={() => {
            setCancelled(true);
            cancelAll();
          }}
        />
        <div className={styles.split}>
          <div className={styles.main}>
            {/* Below the context the search stays as it was left. */}
            <div className={styles.under} inert={inContext}>
              {facetsShown && (!panel || roomy) && <Facets scope={sideScope} ready={live || !histogram.isPending} />}
              <div className={styles.center} ref={center}>
                <Chips query={url.q} parts={parts} onQuery={onQuery} />
                <HistogramChart
                  histogram={histogram.data}
                  span={span}
                  zone={zone}
                  stale={histogram.isPlaceholderData && !live}
                  chosen={brushed}
                  onZoom={(chosen) => setRange(absolute(chosen))}
                  onZoomOut={() => setRange(zoomOut(time.range, time.span))}
                  onCompare={onCompare}
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
                <h2 className="visually-hidden">{t.tabs[url.tab]}</h2>
                <div className={styles.tabPanel} role="tabpanel" id={TAB_PANEL} aria-labelledby={`tab-${url.tab}`}>
                  <Suspense fallback={<Skeleton rows={18} />}>{content()}</Suspense>
                </div>
              </div>
            </div>
            {inContext && (
              <div className={styles.over}>
                <Suspense fallback={<Skeleton rows={18} />}>
                  <ContextView
                    id={url.ctx}
                    same={url.same}
                    query={url.q}
                    words={words}
                    zone={zone}
                    selectedId={url.sel}
                    shown={around}
                    onSame={(same) => setUrl({ same })}
                    onSelect={onSelect}
                    onClose={() => setUrl({ ctx: "", sel: "" })}
                  />
                </Suspense>
              </div>
            )}
          </div>
          {beside !== "" && (
            <Suspense>
              <Panels value={beside} onChange={setPanel} />
            </Suspense>
          )}
          {url.sel !== "" && beside === "" && (
            <RecordPanel id={url.sel} known={known} zone={zone} words={words} onClose={() => onSelect("")} />
          )}
          {url.stat !== "" && url.sel === "" && beside === "" && (
            <Suspense>
              <FieldPanel
                scope={sideScope}
                field={url.stat}
                by={url.by}
                onStack={(name) => setUrl({ by: name })}
                onClose={() => setUrl({ stat: "" })}
              />
            </Suspense>
          )}
        </div>
      </div>
    </FiltersProvider>
  );
}

export { LogsPage as Component };
