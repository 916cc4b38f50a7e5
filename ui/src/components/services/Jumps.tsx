/** From a service to its traces, errors and logs: the number first, then the panel. */
import { Button } from "@mantine/core";
import { IconAlertTriangle, IconClock, IconLogs, IconRoute } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { formatShort } from "../../core/format.ts";
import { formatUnit } from "../../core/metrics/units.ts";
import { fieldTerm } from "../../core/query/edit.ts";
import { slowOf, tracesOf } from "../../core/services/services.ts";
import { toIso } from "../../core/time/instant.ts";
import { x } from "../../core/tracesText.ts";
import type { Panel } from "../../core/url/panels.ts";
import { usePermission } from "../../hooks/useSession.ts";
import { useTime } from "../../hooks/useTime.tsx";
import { useLogCount, useTraceCount } from "../../hooks/useTraces.ts";

interface Props {
  service: string;
  /** Its 95th percentile in seconds, where it is known. */
  slow?: number | null;
  onOpen(panel: Panel): void;
}

export function Jumps({ service, slow = null, onOpen }: Props): ReactNode {
  const { span } = useTime();
  const logsAllowed = usePermission("logs:read");
  const range = { from: toIso(span.from), to: toIso(span.to) };
  const all = tracesOf(service);
  const late = slow ? slowOf(service, slow) : "";
  const failed = tracesOf(service, "status = error");
  const logs = fieldTerm("service", service);
  const traceCount = useTraceCount(all, span);
  const lateCount = useTraceCount(late, span);
  const errorCount = useTraceCount(failed, span);
  const logCount = useLogCount(logs, span, logsAllowed);
  const said = (count: number | undefined): string => (count === undefined ? "…" : formatShort(count));
  return (
    <>
      <Button
        size="compact-xs"
        variant="default"
        leftSection={<IconRoute size={14} />}
        c={traceCount.data === 0 ? "dimmed" : undefined}
        onClick={() => onOpen({ kind: "traces", query: all, ...range })}
        data-testid="jump-traces"
      >
        {x.title} {said(traceCount.data)}
      </Button>
      {late !== "" && (
        <Button
          size="compact-xs"
          variant="default"
          title={x.slowHelp(formatUnit((slow ?? 0) / 2, "seconds"))}
          leftSection={<IconClock size={14} />}
          c={lateCount.data === 0 ? "dimmed" : undefined}
          onClick={() => onOpen({ kind: "traces", query: late, ...range })}
          data-testid="jump-slow"
        >
          {x.slow} {said(lateCount.data)}
        </Button>
      )}
      <Button
        size="compact-xs"
        variant="default"
        leftSection={<IconAlertTriangle size={14} />}
        c={errorCount.data === 0 ? "dimmed" : undefined}
        onClick={() => onOpen({ kind: "traces", query: failed, ...range })}
      >
        {x.errorRate} {said(errorCount.data)}
      </Button>
      {logsAllowed && (
        <Button
          size="compact-xs"
          variant="default"
          leftSection={<IconLogs size={14} />}
          c={logCount.data?.count === 0 ? "dimmed" : undefined}
          onClick={() => onOpen({ kind: "logs", query: logs, ...range })}
          data-testid="jump-logs"
        >
          {x.logs} {logCount.data ? formatShort(logCount.data.count) : "…"}
        </Button>
      )}
    </>
  );
}
