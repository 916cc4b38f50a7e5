/** A live tail as React state: socket and buffer outside of React, one render at most every tenth of a second. */
import { useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { LiveBuffer, type LiveSnapshot, type PauseReason } from "../core/live/buffer.ts";
import { LiveSocket, type LiveState, liveUrl } from "../core/live/socket.ts";
import { fromMs, type Instant } from "../core/time/instant.ts";
import type { Span } from "../core/time/range.ts";
import { useApi, useBackend } from "./useApi.tsx";

const FRAME_MS = 100;
const RATE = 2000;
const BACKLOG = 250;

export interface Live extends LiveSnapshot {
  state: LiveState;
  /** How often the connection was lost and found again. */
  reconnections: number;
  pause(reason: PauseReason): void;
  resume(): void;
  retry(): void;
}

interface View extends LiveSnapshot {
  state: LiveState;
  reconnections: number;
}

/** The tail of one query: created when it starts, closed when it stops. */
class Tail {
  private readonly buffer = new LiveBuffer();
  private state: LiveState = { kind: "connecting" };
  private reconnections = 0;
  private stored = false;
  private view: View;
  private frame = 0;
  private shownAt = 0;
  private ticker = 0;
  private socket: LiveSocket | null = null;
  private readonly listeners = new Set<() => void>();

  constructor(
    private readonly url: string,
    private readonly query: string,
  ) {
    this.view = { ...this.buffer.take(Date.now()), state: this.state, reconnections: 0 };
  }

  open(): void {
    this.socket = new LiveSocket(
      { url: this.url, query: this.query, rate: RATE, backlog: BACKLOG },
      {
        onState: (state) => {
          this.state = state;
          // What is stored comes first.
          if (state.kind === "open") this.stored = true;
          this.show();
        },
        onRecords: (records, dropped) => {
          this.buffer.push(records, dropped, Date.now(), this.stored);
          this.stored = false;
          this.soon();
        },
        onReconnected: () => {
          this.reconnections += 1;
          this.buffer.reconnected();
        },
      },
    );
    this.socket.start();
    // The rate falls by itself when nothing arrives.
    this.ticker = window.setInterval(() => this.soon(), 1000);
  }

  close(): void {
    this.socket?.stop();
    this.socket = null;
    window.clearInterval(this.ticker);
    cancelAnimationFrame(this.frame);
    this.frame = 0;
  }

  /** In the next frame that is far enough from the last. */
  private soon(): void {
    if (this.frame !== 0) return;
    const wait = (now: number): void => {
      if (now - this.shownAt < FRAME_MS) {
        this.frame = requestAnimationFrame(wait);
        return;
      }
      this.frame = 0;
      this.shownAt = now;
      this.show();
    };
    this.frame = requestAnimationFrame(wait);
  }

  private show(): void {
    this.view = { ...this.buffer.take(Date.now()), state: this.state, reconnections: this.reconnections };
    for (const listener of this.listeners) listener();
  }

  pause = (reason: PauseReason): void => {
    this.buffer.pause(reason);
    this.show();
  };

  resume = (): void => {
    this.buffer.resume();
    this.show();
  };

  retry = (): void => this.socket?.retry();
  get = (): View => this.view;
  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };
}

export function useLive(query: string): Live {
  const { tenant } = useBackend();
  const url = liveUrl(location.origin, tenant.current);
  const tail = useMemo(() => new Tail(url, query), [url, query]);
  useEffect(() => {
    tail.open();
    return () => tail.close();
  }, [tail]);
  const view = useSyncExternalStore(tail.subscribe, tail.get);
  return useMemo(() => ({ ...view, pause: tail.pause, resume: tail.resume, retry: tail.retry }), [view, tail]);
}

/** The last minutes up to now, moved on every so often while `running`. */
export function useMovingSpan(running: boolean, minutes: number, everyMs: number): Span {
  const api = useApi();
  const quantum = useCallback((): Instant => {
    const step = Math.max(1000, everyMs);
    return fromMs(Math.ceil(api.now() / step) * step);
  }, [api, everyMs]);
  const [end, setEnd] = useState<Instant>(quantum);
  const was = useRef(running);
  if (running && !was.current) setEnd(quantum());
  was.current = running;
  useEffect(() => {
    if (!running) return;
    const timer = window.setInterval(() => {
      if (!document.hidden) setEnd(quantum());
    }, everyMs);
    return () => window.clearInterval(timer);
  }, [running, everyMs, quantum]);
  return useMemo(() => ({ from: end - BigInt(minutes) * 60_000_000_000n, to: end }), [end, minutes]);
}
