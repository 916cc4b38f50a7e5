/** Found records, page by page, and what is said when there are none. */
import { Button } from "@mantine/core";
import { type ReactNode, type RefObject, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { ErrorState, NoPermission, Skeleton, State } from "../../components/common/State.tsx";
import { ApiError } from "../../core/api/errors.ts";
import type { LogRecord } from "../../core/api/types.ts";
import type { PauseReason } from "../../core/live/buffer.ts";
import { rowsBefore } from "../../core/logs/pages.ts";
import { t } from "../../core/text.ts";
import { formatDate } from "../../core/time/format.ts";
import { type Scope, useLogRows, useTotal } from "../../hooks/useLogs.ts";
import { useTime } from "../../hooks/useTime.tsx";
import type { LogsUrl } from "../../hooks/useUrlState.ts";
import { EmptyRows } from "./EmptyRows.tsx";
import { ExportMenu } from "./ExportMenu.tsx";
import styles from "./LogsPage.module.css";
import { Rows } from "./Rows.tsx";
import status from "./StatusLine.module.css";
import { StatusLine } from "./StatusLine.tsx";

const NO_RECORDS: LogRecord[] = [];

interface Props {
  scope: Scope;
  url: LogsUrl;
  words: string[];
  /** Number of matching records, once it is known. */
  matched: number | undefined;
  running: boolean;
  cancelled: boolean;
  tabs: ReactNode;
  shown: RefObject<readonly LogRecord[]>;
  setUrl(change: Partial<LogsUrl>): void;
  onSelect(id: string): void;
  onClear(): void;
}

export function SearchRows(props: Props): ReactNode {
  const { scope, url, words, matched, running, cancelled, shown, setUrl, onSelect } = props;
  const time = useTime();
  const rows = useLogRows(scope, url.order);
  const total = useTotal(time.span);
  const { refresh, setRange, holdRefresh } = time;
  const [reading, setReading] = useState(false);
  const onReading = useCallback((reason: PauseReason | null) => setReading(reason !== null && reason !== "key"), []);
  useEffect(() => holdRefresh("reading", reading), [holdRefresh, reading]);
  useEffect(() => () => holdRefresh("reading", false), [holdRefresh]);

  const pages = rows.data?.pages;
  const records = useMemo(() => pages?.flatMap((page) => page.records) ?? NO_RECORDS, [pages]);
  shown.current = records;
  const dated = formatDate(time.span.from, time.zone) !== formatDate(time.span.to, time.zone);
  const { hasNextPage, hasPreviousPage, isFetching, fetchNextPage, fetchPreviousPage } = rows;
  const onNeedNext = useCallback(() => {
    if (hasNextPage && !isFetching) void fetchNextPage();
  }, [hasNextPage, isFetching, fetchNextPage]);
  const onNeedPrevious = useCallback(() => {
    if (hasPreviousPage && !isFetching) void fetchPreviousPage();
  }, [hasPreviousPage, isFetching, fetchPreviousPage]);

  const body = (): ReactNode => {
    if (rows.isError) {
      if (rows.error instanceof ApiError && rows.error.status === 403) return <NoPermission />;
      return <ErrorState error={rows.error} title={t.error.title} onRetry={() => void rows.refetch()} />;
    }
    if (rows.isPending && rows.fetchStatus === "idle" && cancelled) {
      return (
        <State
          title={t.logs.cancelled}
          actions={
            <Button size="xs" variant="default" onClick={() => void rows.refetch()}>
              {t.error.retry}
            </Button>
          }
        />
      );
    }
    if (rows.isPending) return <Skeleton rows={18} label={t.logs.running} />;
    if (records.length === 0 && !rows.isFetching)
      return <EmptyRows scope={scope} now={time.now} onRange={setRange} onClear={props.onClear} />;
    return null;
  };
  const state = body();
  const identity = useRef("");
  // While the next rows are on their way, the old ones keep their place.
  if (!rows.isPlaceholderData) identity.current = `${url.q}\n${url.order}\n${time.span.from}\n${time.span.to}`;
  return (
    <>
      <StatusLine
        scope={scope}
        matched={matched}
        total={total.data?.count}
        statistics={pages?.[0]?.statistics}
        running={running}
        tabs={props.tabs}
        tools={<ExportMenu scope={scope} columns={url.cols} order={url.order} matched={matched} />}
      />
      {time.every > 0 && time.held && (
        <div className={status.banner} role="status">
          {t.logs.refreshPaused}
          <Button
            size="compact-xs"
            variant="default"
            onClick={() => {
              setUrl({ sel: "" });
              holdRefresh("reading", false);
              refresh();
            }}
          >
            {t.logs.resume}
          </Button>
        </div>
      )}
      {state ? (
        <div className={styles.state}>{state}</div>
      ) : (
        <Rows
          records={records}
          before={rowsBefore(pages?.[0]?.trail)}
          hasMore={hasNextPage}
          loading={rows.isFetching}
          stale={rows.isPlaceholderData}
          columns={url.cols}
          words={words}
          zone={time.zone}
          dated={dated}
          order={url.order}
          selectedId={url.sel}
          identity={identity.current}
          onOrder={(order) => setUrl({ order })}
          onSelect={onSelect}
          onNeedNext={onNeedNext}
          onNeedPrevious={onNeedPrevious}
          onReading={onReading}
        />
      )}
    </>
  );
}
