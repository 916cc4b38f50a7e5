/** Traces of a query beside another page: their number, the newest of them, and the way to the search. */
import { Button } from "@mantine/core";
import { IconExternalLink } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { toIso } from "../../core/time/instant.ts";
import type { Span } from "../../core/time/range.ts";
import type { Blame } from "../../core/traces/model.ts";
import { x } from "../../core/tracesText.ts";
import type { Panel } from "../../core/url/panels.ts";
import { usePagePath } from "../../hooks/usePagePath.ts";
import { FIRST_TRACES, useTraceCount, useTraceSearch } from "../../hooks/useTraces.ts";
import { ErrorState, Skeleton, State } from "../common/State.tsx";
import { TraceList } from "../trace/TraceList.tsx";
import styles from "./Panels.module.css";

/** Who looks for failures wants to see what failed, all others what took the time. */
export function blameOf(query: string): Blame {
  return query.includes("status = error") ? "error" : "slow";
}

interface Props {
  query: string;
  span: Span;
  onOpen(panel: Panel): void;
}

export default function TraceListPanel({ query, span, onOpen }: Props): ReactNode {
  const to = usePagePath();
  const answer = useTraceSearch({ query, span }, query.includes("duration >=") ? "longest" : "newest", FIRST_TRACES);
  const count = useTraceCount(query, span);
  const traces = answer.data?.traces;
  return (
    <div className={styles.body}>
      <div className={styles.head}>
        <code title={query}>{query}</code>
        {traces && <b>{x.shownOf(traces.length, count.data ?? null, traces.length >= FIRST_TRACES)}</b>}
        <Button
          size="compact-xs"
          variant="default"
          component={Link}
          to={to("/traces", { q: query, from: toIso(span.from), to: toIso(span.to) })}
          leftSection={<IconExternalLink size={14} />}
        >
          {x.explore}
        </Button>
      </div>
      {answer.isPending && <Skeleton rows={8} />}
      {answer.isError && <ErrorState error={answer.error} onRetry={() => void answer.refetch()} />}
      {traces?.length === 0 && <State title={x.noMatch} />}
      {traces && traces.length > 0 && (
        <TraceList
          traces={traces}
          selected=""
          small
          onOpen={(trace) => onOpen({ kind: "trace", id: trace.traceId, span: blameOf(query) })}
        />
      )}
    </div>
  );
}
