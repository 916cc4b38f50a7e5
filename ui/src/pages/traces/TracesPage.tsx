/** Search of traces: query and form, heatmap, attributes, list, comparison, metrics, and the panel. Everything follows from the address. */
import { Button, Menu, Select } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import {
  IconAdjustments,
  IconFileUpload,
  IconHistory,
  IconLayoutSidebarLeftExpand,
  IconPlayerPlayFilled,
  IconPlayerStopFilled,
  IconX,
} from "@tabler/icons-react";
import { useIsFetching } from "@tanstack/react-query";
import {
  type KeyboardEvent,
  lazy,
  type ReactNode,
  Suspense,
  useCallback,
  useEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import { CursorProvider } from "../../components/charts/cursor.tsx";
import { IconButton } from "../../components/common/IconButton.tsx";
import { ErrorState, NoPermission, Skeleton, State } from "../../components/common/State.tsx";
import type { EditorHandle } from "../../components/editor/useCodeMirror.ts";
import Panels from "../../components/panels/Panels.tsx";
import { TraceList } from "../../components/trace/TraceList.tsx";
import { type EditQuery, VerbsProvider } from "../../components/trace/useVerbs.tsx";
import { ApiError } from "../../core/api/errors.ts";
import { TRACE_ORDERS, type TraceOrder } from "../../core/api/traces.ts";
import { formatDuration } from "../../core/format.ts";
import { fromCodePoints } from "../../core/query/edit.ts";
import { addToHistory } from "../../core/query/history.ts";
import { t } from "../../core/text.ts";
import { absolute, resolveExpression, type Span, zoomOut } from "../../core/time/range.ts";
import {
  boxTimes,
  type Chosen,
  compareSides,
  heatStep,
  readHeatmap,
  withDurations,
} from "../../core/traces/heatmap.ts";
import { withoutStages } from "../../core/traces/traceql.ts";
import { x } from "../../core/tracesText.ts";
import { parsePanels, pushPanel } from "../../core/url/panels.ts";
import { useAction } from "../../hooks/useActions.tsx";
import { useCancelQueries } from "../../hooks/useLogs.ts";
import { useOpenFile } from "../../hooks/useOpenFile.ts";
import { usePrefs, useSetPrefs } from "../../hooks/usePrefs.ts";
import { useTime } from "../../hooks/useTime.tsx";
import { FIRST_TRACES, MORE_TRACES, useTraceHeatmap, useTraceNames, useTraceSearch } from "../../hooks/useTraces.ts";
import { TRACES_TABS, type TracesTab, type TracesUrl, useTracesUrl } from "../../hooks/useTracesUrl.ts";
import { useUrlPanel } from "../../hooks/useUrlPanel.ts";
import bar from "../logs/QueryBar.module.css";
import tabStyles from "../logs/Tabs.module.css";
import { DurationHeatmap } from "./DurationHeatmap.tsx";
import { EmptyTraces } from "./EmptyTraces.tsx";
import { SearchForm } from "./SearchForm.tsx";
import { TraceFacets } from "./TraceFacets.tsx";
import styles from "./TracesPage.module.css";

const TraceEditor = lazy(() => import("../../components/editor/TraceEditor.tsx"));
const TracesCompare = lazy(() => import("./TracesCompare.tsx"));
const TracesMetrics = lazy(() => import("./TracesMetrics.tsx"));
const PANEL = "traces-panel";

export function TracesPage(): ReactNode {
  const [url, setUrl] = useTracesUrl();
  const [panel, setPanel] = useUrlPanel();
  const time = useTime();
  const { span, zone, range, now, refresh, setRange } = time;
  const { facetsShown } = usePrefs();
  const setPrefs = useSetPrefs();
  const roomy = useMediaQuery("(width >= 1500px)", true, { getInitialValueInEffect: false });
  const [columns, setColumns] = useState(0);
  const [cancelled, setCancelled] = useState(false);
  const cancelQueries = useCancelQueries("traces");
  const base = withoutStages(url.q);
  const scope = useMemo(() => ({ query: base, span }), [base, span]);
  const step = columns > 0 ? heatStep(span, columns) : 0n;
  const limit = url.more ? MORE_TRACES : FIRST_TRACES;
  const search = useTraceSearch({ query: url.q, span }, url.order, limit, url.tab === "list");
  const heatmap = useTraceHeatmap(scope, Number(step), columns > 0);
  const heat = useMemo(
    () => (heatmap.data && step > 0n && !heatmap.isPlaceholderData ? readHeatmap(heatmap.data, span, step) : null),
    [heatmap.data, heatmap.isPlaceholderData, span, step],
  );
  const running = useIsFetching({ queryKey: ["traces", "search"] }) > 0;
  const names = useTraceNames(span);
  const cancel = (): void => {
    setCancelled(true);
    cancelQueries();
  };
  useAction("escape", () => (running ? (cancel() as undefined) : false));

  const run = useCallback(
    (query: string, change: Partial<TracesUrl> = {}) => {
      setCancelled(false);
      setUrl({ q: query.trim(), more: false, ...change });
      setPrefs((prefs) => ({ traceqls: addToHistory(prefs.traceqls, query) }));
      refresh();
    },
    [setUrl, setPrefs, refresh],
  );
  const onQuery = useCallback((query: string) => run(query), [run]);
  const edit = useCallback<EditQuery>((change, tab) => run(change(url.q), { tab }), [run, url.q]);
  const onTab = (tab: TracesTab): undefined => setUrl({ tab }) as undefined;
  useAction("tabRows", () => onTab("list"));
  useAction("tabPatterns", () => onTab("compare"));
  useAction("tabCompare", () => onTab("metrics"));

  const spanOf = (from: string, to: string): Span | null => {
    if (from === "" || to === "") return null;
    const [start, end] = [resolveExpression(from, "from", now, zone), resolveExpression(to, "to", now, zone)];
    return start !== null && end !== null && start < end ? { from: start, to: end } : null;
  };
  const boxed = url.bfrom !== "" || url.bmin !== "" || url.bmax !== "";
  const sides = compareSides(
    url.q,
    span,
    boxed ? { span: spanOf(url.bfrom, url.bto), min: url.bmin, max: url.bmax } : null,
  );
  const onZoom = (chosen: Chosen): void => {
    if (chosen.min !== "" || chosen.max !== "") run(withDurations(url.q, chosen.min, chosen.max));
    setRange(absolute(chosen.span));
  };
  const onCompare = (chosen: Chosen): void =>
    setUrl({ tab: "compare", ...boxTimes(chosen.span), bmin: chosen.min, bmax: chosen.max });
  const onColumns = useCallback((count: number) => setColumns(count), []);
  const opened = parsePanels(panel).findLast((one) => one.kind === "trace");
  const mistake = [search.error, heatmap.error].find(
    (error): error is ApiError => error instanceof ApiError && error.position !== null,
  );

  const content = (): ReactNode => {
    if (url.tab === "compare")
      return (
        <TracesCompare
          sides={sides}
          boxed={boxed}
          onClearBox={() => setUrl({ bfrom: "", bto: "", bmin: "", bmax: "" })}
        />
      );
    if (url.tab === "metrics") return <TracesMetrics query={url.q} onQuery={onQuery} />;
    if (search.isError) {
      if (search.error instanceof ApiError && search.error.status === 403)
        return <NoPermission title={x.noPermission}>{x.noPermissionHelp}</NoPermission>;
      if (mistake) return <State title={x.mistake}>{mistake.message}</State>;
      return <ErrorState error={search.error} title={x.failed} onRetry={() => void search.refetch()} />;
    }
    if (cancelled && (!search.data || search.isPlaceholderData))
      return (
        <State
          title={t.logs.cancelled}
          actions={
            <Button size="xs" onClick={() => run(url.q)}>
              {t.logs.run}
            </Button>
          }
        />
      );
    if (!search.data) return <Skeleton rows={14} label={t.logs.running} />;
    const { traces, incomplete } = search.data;
    if (traces.length === 0) return <EmptyTraces scope={{ query: url.q, span }} onQuery={onQuery} />;
    return (
      <div className={styles.results} data-stale={search.isPlaceholderData || undefined}>
        {incomplete !== "" && (
          <p className={styles.banner} role="status">
            {incomplete} {x.incomplete}
          </p>
        )}
        <TraceList
          traces={traces}
          selected={opened?.kind === "trace" ? opened.id : ""}
          onOpen={(trace, spanId = "") => setPanel(pushPanel("", { kind: "trace", id: trace.traceId, span: spanId }))}
        />
        {traces.length >= limit && !url.more && (
          <div className={styles.more}>
            <Button size="xs" variant="default" onClick={() => setUrl({ more: true })}>
              {x.showMore}
            </Button>
          </div>
        )}
      </div>
    );
  };

  return (
    <VerbsProvider edit={edit}>
      <CursorProvider>
        <div className={styles.page}>
          <TraceQueryBar
            query={url.q}
            names={names}
            running={running && !cancelled}
            mistake={mistake ?? null}
            form={url.form}
            onForm={(form) => setUrl({ form })}
            onRun={onQuery}
            onCancel={cancel}
          />
          {url.form && <SearchForm query={url.q} span={span} names={names} onQuery={onQuery} />}
          <div className={styles.split}>
            {facetsShown && (panel === "" || roomy) && (
              <TraceFacets
                scope={scope}
                query={url.q}
                ready={!search.isPending || url.tab !== "list"}
                onQuery={onQuery}
              />
            )}
            <div className={styles.center}>
              <DurationHeatmap
                heat={heat}
                span={span}
                zone={zone}
                shown={url.heat}
                stale={heatmap.isFetching}
                error={heatmap.error}
                onRetry={() => void heatmap.refetch()}
                onShown={(shown) => setUrl({ heat: shown })}
                onZoom={onZoom}
                onCompare={onCompare}
                onZoomOut={() => setRange(zoomOut(range, span))}
                onColumns={onColumns}
              />
              <div className={styles.statusLine}>
                {!facetsShown && (
                  <IconButton label={t.logs.showFacets} size={24} onClick={() => setPrefs({ facetsShown: true })}>
                    <IconLayoutSidebarLeftExpand size={16} stroke={1.6} />
                  </IconButton>
                )}
                <TracesTabs tab={url.tab} onTab={onTab} />
                {url.tab === "list" && search.data && !search.isPlaceholderData && (
                  <span role="status" data-testid="trace-count">
                    <b>{x.shown(search.data.traces.length, search.data.traces.length >= limit)}</b>{" "}
                    {formatDuration(search.data.statistics?.elapsed_ms ?? 0)}
                  </span>
                )}
                <span className={styles.space} />
                {url.tab === "list" && (
                  <Select
                    size="xs"
                    className={styles.order}
                    aria-label={x.order}
                    value={url.order}
                    data={TRACE_ORDERS.map((value) => ({ value, label: x.orders[value] }))}
                    allowDeselect={false}
                    onChange={(value) => setUrl({ order: (value ?? "newest") as TraceOrder })}
                  />
                )}
              </div>
              <h2 className="visually-hidden">{x.tab[url.tab]}</h2>
              <div className={styles.tabPanel} role="tabpanel" id={PANEL} aria-labelledby={`traces-tab-${url.tab}`}>
                <Suspense fallback={<Skeleton rows={14} />}>{content()}</Suspense>
              </div>
            </div>
            <Panels value={panel} onChange={setPanel} />
          </div>
        </div>
      </CursorProvider>
    </VerbsProvider>
  );
}

function TracesTabs({ tab, onTab }: { tab: TracesTab; onTab(tab: TracesTab): void }): ReactNode {
  const list = useRef<HTMLDivElement>(null);
  const onKey = (event: KeyboardEvent): void => {
    const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!move) return;
    event.preventDefault();
    const next = (TRACES_TABS.indexOf(tab) + move + TRACES_TABS.length) % TRACES_TABS.length;
    onTab(TRACES_TABS[next] ?? "list");
    list.current?.querySelectorAll<HTMLElement>("[role=tab]")[next]?.focus();
  };
  return (
    <div ref={list} className={tabStyles.tabs} role="tablist" aria-label={x.tabs}>
      {TRACES_TABS.map((name) => (
        <button
          key={name}
          type="button"
          role="tab"
          id={`traces-tab-${name}`}
          className={tabStyles.tab}
          aria-selected={name === tab}
          aria-controls={name === tab ? PANEL : undefined}
          tabIndex={name === tab ? 0 : -1}
          onClick={() => onTab(name)}
          onKeyDown={onKey}
        >
          {x.tab[name]}
        </button>
      ))}
    </div>
  );
}

