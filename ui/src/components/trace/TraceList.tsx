/** Traces that were found: when, what, how long, which services with their spans and errors, and the spans that matched. */
import { IconAlertTriangleFilled, IconChevronDown, IconChevronRight } from "@tabler/icons-react";
import { type KeyboardEvent, type ReactNode, useMemo, useState } from "react";
import { formatCount, formatValue } from "../../core/format.ts";
import { looksOf } from "../../core/metrics/look.ts";
import { formatClock, formatInstant } from "../../core/time/format.ts";
import { fromNsText } from "../../core/time/instant.ts";
import { formatNs } from "../../core/traces/view.ts";
import type { TraceSummary } from "../../core/traces/wire.ts";
import { x } from "../../core/tracesText.ts";
import { useAction } from "../../hooks/useActions.tsx";
import { useTime } from "../../hooks/useTime.tsx";
import { Swatch } from "./SpanTables.tsx";
import styles from "./TraceList.module.css";

const SERVICES = 5;

interface Props {
  traces: readonly TraceSummary[];
  /** Id of the trace in the panel. */
  selected: string;
  small?: boolean;
  /** `span` is a matching span. */
  onOpen(trace: TraceSummary, span?: string): void;
}

export function TraceList({ traces, selected, small = false, onOpen }: Props): ReactNode {
  const { zone } = useTime();
  const [focused, setFocused] = useState(0);
  const [unfolded, setUnfolded] = useState<ReadonlySet<string>>(new Set());
  const longest = useMemo(() => traces.reduce((most, trace) => Math.max(most, trace.duration), 1), [traces]);
  const looks = useMemo(
    () => looksOf([...new Set(traces.flatMap((trace) => trace.services.map((service) => service.name)))]),
    [traces],
  );
  const at = Math.min(focused, traces.length - 1);
  const move = (to: number): void => {
    const next = Math.max(0, Math.min(traces.length - 1, to));
    setFocused(next);
    document.getElementById(`trace-${traces[next]?.traceId}`)?.scrollIntoView({ block: "nearest" });
  };
  const toggle = (id: string): void => {
    const next = new Set(unfolded);
    if (!next.delete(id)) next.add(id);
    setUnfolded(next);
  };
  const open = (index: number): undefined => {
    const trace = traces[index];
    setFocused(index);
    if (trace) onOpen(trace);
    return undefined;
  };
  useAction("rowDown", () => (small ? false : (move(at + 1) as undefined)));
  useAction("rowUp", () => (small ? false : (move(at - 1) as undefined)));
  useAction("rowPanel", () => (small ? false : open(at)));
  const onKey = (event: KeyboardEvent): void => {
    if (event.target !== event.currentTarget) return;
    const keys = new Map<string, () => void>([
      ["ArrowDown", () => move(at + 1)],
      ["ArrowUp", () => move(at - 1)],
      ["Home", () => move(0)],
      ["End", () => move(traces.length - 1)],
      ["Enter", () => open(at)],
      ["ArrowRight", () => setUnfolded(new Set([...unfolded, traces[at]?.traceId ?? ""]))],
      ["ArrowLeft", () => setUnfolded(new Set([...unfolded].filter((id) => id !== traces[at]?.traceId)))],
    ]);
    const act = keys.get(event.key);
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  };
  return (
    <div
      className={styles.list}
      role="grid"
      tabIndex={0}
      aria-label={x.list}
      aria-description={x.listKeys}
      aria-rowcount={traces.length}
      aria-activedescendant={traces[at] ? `trace-${traces[at]?.traceId}` : undefined}
      data-small={small || undefined}
      data-testid="trace-list"
      onKeyDown={onKey}
    >
      {traces.map((trace, index) => {
        const start = fromNsText(trace.start);
        const matched = trace.sets.reduce((sum, set) => sum + set.matched, 0);
        const spans = trace.sets.flatMap((set) => set.spans);
        const open_ = unfolded.has(trace.traceId);
        const Chevron = open_ ? IconChevronDown : IconChevronRight;
        return (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are those of the grid, which has the focus
          <div
            key={trace.traceId}
            id={`trace-${trace.traceId}`}
            className={styles.trace}
            role="row"
            tabIndex={-1}
            aria-rowindex={index + 1}
            aria-selected={trace.traceId === selected}
            data-selected={trace.traceId === selected || undefined}
            data-focused={index === at || undefined}
            data-testid="trace-row"
            onClick={() => open(index)}
          >
            <div className={styles.line} role="gridcell">
              <span className={styles.time} title={formatInstant(start, zone, 9)}>
                {formatClock(start, zone, 3)}
              </span>
              <span className={styles.what}>
                <span className={styles.service}>{trace.rootService || x.noRoot}</span>
                <b title={trace.rootName}>{trace.rootName}</b>
              </span>
              <span className={styles.duration}>
                <span className={styles.bar}>
                  <span style={{ width: `${Math.max(0.5, (trace.duration / longest) * 100)}%` }} />
                </span>
                <span>{formatNs(trace.duration)}</span>
              </span>
            </div>
            <div className={styles.line} role="gridcell">
              <span className={styles.spans}>{x.spans(trace.spans)}</span>
              {trace.errors > 0 && (
                <span className={styles.errors}>
                  <IconAlertTriangleFilled size={12} aria-hidden /> {x.errors(trace.errors)}
                </span>
              )}
              <span className={styles.services}>
                {trace.services.slice(0, SERVICES).map((service) => (
                  <span
                    key={service.name}
                    title={`${service.name}: ${x.spans(service.spans)}, ${x.errors(service.errors)}`}
                  >
                    <Swatch token={looks.get(service.name)?.color} />
                    {service.name} <i>{formatCount(service.spans)}</i>
                    {service.errors > 0 && (
                      <i className={styles.errors}>
                        <IconAlertTriangleFilled size={10} aria-label={x.errors(service.errors)} />
                        {formatCount(service.errors)}
                      </i>
                    )}
                  </span>
                ))}
                {trace.services.length > SERVICES && <span>{x.moreServices(trace.services.length - SERVICES)}</span>}
              </span>
              {spans.length > 0 && !small && (
                <button
                  type="button"
                  className={styles.more}
                  tabIndex={-1}
                  aria-expanded={open_}
                  onClick={(event) => {
                    event.stopPropagation();
                    toggle(trace.traceId);
                  }}
                >
                  <Chevron size={13} /> {x.matched(matched)}
                </button>
              )}
            </div>
            {open_ &&
              spans.map((span) => (
                <div key={span.spanId} className={styles.span} role="gridcell">
                  <button
                    type="button"
                    className={styles.spanName}
                    tabIndex={-1}
                    onClick={(event) => {
                      event.stopPropagation();
                      onOpen(trace, span.spanId);
                    }}
                  >
                    <Swatch token={looks.get(span.service)?.color} />
                    {span.service} · {span.name}
                  </button>
                  <span>{formatNs(span.duration)}</span>
                  <span className={styles.attributes}>
                    {Object.entries(span.attributes)
                      .slice(0, 6)
                      .map(([name, value]) => (
                        <code key={name}>
                          {name}=<b>{formatValue(value)}</b>
                        </code>
                      ))}
                  </span>
                </div>
              ))}
          </div>
        );
      })}
    </div>
  );
}
