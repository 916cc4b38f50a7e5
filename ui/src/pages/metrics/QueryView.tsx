/** Queries A, B, C and so on, and their result as a chart or as a table of now. */
import { useIsFetching } from "@tanstack/react-query";
import { type ReactNode, useCallback, useEffect, useRef, useState } from "react";
import type { EditorHandle } from "../../components/editor/useCodeMirror.ts";
import { letterOf, line, MAX_QUERIES, parseStep, printQueries, type QueryLine } from "../../core/metrics/queries.ts";
import { addToHistory } from "../../core/query/history.ts";
import { useAction } from "../../hooks/useActions.tsx";
import { useMetricNames, useMetricQueries, useStopMetrics } from "../../hooks/useMetrics.ts";
import type { MetricsUrl } from "../../hooks/useMetricsUrl.ts";
import { useSetPrefs } from "../../hooks/usePrefs.ts";
import { useSize } from "../../hooks/useSize.ts";
import { useTime } from "../../hooks/useTime.tsx";
import { pointsFor } from "./MetricView.tsx";
import { QueryControls } from "./QueryControls.tsx";
import { QueryRow } from "./QueryRow.tsx";
import styles from "./QueryView.module.css";
import { Results, unitFound } from "./Results.tsx";

interface Props {
  url: MetricsUrl;
  onUrl(change: Partial<MetricsUrl>): void;
}

export default function QueryView({ url, onUrl }: Props): ReactNode {
  const { span, refresh } = useTime();
  const setPrefs = useSetPrefs();
  const names = useMetricNames(span);
  const stop = useStopMetrics();
  const [box, { width }] = useSize<HTMLDivElement>();
  const [drafts, setDrafts] = useState(url.q);
  const [stopped, setStopped] = useState(false);
  const first = useRef<EditorHandle>(null);
  const ran = printQueries(url.q);
  const current = useRef(url.q);
  current.current = url.q;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the printed queries say whether they are others
  useEffect(() => setDrafts(current.current), [ran]);
  const points = pointsFor(width - 32);
  const step = parseStep(url.step) ?? 0;
  const instant = url.view === "table";
  const asks = url.q.map((entry) => ({
    query: entry.query,
    span,
    step: instant ? 0 : step,
    points: instant ? 100 : points,
    top: instant ? 500 : url.top,
    instant,
    heatmap: !instant && url.style === "heatmap",
  }));
  const answers = useMetricQueries(
    asks,
    url.q.map((entry) => !entry.hidden),
  );
  const running = useIsFetching({ queryKey: ["metrics", "query"] }) > 0;
  const run = useCallback(
    (lines: QueryLine[]) => {
      setStopped(false);
      onUrl({ q: lines.length > 0 ? lines : [line("")] });
      for (const { query } of lines)
        if (query.trim() !== "") setPrefs((prefs) => ({ promqls: addToHistory(prefs.promqls, query) }));
      refresh();
    },
    [onUrl, refresh, setPrefs],
  );
  const change = (index: number, edit: Partial<QueryLine>): QueryLine[] =>
    drafts.map((entry, at) => (at === index ? { ...entry, ...edit } : entry));
  useAction("query", () => first.current?.focus() as undefined);
  useAction("run", () => run(drafts) as undefined);
  const move = (index: number, by: -1 | 1): void => {
    const next = [...drafts];
    const [entry] = next.splice(index, 1);
    if (entry) next.splice(index + by, 0, entry);
    run(next);
  };
  return (
    <div ref={box} className={styles.view}>
      <div className={styles.queries}>
        {drafts.map((entry, index) => (
          <QueryRow
            key={index}
            ref={index === 0 ? first : undefined}
            letter={letterOf(index)}
            line={entry}
            span={span}
            step={step}
            points={points}
            names={names}
            failure={url.q[index]?.query === entry.query ? (answers[index]?.error ?? null) : null}
            alone={drafts.length === 1}
            place={{ first: index === 0, last: index === drafts.length - 1 }}
            onDraft={(query) => setDrafts(change(index, { query }))}
            onChange={(edit) => run(change(index, edit))}
            onRun={(query) => run(change(index, { query }))}
            onDuplicate={drafts.length < MAX_QUERIES ? () => run([...drafts, { ...entry }]) : null}
            onRemove={() => run(drafts.filter((_, at) => at !== index))}
            onMove={(by) => move(index, by)}
          />
        ))}
        <QueryControls
          url={url}
          onUrl={onUrl}
          found={unitFound(
            url,
            answers.map((answer, index) => (url.q[index]?.hidden ? undefined : answer.data)),
          )}
          running={running}
          stopped={stopped}
          full={drafts.length >= MAX_QUERIES}
          onAdd={() => setDrafts([...drafts, line("")])}
          onRun={() => run(drafts)}
          onStop={() => {
            stop();
            setStopped(true);
          }}
          onHistory={(query) => run(change(drafts.length - 1, { query }))}
        />
      </div>
      <Results url={url} onUrl={onUrl} answers={answers} points={points} stopped={stopped} />
    </div>
  );
}
