/** Green while answers come, red when they do not; the tooltip tells the rate of arriving records. */
import { Tooltip } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { formatRate } from "../../core/format.ts";
import { t } from "../../core/text.ts";
import { useApi, useConnected } from "../../hooks/useApi.tsx";
import styles from "./Shell.module.css";

export function ConnectionDot(): ReactNode {
  const api = useApi();
  const up = useConnected();
  const status = useQuery({
    queryKey: ["ingest-status"],
    queryFn: ({ signal }) => api.ingestStatus(signal),
    refetchInterval: 10_000,
    retry: false,
  });
  const rate = status.data?.records_per_second ?? 0;
  const label = up === false ? t.top.disconnected : rate > 0 ? t.top.connected(formatRate(rate)) : t.top.connectedIdle;
  return (
    <Tooltip label={label}>
      <span className={styles.status} role="img" aria-label={label}>
        <span className={styles.dot} data-state={up === false ? "down" : up ? "up" : "unknown"} />
      </span>
    </Tooltip>
  );
}
