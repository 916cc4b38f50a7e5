/** The panel beside the charts: logs of the same labels and time, or an exemplar with its trace. */
import { lazy, type ReactNode, Suspense } from "react";
import { CopyIcon } from "../../components/common/CopyButton.tsx";
import { ErrorState, Skeleton, State } from "../../components/common/State.tsx";
import { LogLines } from "../../components/logs/LogLines.tsx";
import { SidePanel } from "../../components/shell/SidePanel.tsx";
import { TraceButton } from "../../components/trace/TraceButton.tsx";
import { logsOf } from "../../core/metrics/pivot.ts";
import { labelsText } from "../../core/metrics/series.ts";
import { formatUnit, unitOfMetric } from "../../core/metrics/units.ts";
import { m } from "../../core/metricsText.ts";
import { fieldTerm } from "../../core/query/edit.ts";
import { formatInstant } from "../../core/time/format.ts";
import { fromMs } from "../../core/time/instant.ts";
import { parsePanels, pushPanel } from "../../core/url/panels.ts";
import { useLogFields } from "../../hooks/useMetrics.ts";
import { usePermission } from "../../hooks/useSession.ts";
import { useTime } from "../../hooks/useTime.tsx";
import styles from "./Beside.module.css";
import { usePinned } from "./LogsCount.tsx";

const Panels = lazy(() => import("../../components/panels/Panels.tsx"));

interface Exemplar {
  /** Seconds since the epoch. */
  t: number;
  v: number;
  l: Record<string, string>;
  s: Record<string, string>;
  /** Of the trace. */
  id: string;
}

type Panel = { kind: "logs"; labels: Record<string, string> | null } | { kind: "exemplar"; exemplar: Exemplar };

function texts(value: unknown): Record<string, string> {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}

/** What the address names; null for what it cannot. */
export function readPanel(text: string): Panel | null {
  if (text === "logs") return { kind: "logs", labels: null };
  const at = text.indexOf(":");
  try {
    const value = JSON.parse(text.slice(at + 1)) as Record<string, unknown>;
    if (text.slice(0, at) === "logs") return { kind: "logs", labels: texts(value) };
    if (text.slice(0, at) !== "exemplar" || typeof value.t !== "number" || typeof value.v !== "number") return null;
    const id = typeof value.id === "string" ? value.id : "";
    return { kind: "exemplar", exemplar: { t: value.t, v: value.v, l: texts(value.l), s: texts(value.s), id } };
  } catch {
    return null;
  }
}

interface Props {
  panel: string;
  query: string;
  onClose(): void;
  onPanel(panel: string): void;
}

export function Beside({ panel, query, onClose, onPanel }: Props): ReactNode {
  const found = readPanel(panel);
  const onTrace = (id: string): void => onPanel(pushPanel(panel, { kind: "trace", id, span: "" }));
  if (parsePanels(panel).length > 0)
    return (
      <Suspense>
        <Panels value={panel} onChange={onPanel} />
      </Suspense>
    );
  if (!found) return null;
  return found.kind === "exemplar" ? (
    <ExemplarPanel exemplar={found.exemplar} onClose={onClose} onTrace={onTrace} />
  ) : (
    <LogsPanel labels={found.labels} query={query} onClose={onClose} />
  );
}

function LogsPanel({
  labels,
  query,
  onClose,
}: {
  labels: Record<string, string> | null;
  query: string;
  onClose(): void;
}): ReactNode {
  const { span } = useTime();
  const allowed = usePermission("logs:read");
  const pinned = usePinned(labels ? "" : query, span);
  const chosen = labels ?? pinned ?? {};
  const fields = useLogFields(span, allowed);
  const pivot = fields.data ? logsOf(chosen, fields.data) : null;
  return (
    <SidePanel title={m.logsTitle} onClose={onClose}>
      {!allowed && <State title={m.empty.permission} />}
      {allowed && fields.isPending && <Skeleton rows={6} />}
      {fields.isError && <ErrorState error={fields.error} onRetry={() => void fields.refetch()} />}
      {allowed && pivot && (
        <div className={styles.body}>
          <p className={styles.from}>
            {m.logsFrom} <code>{labelsText(chosen)}</code>
          </p>
          {pivot.query === "" ? (
            <State title={m.logsNoLabels}>{m.logsNoLabelsHelp}</State>
          ) : (
            <>
              {pivot.unused.length > 0 && <p className={styles.note}>{m.logsUnused(pivot.unused.join(", "))}</p>}
              <LogLines query={pivot.query} span={span} none={m.logsNone} />
            </>
          )}
        </div>
      )}
    </SidePanel>
  );
}

const QUARTER_HOUR = 900_000_000_000n;

function ExemplarPanel({
  exemplar,
  onClose,
  onTrace,
}: {
  exemplar: Exemplar;
  onClose(): void;
  onTrace(id: string): void;
}): ReactNode {
  const { zone } = useTime();
  const at = fromMs(exemplar.t * 1000);
  const allowed = usePermission("logs:read");
  const span = { from: at - QUARTER_HOUR, to: at + QUARTER_HOUR };
  return (
    <SidePanel title={exemplar.id ? m.trace(exemplar.id) : m.exemplar} onClose={onClose}>
      <div className={styles.body} data-testid="exemplar">
        <dl className={styles.facts}>
          <dt>{m.exemplarAt}</dt>
          <dd>{formatInstant(at, zone, 3)}</dd>
          <dt>{m.exemplarValue}</dt>
          <dd>{formatUnit(exemplar.v, unitOfMetric(exemplar.s.__name__ ?? ""))}</dd>
          <dt>{m.name}</dt>
          <dd>
            <code>{labelsText(exemplar.s)}</code>
          </dd>
          {Object.entries(exemplar.l).map(([name, value]) => (
            <div key={name} className={styles.pair}>
              <dt>{name}</dt>
              <dd>
                <code>{value}</code> <CopyIcon text={value} />
              </dd>
            </div>
          ))}
        </dl>
        {exemplar.id && (
          <div>
            <TraceButton id={exemplar.id} at={at} onOpen={() => onTrace(exemplar.id)} />
          </div>
        )}
        {!exemplar.id && <State title={m.noTrace} />}
        {exemplar.id && !allowed && <State title={m.noLogsRight} />}
        {exemplar.id && allowed && (
          <>
            <h3>{m.traceLogs}</h3>
            <LogLines query={fieldTerm("trace_id", exemplar.id)} span={span} none={m.traceNone} />
          </>
        )}
      </div>
    </SidePanel>
  );
}
