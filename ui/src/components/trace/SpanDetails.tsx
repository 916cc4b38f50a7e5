/** Everything about one span: attributes with their verbs, events, links, resource, and its logs with their number first. */
import { SegmentedControl, TextInput } from "@mantine/core";
import { IconChartBar, IconMinus, IconPlus, IconRoute, IconScale, IconSearch } from "@tabler/icons-react";
import { type KeyboardEvent, type ReactNode, useState } from "react";
import { ApiError } from "../../core/api/errors.ts";
import { formatValue } from "../../core/format.ts";
import { fieldTerm } from "../../core/query/edit.ts";
import { formatInstant } from "../../core/time/format.ts";
import { fromNsText, type Instant } from "../../core/time/instant.ts";
import type { Span } from "../../core/time/range.ts";
import { FILE_ID } from "../../core/traces/file.ts";
import { equals, fieldOf, SERVICE, type Value } from "../../core/traces/traceql.ts";
import { formatNs } from "../../core/traces/view.ts";
import type { SpanDetail } from "../../core/traces/wire.ts";
import { x } from "../../core/tracesText.ts";
import { usePermission } from "../../hooks/useSession.ts";
import { useTime } from "../../hooks/useTime.tsx";
import { useLogCount, useSpan } from "../../hooks/useTraces.ts";
import { CopyIcon } from "../common/CopyButton.tsx";
import { IconButton } from "../common/IconButton.tsx";
import { ErrorState, Skeleton, State } from "../common/State.tsx";
import { LogLines } from "../logs/LogLines.tsx";
import styles from "./SpanDetails.module.css";
import { useVerbs } from "./useVerbs.tsx";

const TWO_SECONDS = 2_000_000_000n;
/** Attributes from which on there is a field to find one. */
const MANY = 12;
const SHOWN = 2000;

/** The time of a span, wider by a tenth and two seconds at least: clocks and buffers are not exact. */
export function paddedSpan(start: Instant, duration: number): Span {
  const tenth = BigInt(Math.round(duration / 10));
  const pad = tenth > TWO_SECONDS ? tenth : TWO_SECONDS;
  return { from: start - pad, to: start + BigInt(Math.round(duration)) + pad };
}

interface Props {
  traceId: string;
  spanId: string;
  /** When the trace began, and how long it took. */
  traceStart: Instant;
  traceDuration: number;
  /** Logs of the trace are shown when the span has none of its own. */
  eager: boolean;
  onTrace(id: string, span: string): void;
}

export function SpanDetails({ traceId, spanId, traceStart, traceDuration, eager, onTrace }: Props): ReactNode {
  const answer = useSpan(traceId, spanId);
  if (answer.isPending) return <Skeleton rows={10} />;
  if (answer.isError)
    return answer.error instanceof ApiError && answer.error.status === 404 ? (
      <State title={x.spanMissing}>{answer.error.message}</State>
    ) : (
      <ErrorState error={answer.error} onRetry={() => void answer.refetch()} />
    );
  return (
    <Details
      key={spanId}
      span={answer.data}
      stored={traceId !== FILE_ID}
      traceStart={traceStart}
      traceDuration={traceDuration}
      eager={eager}
      onTrace={onTrace}
    />
  );
}

interface DetailsProps extends Omit<Props, "traceId" | "spanId"> {
  span: SpanDetail;
  stored: boolean;
}

