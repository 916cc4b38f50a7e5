/** How many logs there are of the same labels and time: the count first, the panel on a click. */
import { Button } from "@mantine/core";
import { IconLogs } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { logsOf, pinnedLabels } from "../../core/metrics/pivot.ts";
import { m } from "../../core/metricsText.ts";
import type { Span } from "../../core/time/range.ts";
import { useLogFields, useLogsBeside, useMetricExplain } from "../../hooks/useMetrics.ts";
import { usePermission } from "../../hooks/useSession.ts";

/** Labels that the selectors of a query pin to one value. */
export function usePinned(query: string, span: Span): Record<string, string> | null {
  const explain = useMetricExplain({ query, span, step: 0, points: 100 });
  return explain.data ? pinnedLabels(explain.data.selectors.flatMap((selector) => selector.matchers)) : null;
}

export function LogsCount({ query, span, onOpen }: { query: string; span: Span; onOpen(): void }): ReactNode {
  const allowed = usePermission("logs:read");
  const pinned = usePinned(query, span);
  const fields = useLogFields(span, allowed && pinned !== null && Object.keys(pinned).length > 0);
  const search = pinned && fields.data ? logsOf(pinned, fields.data).query : "";
  const count = useLogsBeside(search, span, allowed);
  if (!allowed || search === "" || !count.data) return null;
  return (
    <Button
      size="compact-xs"
      variant="default"
      leftSection={<IconLogs size={14} stroke={1.6} />}
      title={m.logsHelp}
      c={count.data.count === 0 ? "dimmed" : undefined}
      onClick={onOpen}
      data-testid="logs-beside"
    >
      {m.logsCount(count.data.count)}
    </Button>
  );
}
