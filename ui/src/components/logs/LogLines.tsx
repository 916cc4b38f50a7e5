/** Logs beside something else: the count first, then the newest lines, and the way to all of them. */
import { Button } from "@mantine/core";
import { IconExternalLink } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { asSeverity, SEVERITY_LETTER } from "../../core/logs/severity.ts";
import { m } from "../../core/metricsText.ts";
import { formatClock } from "../../core/time/format.ts";
import { fromNsText, toIso } from "../../core/time/instant.ts";
import type { Span } from "../../core/time/range.ts";
import { useLogLines, useLogsBeside } from "../../hooks/useMetrics.ts";
import { usePagePath } from "../../hooks/usePagePath.ts";
import { useTime } from "../../hooks/useTime.tsx";
import { ErrorState, Skeleton, State } from "../common/State.tsx";
import styles from "./LogLines.module.css";

export function LogLines({ query, span, none }: { query: string; span: Span; none: string }): ReactNode {
  const { zone } = useTime();
  const to = usePagePath();
  const count = useLogsBeside(query, span, true);
  const lines = useLogLines(query, span);
  return (
    <>
      <div className={styles.head}>
        <code title={query}>{query}</code>
        {count.data && (
          <b data-testid="beside-count" data-none={count.data.count === 0 || undefined}>
            {m.logsCount(count.data.count)}
          </b>
        )}
        <Button
          size="compact-xs"
          variant="default"
          component={Link}
          to={to("/logs", { q: query, from: toIso(span.from), to: toIso(span.to) })}
          leftSection={<IconExternalLink size={14} />}
        >
          {m.logsOpen}
        </Button>
      </div>
      {lines.isPending && <Skeleton rows={8} />}
      {lines.isError && <ErrorState error={lines.error} onRetry={() => void lines.refetch()} />}
      {lines.data && lines.data.records.length === 0 && <State title={none} />}
      {lines.data && lines.data.records.length > 0 && (
        <ol className={styles.lines} data-testid="beside-lines">
          {lines.data.records.map((record) => {
            const severity = asSeverity(record.severity);
            const body = typeof record.body === "string" ? record.body : JSON.stringify(record.body);
            return (
              <li key={record.id}>
                <span className={styles.time}>{formatClock(fromNsText(record.timestamp), zone, 3)}</span>
                <span className={styles.severity} style={{ color: `var(--severity-${severity})` }} title={severity}>
                  {SEVERITY_LETTER[severity]}
                </span>
                <span className={styles.text}>{body.slice(0, 300)}</span>
              </li>
            );
          })}
        </ol>
      )}
    </>
  );
}