interface BarProps {
  query: string;
  names: ReturnType<typeof useTraceNames>;
  running: boolean;
  mistake: ApiError | null;
  form: boolean;
  onForm(form: boolean): void;
  onRun(query: string): void;
  onCancel(): void;
}

function TraceQueryBar({ query, names, running, mistake, form, onForm, onRun, onCancel }: BarProps): ReactNode {
  const [draft, setDraft] = useState(query);
  useEffect(() => setDraft(query), [query]);
  const editor = useRef<EditorHandle>(null);
  const { traceqls } = usePrefs();
  const file = useOpenFile();
  useAction("query", () => editor.current?.focus() as undefined);
  useAction("run", () => onRun(draft) as undefined);
  // An old complaint must not mark new text.
  const problem = draft === query ? mistake : null;
  const mark = useMemo(() => {
    if (!problem?.position) return null;
    const from = fromCodePoints(query, problem.position.offset);
    return { from, to: fromCodePoints(query, problem.position.offset + Math.max(1, problem.position.length)) };
  }, [problem, query]);
  return (
    <>
      <div
        className={bar.bar}
        role="search"
        onKeyDown={(event) => {
          if (event.key === "Escape" && running && !event.defaultPrevented) onCancel();
        }}
      >
        <div className={bar.box} data-problem={problem ? true : undefined}>
          <div className={bar.editor}>
            <Suspense fallback={<code className={styles.plain}>{draft || x.placeholder}</code>}>
              <TraceEditor
                ref={editor}
                value={draft}
                label={x.query}
                hint={x.placeholder}
                problem={mark}
                names={names}
                onChange={setDraft}
                onRun={onRun}
              />
            </Suspense>
          </div>
          <div className={bar.tools}>
            {draft !== "" && (
              <IconButton label={x.clear} size={24} onClick={() => onRun("")}>
                <IconX size={14} />
              </IconButton>
            )}
            <Menu position="bottom-end" width={560}>
              <Menu.Target>
                <IconButton label={t.logs.history} size={24}>
                  <IconHistory size={16} stroke={1.6} />
                </IconButton>
              </Menu.Target>
              <Menu.Dropdown>
                {traceqls.length === 0 && <Menu.Label>{t.logs.noHistory}</Menu.Label>}
                {traceqls.slice(0, 12).map((entry) => (
                  <Menu.Item key={entry} onClick={() => onRun(entry)}>
                    <div className={bar.entry}>{entry}</div>
                  </Menu.Item>
                ))}
              </Menu.Dropdown>
            </Menu>
          </div>
        </div>
        {running ? (
          <Button
            size="xs"
            h={32}
            w={92}
            variant="default"
            onClick={onCancel}
            leftSection={<IconPlayerStopFilled size={14} />}
          >
            {t.logs.cancel}
          </Button>
        ) : (
          <Button size="xs" h={32} w={92} onClick={() => onRun(draft)} leftSection={<IconPlayerPlayFilled size={14} />}>
            {t.logs.run}
          </Button>
        )}
        <Button
          size="xs"
          h={32}
          variant={form ? "light" : "default"}
          aria-pressed={form}
          title={x.formHelp}
          leftSection={<IconAdjustments size={14} />}
          onClick={() => onForm(!form)}
        >
          {x.form}
        </Button>
        <IconButton label={x.openFile} size={32} onClick={file}>
          <IconFileUpload size={16} stroke={1.6} />
        </IconButton>
      </div>
      {problem && (
        <div className={bar.problem} role="alert">
          {problem.message} <span>{problem.hint}</span>
        </div>
      )}
    </>
  );
}

export { TracesPage as Component };
