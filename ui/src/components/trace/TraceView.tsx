/** One trace: head, minimap, toolbar, and one of the ways to look at it; the open span beside or below. */

import { Button, Menu } from "@mantine/core";
import {
  IconAlertTriangle,
  IconDots,
  IconDownload,
  IconExternalLink,
  IconFileUpload,
  IconRoute,
} from "@tabler/icons-react";
import { type ReactNode, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { Link, useNavigate } from "react-router";
import { ApiError } from "../../core/api/errors.ts";
import type { TraceDocument } from "../../core/api/traces.ts";
import { formatCount } from "../../core/format.ts";
import { formatInstant } from "../../core/time/format.ts";
import type { Span } from "../../core/time/range.ts";
import { failureToast } from "../../core/toasts.ts";
import { FILE_ID } from "../../core/traces/file.ts";
import { nextHit } from "../../core/traces/find.ts";
import {
  BLAME,
  type Blame,
  blamed,
  nameOf,
  pathByService,
  serviceOf,
  spanById,
  type Trace,
} from "../../core/traces/model.ts";
import { type Folds, NO_FOLDS, reveal } from "../../core/traces/rows.ts";
import { formatNs, hiddenBy, type TraceView as View } from "../../core/traces/view.ts";
import { x } from "../../core/tracesText.ts";
import { useAction } from "../../hooks/useActions.tsx";
import { useApi } from "../../hooks/useApi.tsx";
import { useOpenFile } from "../../hooks/useOpenFile.ts";
import { usePagePath } from "../../hooks/usePagePath.ts";
import { useTime } from "../../hooks/useTime.tsx";
import { useAnswer, useTraceEngine } from "../../hooks/useTraceEngine.ts";
import { useSpansWithin, useTraceDocument } from "../../hooks/useTraces.ts";
import { CopyIcon } from "../common/CopyButton.tsx";
import { download } from "../common/download.ts";
import { IconButton } from "../common/IconButton.tsx";
import { ErrorState, NoPermission, Skeleton, State } from "../common/State.tsx";
import { SidePanel } from "../shell/SidePanel.tsx";
import { DiffView } from "./DiffView.tsx";
import { FlameGraph } from "./FlameGraph.tsx";
import { Minimap } from "./Minimap.tsx";
import { serviceTokens } from "./paint.ts";
import { likeIt, paddedSpan, SpanDetails } from "./SpanDetails.tsx";
import { OperationTable, SpanTable, Swatch } from "./SpanTables.tsx";
import styles from "./Trace.module.css";
import { TraceToolbar } from "./TraceToolbar.tsx";
import { Waterfall } from "./Waterfall.tsx";

const NO_HITS = new Int32Array(0);

interface Props {
  id: string;
  view: View;
  onView(change: Partial<View>): void;
  /** In the right-hand panel: the open span stands below. */
  inPanel: boolean;
  onTrace(id: string, span: string): void;
}

export function TraceView({ id, view, onView, inPanel, onTrace }: Props): ReactNode {
  const { span } = useTime();
  const answer = useTraceDocument(id, span);
  if (answer.isPending) return <Skeleton rows={16} label={x.loadingTrace} />;
  if (answer.isError) return <Failed error={answer.error} id={id} onRetry={() => void answer.refetch()} />;
  return (
    <Opened key={id} id={id} document={answer.data} view={view} onView={onView} inPanel={inPanel} onTrace={onTrace} />
  );
}

function Failed({ error, id, onRetry }: { error: Error; id: string; onRetry(): void }): ReactNode {
  const choose = useOpenFile();
  if (error instanceof ApiError && error.code === "file_gone")
    return (
      <State
        title={x.fileGone}
        actions={
          <Button size="xs" variant="default" title={x.openFileHelp} onClick={choose}>
            {x.openFile}
          </Button>
        }
      >
        {x.fileGoneHelp}
      </State>
    );
  if (error instanceof ApiError && error.status === 403)
    return <NoPermission title={x.noPermission}>{x.noPermissionHelp}</NoPermission>;
  if (error instanceof ApiError && error.status === 404)
    return (
      <State
        icon={<IconRoute size={32} stroke={1.3} />}
        title={x.missing}
        actions={
          <Button size="xs" variant="default" onClick={onRetry}>
            {x.again}
          </Button>
        }
      >
        <p>{x.missingHelp}</p>
        <p>
          <code>{id}</code>
        </p>
      </State>
    );
  return <ErrorState error={error} onRetry={onRetry} />;
}

function Opened({ id, document, view, onView, inPanel, onTrace }: Props & { document: TraceDocument }): ReactNode {
  const open = useTraceEngine(document);
  const { trace } = open;
  const [folds, setFolds] = useState<Folds>(NO_FOLDS);
  const input = useRef<HTMLInputElement>(null);
  const hidden = useMemo(() => hiddenBy(document, view), [document, view]);
  const folded = useMemo(() => ({ ...folds, repeated: view.repeated }), [folds, view.repeated]);
  const condition = /^\s*\{/.test(view.find) ? view.find.trim() : "";
  const around: Span | null = useMemo(() => (trace ? paddedSpan(trace.start, trace.duration) : null), [trace]);
  const within = useSpansWithin(id, condition.endsWith("}") && around ? condition : "", around ?? { from: 0n, to: 1n });
  const words = useAnswer(open, { kind: "find", text: condition === "" ? view.find : "" });
  const hits = useMemo(() => {
    if (!trace || view.find === "") return NO_HITS;
    if (condition === "") return words ?? NO_HITS;
    const wanted = new Set(within.data ?? []);
    return Int32Array.from(trace.ids.flatMap((one, at) => (wanted.has(one) ? [at] : [])));
  }, [trace, view.find, condition, words, within.data]);
  const rows = useAnswer(open, view.view === "waterfall" ? { kind: "rows", hidden, folds: folded } : null);
  const flame = useAnswer(open, view.view === "flame" ? { kind: "flame", hidden } : null);
  const selected = useMemo(() => (trace ? spanById(trace, view.span) : -1), [trace, view.span]);
  const select = useCallback(
    (span: number) => {
      if (!trace || span < 0) return;
      setFolds((now) => reveal(trace, now, span));
      onView({ span: trace.ids[span] ?? "" });
    },
    [trace, onView],
  );
  const jump = (direction: 1 | -1): void => {
    const span = nextHit(hits, selected, direction);
    if (span >= 0) select(span);
  };
  useAction("findNext", () => (hits.length > 0 ? (jump(1) as undefined) : false));
  useAction("findPrevious", () => (hits.length > 0 ? (jump(-1) as undefined) : false));
  useAction("query", () => {
    if (!input.current) return false;
    input.current.focus();
    input.current.select();
    return true;
  });
  const [accused, setAccused] = useState("");
  const wanted = BLAME.find((one) => one === view.span) as Blame | undefined;
  useEffect(() => {
    if (!trace || !wanted) return;
    const span = blamed(trace, wanted);
    const id = trace.ids[span] ?? "";
    if (span >= 0) setFolds((now) => reveal(trace, now, span));
    setAccused(id);
    onView({ span: id });
  }, [trace, wanted, onView]);
  // The span of the address comes into view once the trace is there.
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each trace
  useEffect(() => {
    if (trace && selected >= 0) setFolds((now) => reveal(trace, now, selected));
  }, [trace]);
  if (open.failure) return <ErrorState error={open.failure} />;
  if (!trace) return <Skeleton rows={16} label={x.loadingTrace} />;
  if (trace.count === 0) return <State title={x.missing}>{x.missingPolicy}</State>;
  const at = hits.indexOf(selected);
  const content = (): ReactNode => {
    if (view.view === "diff")
      return (
        <DiffView
          open={open}
          trace={trace}
          other={view.other}
          onOther={(other) => onView({ other })}
          onSelect={select}
        />
      );
    if (view.view === "spans")
      return <SpanTable open={open} trace={trace} hidden={hidden} selected={selected} hits={hits} onSelect={select} />;
    if (view.view === "operations")
      return <OperationTable open={open} trace={trace} hidden={hidden} onSelect={select} />;
    if (view.view === "flame")
      return flame ? (
        <FlameGraph
          trace={trace}
          flame={flame}
          view={view}
          selected={selected}
          hits={hits}
          onSelect={select}
          onZoom={(zoom) => onView({ zoom })}
        />
      ) : (
        <Skeleton rows={12} />
      );
    if (!rows) return <Skeleton rows={12} />;
    if (rows.span.length === 0) return <State title={x.nothingShown} />;
    return (
      <Waterfall
        trace={trace}
        rows={rows}
        view={view}
        folds={folded}
        selected={selected}
        hits={hits}
        onFolds={setFolds}
        onSelect={select}
        onZoom={(zoom) => onView({ zoom })}
      />
    );
  };
  const details = selected >= 0 && (
    <SpanDetails
      traceId={id}
      spanId={view.span}
      traceStart={trace.start}
      traceDuration={trace.duration}
      eager={view.span === accused}
      onTrace={onTrace}
    />
  );
  return (
    <div className={styles.view} data-testid="trace">
      <Head id={id} trace={trace} inPanel={inPanel} view={view} />
      <Oddities trace={trace} onFind={(span) => select(span)} />
      <div className={styles.minimapLine}>
        <Minimap open={open} trace={trace} zoom={view.zoom} onZoom={(zoom) => onView({ zoom })} />
      </div>
      <TraceToolbar
        trace={trace}
        view={view}
        folds={folded}
        hits={hits}
        hit={at + 1}
        searching={condition !== "" && within.isFetching}
        hidden={rows?.hidden ?? 0}
        find={input}
        small={inPanel}
        onView={onView}
        onFolds={setFolds}
        onHit={jump}
      />
      <div className={styles.body} data-stacked={inPanel || undefined}>
        <div className={styles.main}>{content()}</div>
        {details &&
          (inPanel ? (
            <section className={styles.below} aria-label={x.span}>
              <div className={styles.belowHead}>
                <b>{nameOf(trace, selected)}</b>
                <button type="button" className={styles.text} onClick={() => onView({ span: "" })}>
                  {x.closeSpan}
                </button>
              </div>
              {details}
            </section>
          ) : (
            <SidePanel title={nameOf(trace, selected)} onClose={() => onView({ span: "" })}>
              {details}
            </SidePanel>
          ))}
      </div>
    </div>
  );
}

function Head({ id, trace, inPanel, view }: { id: string; trace: Trace; inPanel: boolean; view: View }): ReactNode {
  const { zone } = useTime();
  const to = usePagePath();
  const navigate = useNavigate();
  const api = useApi();
  const choose = useOpenFile();
  const rooted = (trace.parents[0] ?? -1) < 0 && (trace.flags[0] ?? 0) === 0;
  const save = async (): Promise<void> => {
    try {
      const file = await api.traceOtlp(id);
      download(`trace-${id}.json`, "application/json", JSON.stringify(file));
    } catch (error) {
      failureToast(error instanceof Error ? error.message : String(error));
    }
  };
  const shares = useMemo(() => pathByService(trace).slice(0, 5), [trace]);
  const tokens = useMemo(() => serviceTokens(trace.services), [trace.services]);
  return (
    <div className={styles.head} data-testid="trace-head">
      <h2 className={styles.title}>
        {serviceOf(trace, 0)} <span>·</span> {nameOf(trace, 0)} {!rooted && <span>{x.noRoot}</span>}
      </h2>
      <p className={styles.facts}>
        <b>{formatNs(trace.duration)}</b>
        <span>
          <b>{formatCount(trace.count)}</b> {trace.count === 1 ? "span" : "spans"}
        </span>
        <span>{x.services(trace.services.length)}</span>
        {trace.errors > 0 && (
          <span data-errors>
            <b>{x.errors(trace.errors)}</b>
          </span>
        )}
        <span>{formatInstant(trace.start, zone, 3)}</span>
        {id === FILE_ID && <span>{x.fromFile}</span>}
      </p>
      <span className={styles.space} />
      <span className={styles.id}>
        {trace.id.slice(0, 8)}… <CopyIcon text={trace.id} label={x.copyId} />
      </span>
      {inPanel && (
        <IconButton
          label={x.openPage}
          onClick={() => void navigate(to(`/traces/${id}`, view.span ? { span: view.span } : {}))}
        >
          <IconExternalLink size={16} />
        </IconButton>
      )}
      <Menu position="bottom-end">
        <Menu.Target>
          <IconButton label={x.details}>
            <IconDots size={16} />
          </IconButton>
        </Menu.Target>
        <Menu.Dropdown>
          {id !== FILE_ID && (
            <Menu.Item leftSection={<IconDownload size={14} />} onClick={() => void save()}>
              {x.download}
            </Menu.Item>
          )}
          <Menu.Item leftSection={<IconFileUpload size={14} />} onClick={choose}>
            {x.openFile}
          </Menu.Item>
          <Menu.Item
            component={Link}
            to={to("/traces", { q: likeIt(serviceOf(trace, 0), nameOf(trace, 0)) })}
            leftSection={<IconRoute size={14} />}
          >
            {x.inTraces}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {view.path && shares.length > 1 && !inPanel && (
        <span className={styles.shares} title={x.pathHelp} data-testid="path-shares">
          {x.path}:
          {shares.map((row) => (
            <span key={row.service}>
              <Swatch token={tokens[trace.services.indexOf(row.service)]} />
              {row.service} {Math.round(row.share * 100)} %
            </span>
          ))}
        </span>
      )}
    </div>
  );
}

/** What is odd about it, in words; each leads to the first such span. */
function Oddities({ trace, onFind }: { trace: Trace; onFind(span: number): void }): ReactNode {
  const found = useMemo(() => {
    const count = (flag: number): { count: number; first: number } => {
      let [size, first] = [0, -1];
      trace.flags.forEach((flags, span) => {
        if ((flags & flag) === 0) return;
        size += 1;
        if (first < 0) first = span;
      });
      return { count: size, first };
    };
    return [
      { ...count(1), say: x.orphans },
      { ...count(2), say: x.skewed },
      { ...count(4), say: x.cycles },
    ].filter((one) => one.count > 0);
  }, [trace]);
  if (found.length === 0 && !trace.truncated) return null;
  return (
    <ul className={styles.oddities} aria-label={x.oddities} data-testid="oddities">
      {trace.truncated && (
        <li>
          <IconAlertTriangle size={14} aria-hidden /> {x.truncated}
        </li>
      )}
      {found.map(({ count, first, say }) => (
        <li key={say(2)}>
          <IconAlertTriangle size={14} aria-hidden />
          <button type="button" className={styles.text} onClick={() => onFind(first)}>
            {say(count)}
          </button>
        </li>
      ))}
    </ul>
  );
}
