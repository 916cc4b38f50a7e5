/** Two traces side by side: what only one of them has, what took longer, what was called more often. */
import { Button, Checkbox, TextInput } from "@mantine/core";
import { type FormEvent, type ReactNode, useEffect, useMemo, useState } from "react";
import { ApiError } from "../../core/api/errors.ts";
import type { TraceDocument } from "../../core/api/traces.ts";
import { formatCount } from "../../core/format.ts";
import { looksOf } from "../../core/metrics/look.ts";
import { pastedId } from "../../core/query/history.ts";
import { type Change, countChanges, type DiffNode, diffRows, type Side } from "../../core/traces/diff.ts";
import type { Trace } from "../../core/traces/model.ts";
import { formatNs } from "../../core/traces/view.ts";
import { x } from "../../core/tracesText.ts";
import { useTime } from "../../hooks/useTime.tsx";
import type { OpenTrace } from "../../hooks/useTraceEngine.ts";
import { useTraceDocument, useTraceSearch } from "../../hooks/useTraces.ts";
import { ErrorState, Skeleton, State } from "../common/State.tsx";
import { likeIt } from "./SpanDetails.tsx";
import { Swatch } from "./SpanTables.tsx";
import styles from "./Trace.module.css";
import { useWindow } from "./useWindow.ts";

interface Props {
  open: OpenTrace;
  trace: Trace;
  other: string;
  onOther(id: string): void;
  onSelect(span: number): void;
}

const LINE = 24;

export function DiffView({ open, trace, other, onOther, onSelect }: Props): ReactNode {
  const answer = useTraceDocument(other);
  return (
    <>
      <Choose trace={trace} other={other} onOther={onOther} />
      {other === "" && <State title={x.compare}>{x.diffLegend}</State>}
      {other !== "" && answer.isPending && <Skeleton rows={12} label={x.loadingTrace} />}
      {other !== "" &&
        answer.isError &&
        (answer.error instanceof ApiError && answer.error.status === 404 ? (
          <State title={x.missing}>{x.missingHelp}</State>
        ) : (
          <ErrorState error={answer.error} onRetry={() => void answer.refetch()} />
        ))}
      {answer.data && <Difference open={open} trace={trace} other={answer.data} onSelect={onSelect} />}
    </>
  );
}

/** A pasted id, or one of the newest traces of the same root. */
function Choose({ trace, other, onOther }: { trace: Trace; other: string; onOther(id: string): void }): ReactNode {
  const { span } = useTime();
  const [typed, setTyped] = useState(other);
  useEffect(() => setTyped(other), [other]);
  const query = likeIt(trace.services[trace.service[0] ?? 0] ?? "", trace.names[trace.name[0] ?? 0] ?? "");
  const like = useTraceSearch({ query, span }, "newest", 20, trace.count > 0);
  const others = (like.data?.traces ?? []).filter((one) => one.traceId !== trace.id && one.traceId !== other);
  const id = pastedId(typed);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (id?.field === "trace_id") onOther(id.id);
  };
  return (
    <div className={styles.diffHead}>
      <form className={styles.diffForm} onSubmit={submit}>
        <TextInput
          size="xs"
          aria-label={x.compare}
          placeholder={x.compareHint}
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
        <Button type="submit" size="xs" variant="default" disabled={id?.field !== "trace_id"}>
          {x.compare}
        </Button>
      </form>
      {others.slice(0, 3).map((one) => (
        <Button
          key={one.traceId}
          size="compact-xs"
          variant="default"
          title={x.sameOperation}
          onClick={() => onOther(one.traceId)}
        >
          {one.traceId.slice(0, 8)} · {formatNs(one.duration)} · {x.spans(one.spans)}
          {one.errors > 0 && ` · ${x.errors(one.errors)}`}
        </Button>
      ))}
      {other !== "" && (
        <Button size="compact-xs" variant="subtle" onClick={() => onOther("")}>
          {x.compareStop}
        </Button>
      )}
    </div>
  );
}

