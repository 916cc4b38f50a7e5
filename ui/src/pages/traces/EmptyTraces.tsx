/** Why a search found nothing, and the button that mends it. */
import { Button } from "@mantine/core";
import { IconRoute, IconSearchOff, IconZoomOut } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { Skeleton, State } from "../../components/common/State.tsx";
import { x } from "../../core/tracesText.ts";
import type { Scope } from "../../hooks/useLogs.ts";
import { usePagePath } from "../../hooks/usePagePath.ts";
import { useTime } from "../../hooks/useTime.tsx";
import { useTraceEmpty } from "../../hooks/useTraces.ts";

const ICON = { size: 32, stroke: 1.3 };

export function EmptyTraces({ scope, onQuery }: { scope: Scope; onQuery(query: string): void }): ReactNode {
  const cause = useTraceEmpty(scope, true);
  const { setRange } = useTime();
  const to = usePagePath();
  if (cause.isPending) return <Skeleton rows={4} />;
  const data = cause.data;
  if (data && !data.ever)
    return (
      <State
        icon={<IconRoute {...ICON} />}
        title={x.noTraces}
        actions={
          <Button size="xs" component={Link} to={to("/start", { source: "otlptraces" })}>
            {x.getStarted}
          </Button>
        }
      >
        {x.noTracesHelp}
      </State>
    );
  if (data && !data.inRange)
    return (
      <State
        icon={<IconZoomOut {...ICON} />}
        title={x.noRange}
        actions={
          <Button size="xs" onClick={() => setRange({ from: "now-24h", to: "now" })}>
            {x.wider}
          </Button>
        }
      >
        {x.noRangeHelp}
      </State>
    );
  return (
    <State
      icon={<IconSearchOff {...ICON} />}
      title={x.noMatch}
      actions={
        <>
          {data?.without.map((one) => (
            <Button key={one.text} size="xs" variant="default" onClick={() => onQuery(one.query)}>
              {x.without(one.text)}
            </Button>
          ))}
          {scope.query !== "" && (
            <Button size="xs" onClick={() => onQuery("")}>
              {x.clear}
            </Button>
          )}
        </>
      }
    >
      {x.noMatchHelp}
    </State>
  );
}
