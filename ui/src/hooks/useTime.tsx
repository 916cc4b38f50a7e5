/** The one time context: range from the address, resolved against a clock that moves only on run and refresh. */
import { createContext, type ReactNode, use, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useLocation } from "react-router";
import { fromMs, type Instant } from "../core/time/instant.ts";
import { type Range, resolveRange, type Span } from "../core/time/range.ts";
import { addRecent } from "../core/time/recents.ts";
import type { Zone } from "../core/time/zone.ts";
import { useApi } from "./useApi.tsx";
import { usePrefs, useSetPrefs } from "./usePrefs.ts";
import { useUrlLive, useUrlRange, useUrlRefresh } from "./useUrlState.ts";

export interface TimeContextValue {
  range: Range;
  /** The range as of the last run or refresh. */
  span: Span;
  now: Instant;
  zone: Zone;
  setRange(range: Range): void;
  refresh(): void;
  /** Seconds between refreshes, 0 for none. */
  every: number;
  setEvery(seconds: number): void;
  /** Records are shown as they arrive, whatever the range. */
  live: boolean;
  setLive(live: boolean): void;
  /** Pages may hold refreshing back while someone reads. */
  holdRefresh(reason: string, hold: boolean): void;
  held: boolean;
}

const TimeContext = createContext<TimeContextValue | null>(null);

export function TimeProvider({ children }: { children: ReactNode }): ReactNode {
  const api = useApi();
  const { zone } = usePrefs();
  const setPrefs = useSetPrefs();
  const [range, setUrlRange] = useUrlRange();
  const [every, setEvery] = useUrlRefresh();
  const [now, setNow] = useState<Instant>(() => fromMs(api.now()));
  const [live, setLive] = useUrlLive();
  const holds = useRef(new Set<string>());
  const [held, setHeld] = useState(false);
  const { pathname } = useLocation();
  const [page, setPage] = useState(pathname);
  // Another page looks at the clock anew.
  if (page !== pathname) {
    setPage(pathname);
    setNow(fromMs(api.now()));
  }
  const span = useMemo(() => resolveRange(range, now, zone), [range, now, zone]);

  const refresh = useCallback(() => setNow(fromMs(api.now())), [api]);
  const holdRefresh = useCallback((reason: string, hold: boolean) => {
    if (hold) holds.current.add(reason);
    else holds.current.delete(reason);
    setHeld(holds.current.size > 0);
  }, []);

  useEffect(() => {
    if (every === 0 || held || live) return;
    const timer = window.setInterval(() => {
      if (!document.hidden) refresh();
    }, every * 1000);
    return () => window.clearInterval(timer);
  }, [every, held, live, refresh]);

  const value = useMemo<TimeContextValue>(
    () => ({
      range,
      span,
      now,
      zone,
      every,
      held,
      live,
      setLive,
      setEvery,
      refresh,
      holdRefresh,
      setRange: (next) => {
        setUrlRange(next);
        if (live) setLive(false);
        refresh();
        setPrefs((prefs) => ({ recents: addRecent(prefs.recents, next) }));
      },
    }),
    [range, span, now, zone, every, held, live, setLive, setEvery, refresh, holdRefresh, setUrlRange, setPrefs],
  );
  return <TimeContext value={value}>{children}</TimeContext>;
}

export function useTime(): TimeContextValue {
  const value = use(TimeContext);
  if (!value) throw new Error("useTime needs a TimeProvider above it");
  return value;
}
