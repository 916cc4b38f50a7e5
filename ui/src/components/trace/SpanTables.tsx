/** The trace as tables: every span in any order, of which the visible rows are rendered; and its operations added up. */
import { IconAlertTriangleFilled, IconArrowDown, IconArrowUp } from "@tabler/icons-react";
import { type ReactNode, useMemo, useState } from "react";
import { formatCount } from "../../core/format.ts";
import { ERROR, KINDS, nameOf, STATUSES, serviceOf, type Trace } from "../../core/traces/model.ts";
import type { Hidden } from "../../core/traces/rows.ts";
import type { Operation, SpanOrder } from "../../core/traces/table.ts";
import { formatNs } from "../../core/traces/view.ts";
import { x } from "../../core/tracesText.ts";
import { type OpenTrace, useAnswer } from "../../hooks/useTraceEngine.ts";
import { Skeleton, State } from "../common/State.tsx";
import { serviceTokens } from "./paint.ts";
import styles from "./Trace.module.css";
import { useWindow } from "./useWindow.ts";

const LINE = 24;

function Heading<By extends string>({
  by,
  text,
  title,
  order,
  number,
  onOrder,
}: {
  by: By;
  text: string;
  title?: string;
  order: { by: By; down: boolean };
  number?: boolean;
  onOrder(order: { by: By; down: boolean }): void;
}): ReactNode {
  const own = order.by === by;
  return (
    <th
      scope="col"
      data-number={number || undefined}
      aria-sort={own ? (order.down ? "descending" : "ascending") : undefined}
    >
      <button
        type="button"
        title={title}
        onClick={() => onOrder({ by, down: own ? !order.down : (number ?? false) && by !== ("start" as string) })}
      >
        {text}
        {own && (order.down ? <IconArrowDown size={12} /> : <IconArrowUp size={12} />)}
      </button>
    </th>
  );
}

interface SpansProps {
  open: OpenTrace;
  trace: Trace;
  hidden: Hidden;
  selected: number;
  hits: Int32Array;
  onSelect(span: number): void;
}

export function SpanTable({ open, trace, hidden, selected, hits, onSelect }: SpansProps): ReactNode {
  const [order, setOrder] = useState<{ by: SpanOrder; down: boolean }>({ by: "duration", down: true });
  const sorted = useAnswer(open, { kind: "spans", hidden, ...order });
  const hitSet = useMemo(() => new Set(hits), [hits]);
  const spans = useMemo(
    () => (sorted && hits.length > 0 ? sorted.filter((span) => hitSet.has(span)) : sorted),
    [sorted, hits, hitSet],
  );
  const { box, first, last } = useWindow(spans?.length ?? 0, LINE);
  const tokens = useMemo(() => serviceTokens(trace.services), [trace.services]);
  const heading = (by: SpanOrder, text: string, number = false, title = ""): ReactNode => (
    <Heading by={by} text={text} title={title} number={number} order={order} onOrder={setOrder} />
  );
  if (spans?.length === 0) return <State title={x.nothingShown} />;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: scrollable with the keyboard
    <div ref={box} className={styles.tableBox} tabIndex={0} role="region" aria-label={x.view.spans} data-testid="spans">
      {!spans && <Skeleton rows={12} />}
      {spans && (
        <table className={styles.table} aria-rowcount={spans.length + 1}>
          <thead>
            <tr aria-rowindex={1}>
              {heading("service", x.service)}
              {heading("name", x.operation)}
              <th scope="col">
                <span>{x.kind}</span>
              </th>
              {heading("start", x.start, true)}
              {heading("duration", x.duration, true)}
              {heading("self", x.self, true, x.selfHelp)}
              {heading("path", x.onPath, true, x.pathHelp)}
              <th scope="col">
                <span>{x.status}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {first > 0 && <tr aria-hidden style={{ height: first * LINE }} />}
            {[...spans.subarray(first, last)].map((span, index) => (
              <tr
                key={span}
                aria-rowindex={first + index + 2}
                data-selected={span === selected || undefined}
                onClick={() => onSelect(span)}
              >
                <td>
                  <span className={styles.cell}>
                    <Swatch token={tokens[trace.service[span] ?? 0]} />
                    {serviceOf(trace, span)}
                  </span>
                </td>
                <th scope="row" title={nameOf(trace, span)}>
                  <button
                    type="button"
                    className={styles.text}
                    onClick={(event) => {
                      event.stopPropagation();
                      onSelect(span);
                    }}
                  >
                    {nameOf(trace, span)}
                  </button>
                </th>
                <td>{KINDS[trace.kind[span] ?? 0]}</td>
                <td data-number>{formatNs(trace.starts[span] ?? 0)}</td>
                <td data-number>{formatNs(trace.durations[span] ?? 0)}</td>
                <td data-number>{formatNs(trace.self[span] ?? 0)}</td>
                <td data-number>{(trace.onPath[span] ?? 0) > 0 ? formatNs(trace.onPath[span] ?? 0) : "–"}</td>
                <td>
                  {trace.status[span] === ERROR ? (
                    <span className={styles.cell}>
                      <IconAlertTriangleFilled className={styles.failed} size={13} aria-hidden />
                      {STATUSES[ERROR]}
                    </span>
                  ) : (
                    STATUSES[trace.status[span] ?? 0]
                  )}
                </td>
              </tr>
            ))}
            {last < spans.length && <tr aria-hidden style={{ height: (spans.length - last) * LINE }} />}
          </tbody>
        </table>
      )}
    </div>
  );
}

