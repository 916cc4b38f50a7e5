/** The live tail: rows flow in at the top until somebody reads; what is going on stands above them. */
import { Button, Tooltip } from "@mantine/core";
import { IconPlayerPauseFilled, IconPlayerPlayFilled, IconPlayerStopFilled } from "@tabler/icons-react";
import { type ReactNode, type RefObject, useCallback, useEffect, useState } from "react";
import { ErrorState, State } from "../../components/common/State.tsx";
import type { LogRecord } from "../../core/api/types.ts";
import { formatCount, formatRate } from "../../core/format.ts";
import { LIVE_ROWS, type PauseReason } from "../../core/live/buffer.ts";
import { t } from "../../core/text.ts";
import { formatDate } from "../../core/time/format.ts";
import { fromNsText } from "../../core/time/instant.ts";
import { useAction } from "../../hooks/useActions.tsx";
import { type Live, useLive } from "../../hooks/useLive.ts";
import styles from "./LiveRows.module.css";
import page from "./LogsPage.module.css";
import { Rows } from "./Rows.tsx";
import status from "./StatusLine.module.css";
import { FacetsButton, RowSettings } from "./StatusLine.tsx";

function Seconds({ until }: { until: number }): ReactNode {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), 500);
    return () => window.clearInterval(timer);
  }, []);
  return t.live.retryIn(Math.max(0, Math.ceil((until - now) / 1000)));
}

function ConnectionState({ live }: { live: Live }): ReactNode {
  const { state, paused } = live;
  const kind = state.kind === "open" ? (paused ? "paused" : "open") : state.kind;
  return (
    <span className={styles.state} data-state={kind} data-testid="live-state" role="status">
      <span className={styles.dot} aria-hidden />
      {kind === "open" && t.live.open}
      {kind === "paused" && t.live.pausedState}
      {kind === "connecting" && `${t.live.connecting} …`}
      {kind === "failed" && t.live.failed}
      {state.kind === "waiting" && t.live.lost}
    </span>
  );
}

interface Props {
  query: string;
  columns: string[];
  words: string[];
  zone: string;
  selectedId: string;
  /** Something lies over the rows. */
  held: boolean;
  tabs: ReactNode;
  /** Where the page finds records that are on the screen. */
  shown: RefObject<readonly LogRecord[]>;
  onSelect(id: string): void;
  onStop(): void;
}

const nothing = (): void => undefined;

export function LiveRows(props: Props): ReactNode {
  const { query, selectedId, shown, onSelect, onStop } = props;
  const live = useLive(query);
  const { pause, resume, paused, rows, state } = live;
  const [runs, setRuns] = useState(0);
  shown.current = rows;
  const onReading = useCallback(
    (reason: PauseReason | null) => {
      if (reason) pause(reason);
    },
    [pause],
  );
  const onResume = useCallback(() => {
    if (selectedId !== "") onSelect("");
    window.getSelection()?.removeAllRanges();
    setRuns((count) => count + 1);
    resume();
  }, [selectedId, onSelect, resume]);
  useEffect(() => {
    if (props.held) pause("open");
  }, [props.held, pause]);
  useAction("live", () => {
    if (paused) onResume();
    else pause("button");
    return true;
  });
  const [newest, oldest] = [rows[0], rows.at(-1)];
  const day = (record: LogRecord): string => formatDate(fromNsText(record.timestamp), props.zone);
  // What was stored before may be from another day.
  const dated = newest !== undefined && oldest !== undefined && day(newest) !== day(oldest);
  const dropped = live.droppedServer + live.droppedClient;
  return (
    <>
      <div className={status.line} data-testid="live-line">
        <FacetsButton />
        {props.tabs}
        <ConnectionState live={live} />
        {state.kind === "waiting" && (
          <>
            <span>
              <Seconds until={state.at} />
            </span>
            <Button size="compact-xs" variant="default" onClick={live.retry}>
              {t.live.retryNow}
            </Button>
          </>
        )}
        {state.kind === "failed" && rows.length > 0 && <span role="alert">{state.error.message}</span>}
        {state.kind === "open" && <span>{t.live.rate(formatRate(live.rate))}</span>}
        <span data-testid="live-shown">{t.live.shown(rows.length)}</span>
        {live.droppedServer > 0 && (
          <Tooltip label={t.live.serverDroppedHelp} multiline w={320}>
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: its explanation is reached with the keyboard */}
            <span className={styles.dropped} data-testid="live-dropped" tabIndex={0}>
              {t.live.serverDropped(live.droppedServer)}
            </span>
          </Tooltip>
        )}
        <span className="visually-hidden" role="status">
          {live.reconnections > 0 && state.kind === "open" ? t.live.reconnected : ""}
        </span>
        <span className={status.space} />
        <Button
          size="compact-xs"
          variant="default"
          leftSection={paused ? <IconPlayerPlayFilled size={12} /> : <IconPlayerPauseFilled size={12} />}
          onClick={paused ? onResume : () => pause("button")}
        >
          {paused ? t.live.resume : t.live.pause}
        </Button>
        <Button
          size="compact-xs"
          variant="default"
          title={t.live.stopHelp}
          leftSection={<IconPlayerStopFilled size={12} />}
          onClick={onStop}
        >
          {t.live.stop}
        </Button>
        <RowSettings />
      </div>
      <div className={styles.area}>
        {state.kind === "failed" && rows.length === 0 ? (
          <div className={page.state}>
            <ErrorState error={state.error} title={t.live.failed} />
          </div>
        ) : rows.length === 0 ? (
          <div className={page.state}>
            <State title={state.kind === "open" ? t.live.empty : `${t.live.connecting} …`}>{t.live.emptyHelp}</State>
          </div>
        ) : (
          <Rows
            records={rows as LogRecord[]}
            before={0}
            hasMore={false}
            loading={false}
            stale={false}
            columns={props.columns}
            words={props.words}
            zone={props.zone}
            dated={dated}
            order="desc"
            selectedId={selectedId}
            identity={`live\n${query}\n${runs}`}
            onSelect={onSelect}
            onNeedNext={nothing}
            onNeedPrevious={nothing}
            onReading={onReading}
            onPress={() => pause("select")}
            tail={rows.length >= LIVE_ROWS ? t.live.end(LIVE_ROWS) : t.live.beginning}
          />
        )}
        {paused && (
          <div className={styles.paused} role="status" data-testid="live-paused">
            <IconPlayerPauseFilled size={13} aria-hidden />
            <b>{t.live.because[paused]}</b>
            <span>{t.live.waiting(live.waiting)}</span>
            <span>{t.live.waitingDropped(dropped)}</span>
            {/* Laid over the rows: nothing moves between pressing and releasing the pointer. */}
            <Button size="compact-xs" onClick={onResume}>
              {t.live.resume} · Space
            </Button>
          </div>
        )}
      </div>
      <span className="visually-hidden">{formatCount(live.received)}</span>
    </>
  );
}