function Details({ span, stored, traceStart, traceDuration, eager, onTrace }: DetailsProps): ReactNode {
  const { zone } = useTime();
  const [typed, setTyped] = useState("");
  const start = fromNsText(span.start);
  const many = Object.keys(span.attributes).length + Object.keys(span.resource).length > MANY;
  return (
    <div className={styles.details} data-testid="span-details">
      <dl className={styles.facts}>
        <dt>{x.service}</dt>
        <dd>
          <ValueLine field={SERVICE} value={span.service} />
        </dd>
        <dt>{x.operation}</dt>
        <dd>
          <ValueLine field="name" value={span.name} />
        </dd>
        <dt>{x.duration}</dt>
        <dd>
          {formatNs(span.duration)} <span className={styles.muted}>{x.at(formatNs(Number(start - traceStart)))}</span>
        </dd>
        <dt>{x.started}</dt>
        <dd>{formatInstant(start, zone, 9)}</dd>
        <dt>{x.kind}</dt>
        <dd>
          <ValueLine field="kind" value={span.kind} />
        </dd>
        <dt>{x.status}</dt>
        <dd data-status={span.status}>
          <ValueLine field="status" value={span.status} />
          {span.statusMessage !== "" && <p className={styles.message}>{span.statusMessage}</p>}
        </dd>
      </dl>
      {stored && <Logs span={span} traceStart={traceStart} traceDuration={traceDuration} eager={eager} />}
      {many && (
        <TextInput
          size="xs"
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
          placeholder={x.findAttribute}
          aria-label={x.findAttribute}
          leftSection={<IconSearch size={14} />}
        />
      )}
      <Attributes title={x.attributes} scope="span" values={span.attributes} find={typed} none={x.noAttributes} />
      {span.events.length > 0 && (
        <section className={styles.group}>
          <h3>
            {x.events} ({span.events.length})
          </h3>
          <ol className={styles.events}>
            {span.events.map((event, index) => (
              <li key={index}>
                <details open={span.events.length <= 3}>
                  <summary>
                    <span className={styles.muted}>{x.at(formatNs(Number(fromNsText(event.time) - start)))}</span>{" "}
                    <b>{event.name}</b>
                  </summary>
                  <Attributes scope="event" values={event.attributes} find="" />
                </details>
              </li>
            ))}
          </ol>
        </section>
      )}
      {span.links.length > 0 && (
        <section className={styles.group}>
          <h3>
            {x.links} ({span.links.length})
          </h3>
          <ul className={styles.events}>
            {span.links.map((link, index) => (
              <li key={index}>
                <button type="button" className={styles.link} onClick={() => onTrace(link.traceId, link.spanId)}>
                  <IconRoute size={14} aria-hidden /> {x.linkTo(link.traceId)}
                </button>
                <Attributes scope="link" values={link.attributes} find="" />
              </li>
            ))}
          </ul>
        </section>
      )}
      <Attributes title={x.resource} scope="resource" values={span.resource} find={typed} />
      {(span.scope.name !== "" || Object.keys(span.scope.attributes).length > 0) && (
        <Attributes
          title={x.scope}
          scope="instrumentation"
          values={{ name: span.scope.name, version: span.scope.version, ...span.scope.attributes }}
          intrinsic={{ name: "instrumentation:name", version: "instrumentation:version" }}
          find={typed}
        />
      )}
      <Attributes
        title={x.ids}
        scope="intrinsic"
        values={{
          "trace:id": span.traceId,
          "span:id": span.spanId,
          ...(span.parentSpanId && { "span:parentID": span.parentSpanId }),
        }}
        find=""
      />
      {span.traceState !== "" && <p className={styles.muted}>tracestate: {span.traceState}</p>}
      {(["attributes", "events", "links"] as const).map(
        (what) => span.dropped[what] > 0 && <p key={what}>{x.dropped(span.dropped[what], x[what].toLowerCase())}</p>,
      )}
    </div>
  );
}

function asValue(value: unknown): Value | null {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : null;
}

interface AttributesProps {
  title?: string;
  scope: string;
  values: Record<string, unknown>;
  /** Fields of names that are no attributes. */
  intrinsic?: Record<string, string>;
  find: string;
  none?: string;
}