function Difference({
  open,
  trace,
  other,
  onSelect,
}: {
  open: OpenTrace;
  trace: Trace;
  other: TraceDocument;
  onSelect(span: number): void;
}): ReactNode {
  const [nodes, setNodes] = useState<DiffNode[] | null>(null);
  const [all, setAll] = useState(false);
  const [opened, setOpened] = useState<ReadonlySet<number>>(new Set());
  useEffect(() => {
    let stale = false;
    void open.client?.ask<DiffNode[]>({ kind: "diff", other }).then((found) => {
      if (!stale) setNodes(found);
    });
    return () => {
      stale = true;
    };
  }, [open.client, other]);
  const rows = useMemo(() => (nodes ? diffRows(nodes, opened, all) : []), [nodes, opened, all]);
  const looks = useMemo(
    () => looksOf([...new Set([...trace.services, ...other.services])]),
    [trace.services, other.services],
  );
  const { box, first, last } = useWindow(rows.length, LINE);
  if (!nodes) return <Skeleton rows={12} />;
  const counts = countChanges(nodes);
  const changed = nodes.filter((node) => node.change !== "same").length;
  const most = Math.max(trace.duration, Number(other.duration), 1);
  return (
    <>
      <div className={styles.diffHead} data-testid="diff-summary">
        <span>
          {x.diffLeft}: <b>{formatNs(trace.duration)}</b>, {x.spans(trace.count)}
        </span>
        <span>
          {x.diffRight}: <b>{formatNs(Number(other.duration))}</b>, {x.spans(other.spans)}
        </span>
        {(Object.keys(x.change) as Change[])
          .filter((change) => change !== "same" && (counts[change] ?? 0) > 0)
          .map((change) => (
            <span key={change} className={styles.change} data-change={change}>
              {formatCount(counts[change] ?? 0)} {x.change[change]}
            </span>
          ))}
        <span className={styles.space} />
        <Checkbox size="xs" label={x.diffAll} checked={all} onChange={(event) => setAll(event.currentTarget.checked)} />
      </div>
      {changed === 0 && !all && <State title={x.diffSame} />}
      {(changed > 0 || all) && (
        <div
          ref={box}
          className={styles.tableBox}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: scrollable with the keyboard
          tabIndex={0}
          role="region"
          aria-label={x.view.diff}
          data-testid="diff"
        >
          <table className={styles.table}>
            <thead>
              <tr>
                <th scope="col">
                  <span>{x.operation}</span>
                </th>
                <th scope="col">
                  <span>{x.status}</span>
                </th>
                <th scope="col" data-number>
                  <span>
                    {x.diffLeft}: {x.count}
                  </span>
                </th>
                <th scope="col" data-number>
                  <span>{x.duration}</span>
                </th>
                <th scope="col" data-number>
                  <span>
                    {x.diffRight}: {x.count}
                  </span>
                </th>
                <th scope="col" data-number>
                  <span>{x.duration}</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {first > 0 && <tr aria-hidden style={{ height: first * LINE }} />}
              {rows.slice(first, last).map((at) => {
                const node = nodes[at] as DiffNode;
                const closed = !all && node.changes === 0 && !opened.has(at) && node.end > at + 1;
                return (
                  <tr
                    key={at}
                    onClick={() => {
                      if (closed) setOpened(new Set([...opened, at]));
                      else if (node.left) onSelect(node.left.span);
                    }}
                  >
                    <th scope="row" style={{ paddingLeft: 8 + Math.min(node.depth, 24) * 12 }} title={node.name}>
                      <span className={styles.cell}>
                        <Swatch token={looks.get(node.service)?.color} />
                        <span className={styles.service}>{node.service}</span>
                        <button type="button" className={styles.text}>
                          {node.name}
                        </button>
                        {closed && <span className={styles.size}>{x.diffFolded(node.end - at)}</span>}
                      </span>
                    </th>
                    <td>
                      <span className={styles.change} data-change={node.change}>
                        {x.change[node.change]}
                      </span>
                    </td>
                    <SideCells side={node.left} most={most} />
                    <SideCells side={node.right} most={most} />
                  </tr>
                );
              })}
              {last < rows.length && <tr aria-hidden style={{ height: (rows.length - last) * LINE }} />}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}

function SideCells({ side, most }: { side: Side | null; most: number }): ReactNode {
  if (!side)
    return (
      <>
        <td data-number>–</td>
        <td data-number>–</td>
      </>
    );
  return (
    <>
      <td data-number>
        {formatCount(side.count)}
        {side.errors > 0 && ` (${x.errors(side.errors)})`}
      </td>
      <td data-number>
        {formatNs(side.total)}
        <span className={styles.meter} style={{ width: `${Math.min(100, (side.total / most) * 100)}%` }} />
      </td>
    </>
  );
}
