/** From something with a trace id to its trace: the number of spans first, grey when it is not stored. */
import { Button } from "@mantine/core";
import { IconRoute } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { t } from "../../core/text.ts";
import type { Instant } from "../../core/time/instant.ts";
import { usePermission } from "../../hooks/useSession.ts";
import { useTraceSize } from "../../hooks/useTraces.ts";

/** A record is written while its trace runs, or soon after. */
const AROUND = 3_600_000_000_000n;

export function TraceButton({ id, at, onOpen }: { id: string; at: Instant; onOpen(): void }): ReactNode {
  const allowed = usePermission("traces:read");
  const size = useTraceSize(id, { from: at - AROUND, to: at + AROUND }, allowed);
  if (!allowed) return null;
  return (
    <Button
      size="compact-xs"
      variant="default"
      leftSection={<IconRoute size={14} />}
      c={size.data === 0 ? "dimmed" : undefined}
      title={t.logs.openTrace}
      onClick={onOpen}
      data-testid="open-trace"
    >
      {t.logs.trace(size.data)}
    </Button>
  );
}