export function Swatch({ token = "--series-rest" }: { token?: string | undefined }): ReactNode {
  return <span className={styles.swatch} style={{ background: `var(${token})` }} aria-hidden />;
}

type OperationOrder = "service" | "name" | "count" | "errors" | "total" | "self" | "mean" | "longest" | "path";

const MOST = 500;

export function OperationTable({ open, trace, hidden, onSelect }: Omit<SpansProps, "selected" | "hits">): ReactNode {
  const [order, setOrder] = useState<{ by: OperationOrder; down: boolean }>({ by: "self", down: true });
  const found = useAnswer(open, { kind: "operations", hidden });
  const tokens = useMemo(() => {
    const all = serviceTokens(trace.services);
    return new Map(trace.services.map((name, index) => [name, all[index]]));
  }, [trace.services]);
  const rows = useMemo(() => {
    const sign = order.down ? -1 : 1;
    const { by } = order;
    return [...(found ?? [])].sort((a: Operation, b: Operation) =>
      by === "service" || by === "name" ? sign * a[by].localeCompare(b[by]) : sign * (a[by] - b[by]),
    );
  }, [found, order]);
  const whole = rows.reduce((sum, row) => sum + row.self, 0);
  const heading = (by: OperationOrder, text: string, number = true, title = ""): ReactNode => (
    <Heading by={by} text={text} title={title} number={number} order={order} onOrder={setOrder} />
  );
  if (!found) return <Skeleton rows={12} />;
  if (rows.length === 0) return <State title={x.nothingShown} />;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: scrollable with the keyboard
    <div className={styles.tableBox} tabIndex={0} role="region" aria-label={x.view.operations} data-testid="operations">
      <table className={styles.table}>
        <thead>
          <tr>
            {heading("service", x.service, false)}
            {heading("name", x.operation, false)}
            {heading("count", x.count)}
            {heading("errors", x.errorRate)}
            {heading("self", x.self, true, x.selfHelp)}
            {heading("total", x.total)}
            {heading("mean", x.mean)}
            {heading("longest", x.longest)}
            {heading("path", x.onPath, true, x.pathHelp)}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, MOST).map((row) => (
            <tr key={`${row.service}\n${row.name}`} onClick={() => onSelect(row.span)}>
              <td>
                <span className={styles.cell}>
                  <Swatch token={tokens.get(row.service)} />
                  {row.service}
                </span>
              </td>
              <th scope="row" title={row.name}>
                <button
                  type="button"
                  className={styles.text}
                  title={x.longest}
                  onClick={(event) => {
                    event.stopPropagation();
                    onSelect(row.span);
                  }}
                >
                  {row.name}
                </button>
              </th>
              <td data-number>{formatCount(row.count)}</td>
              <td data-number>{row.errors > 0 ? formatCount(row.errors) : "–"}</td>
              <td data-number>
                {formatNs(row.self)}
                <span className={styles.meter} style={{ width: `${whole > 0 ? (row.self / whole) * 100 : 0}%` }} />
              </td>
              <td data-number>{formatNs(row.total)}</td>
              <td data-number>{formatNs(row.mean)}</td>
              <td data-number>{formatNs(row.longest)}</td>
              <td data-number>{row.path > 0 ? formatNs(row.path) : "–"}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
