/** A record in the right-hand panel, fetched when the rows do not hold it. */
import { useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { ErrorState, Skeleton } from "../../components/common/State.tsx";
import { SidePanel } from "../../components/shell/SidePanel.tsx";
import { ApiError } from "../../core/api/errors.ts";
import type { LogRecord } from "../../core/api/types.ts";
import { t } from "../../core/text.ts";
import { useAction } from "../../hooks/useActions.tsx";
import { useRecord } from "../../hooks/useLogs.ts";
import { RecordDetail } from "./RecordDetail.tsx";
import { useFilters } from "./useFilters.tsx";

interface Props {
  id: string;
  known: LogRecord | undefined;
  zone: string;
  words: string[];
  onClose(): void;
}

export function RecordPanel({ id, known, zone, words, onClose }: Props): ReactNode {
  const client = useQueryClient();
  const fetched = useRecord(id, known);
  const record = known ?? fetched.data;
  const { openContext } = useFilters();
  useAction("context", () => {
    if (!openContext || !record) return false;
    openContext(record.id);
    return true;
  });
  return (
    <SidePanel title={t.logs.record} onClose={onClose}>
      {record && <RecordDetail key={record.id} record={record} zone={zone} words={words} />}
      {!record && fetched.isPending && <Skeleton rows={8} />}
      {!record && fetched.isError && (
        <ErrorState
          error={
            fetched.error instanceof ApiError && fetched.error.status === 404
              ? new Error(t.logs.recordGone)
              : fetched.error
          }
          onRetry={() => void client.invalidateQueries({ queryKey: ["logs", "record"] })}
        />
      )}
    </SidePanel>
  );
}