function Attributes({ title, scope, values, intrinsic = {}, find, none }: AttributesProps): ReactNode {
  const needle = find.trim().toLowerCase();
  const entries = Object.entries(values)
    .filter(([name, value]) => value !== "" || none !== undefined || name !== "version")
    .filter(([name, value]) => `${name} ${formatValue(value)}`.toLowerCase().includes(needle))
    .sort(([a], [b]) => a.localeCompare(b));
  const [active, setActive] = useState("");
  if (entries.length === 0 && (none === undefined || needle !== "")) return null;
  return (
    <section className={styles.group}>
      {title && <h3>{title}</h3>}
      {entries.length === 0 && <p className={styles.muted}>{none}</p>}
      <table className={styles.values} onMouseLeave={() => setActive("")}>
        <tbody>
          {entries.map(([name, value]) => (
            <tr key={name} onMouseEnter={() => setActive(name)} onFocus={() => setActive(name)}>
              <th scope="row">{name}</th>
              <td>
                <ValueLine field={intrinsic[name] ?? fieldOf(scope, name)} value={value} active={active === name} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** A value and its verbs; F and X are the keys of two of them. */
function ValueLine({ field, value, active }: { field: string; value: unknown; active?: boolean }): ReactNode {
  const verbs = useVerbs();
  const [hover, setHover] = useState(false);
  const simple = asValue(value);
  const text = formatValue(value);
  const shown = active ?? hover;
  const onKey = (event: KeyboardEvent): void => {
    if (simple === null || (event.key !== "f" && event.key !== "x")) return;
    event.preventDefault();
    event.stopPropagation();
    (event.key === "f" ? verbs.filter : verbs.exclude)(field, simple);
  };
  return (
    <div
      className={styles.value}
      role="group"
      aria-label={`${field}: ${text.slice(0, 80)}`}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: its verbs appear when it is reached
      tabIndex={0}
      onMouseEnter={() => setHover(true)}
      onMouseLeave={() => setHover(false)}
      onFocus={() => setHover(true)}
      onBlur={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget)) setHover(false);
      }}
      onKeyDown={onKey}
    >
      <span>{text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text}</span>
      {(shown || hover) && (
        <span className={styles.tools}>
          {simple !== null && (
            <>
              <IconButton label={x.filter} hotkey="F" size={24} onClick={() => verbs.filter(field, simple)}>
                <IconPlus size={14} />
              </IconButton>
              <IconButton label={x.exclude} hotkey="X" size={24} onClick={() => verbs.exclude(field, simple)}>
                <IconMinus size={14} />
              </IconButton>
              <IconButton label={`${x.groupBy} ${field}`} size={24} onClick={() => verbs.groupBy(field)}>
                <IconChartBar size={14} />
              </IconButton>
              <IconButton label={x.compareBy} size={24} onClick={() => verbs.compare(field, simple)}>
                <IconScale size={14} />
              </IconButton>
            </>
          )}
          <CopyIcon text={text} label={x.copy} />
        </span>
      )}
    </div>
  );
}

/** Logs of the span, or of the whole trace, with their numbers. Those of the span are shown when it has some. */
function Logs({
  span,
  traceStart,
  traceDuration,
  eager,
}: {
  span: SpanDetail;
  traceStart: Instant;
  traceDuration: number;
  eager: boolean;
}): ReactNode {
  const allowed = usePermission("logs:read");
  const [chosen, setChosen] = useState<"" | "span" | "trace" | null>(null);
  const trace = fieldTerm("trace_id", span.traceId);
  const own = `${trace} ${fieldTerm("span_id", span.spanId)}`;
  const ownRange = paddedSpan(fromNsText(span.start), span.duration);
  const wholeRange = paddedSpan(traceStart, traceDuration);
  const ownCount = useLogCount(own, ownRange, allowed);
  const wholeCount = useLogCount(trace, wholeRange, allowed);
  if (!allowed) return <p className={styles.muted}>{x.noLogsRight}</p>;
  const first = (ownCount.data?.count ?? 0) > 0 ? "span" : eager && ownCount.data && wholeCount.data ? "trace" : "";
  const shown = chosen ?? (first === "trace" && wholeCount.data?.count === 0 ? "" : first);
  const none = ownCount.data?.count === 0 && wholeCount.data?.count === 0;
  return (
    <section className={styles.group} data-testid="span-logs">
      <div className={styles.logsHead}>
        <h3>{x.logs}</h3>
        <SegmentedControl
          size="xs"
          aria-label={x.logs}
          disabled={none}
          value={shown}
          onChange={(value) => setChosen(value as typeof shown)}
          data={[
            { value: "", label: "–" },
            { value: "span", label: `${x.logsSpanOnly}${ownCount.data ? ` (${ownCount.data.count})` : ""}` },
            { value: "trace", label: `${x.logsWholeTrace}${wholeCount.data ? ` (${wholeCount.data.count})` : ""}` },
          ]}
        />
      </div>
      {none && <p className={styles.muted}>{x.logsNone}</p>}
      {shown !== "" && (
        <LogLines
          query={shown === "span" ? own : trace}
          span={shown === "span" ? ownRange : wholeRange}
          none={x.logsNone}
        />
      )}
    </section>
  );
}

/** Traces that have a span of this service and name. */
export function likeIt(service: string, name: string): string {
  return `{ ${equals(SERVICE, service)} && ${equals("name", name)} }`;
}
