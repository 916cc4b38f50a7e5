/**
 * The connection of a live tail: one subscription over one WebSocket, opened again after a loss with growing pauses.
 * A subscription that the server refuses is not tried again: the error says why.
 */
import { ApiError, errorFrom } from "../api/errors.ts";
import type { LiveMessage, LiveRequest } from "../api/explore.ts";
import type { LogRecord } from "../logs/records.ts";

export type LiveState =
  | { kind: "connecting" }
  | { kind: "open" }
  /** `at` is when the next try begins, in ms of the clock. */
  | { kind: "waiting"; attempt: number; at: number }
  | { kind: "failed"; error: ApiError };

export interface LiveEvents {
  onState(state: LiveState): void;
  onRecords(records: LogRecord[], dropped: number): void;
  /** Connected again after a loss, before the records. */
  onReconnected(): void;
}

export interface LiveOptions {
  url: string;
  query: string;
  rate: number;
  backlog: number;
  /** For tests. */
  socket?: (url: string) => WebSocket;
  now?: () => number;
  random?: () => number;
}

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** After a loss, this many stored records bridge the gap. */
const BRIDGE = 1000;

/** Pause before the n-th try, between half and all of a doubling time. */
export function backoff(attempt: number, random: number): number {
  const full = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (attempt - 1));
  return full / 2 + (full / 2) * random;
}

export class LiveSocket {
  private socket: WebSocket | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private attempt = 0;
  private everOpen = false;
  private closed = false;

  constructor(
    private readonly options: LiveOptions,
    private readonly events: LiveEvents,
  ) {}

  start(): void {
    this.connect();
  }

  stop(): void {
    this.closed = true;
    if (this.timer) clearTimeout(this.timer);
    this.drop();
  }

  /** Tries at once instead of waiting. */
  retry(): void {
    if (this.closed || this.socket) return;
    if (this.timer) clearTimeout(this.timer);
    this.connect();
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = null;
    if (!socket) return;
    socket.onopen = null;
    socket.onmessage = null;
    socket.onclose = null;
    socket.onerror = null;
    socket.close();
  }

  private connect(): void {
    const { url, query, rate, backlog } = this.options;
    this.timer = null;
    this.events.onState({ kind: "connecting" });
    const socket = (this.options.socket ?? ((address) => new WebSocket(address)))(url);
    this.socket = socket;
    socket.onopen = () => {
      const request: LiveRequest = {
        type: "subscribe",
        id: "tail",
        topic: "logs",
        query,
        rate,
        backlog: this.everOpen ? BRIDGE : backlog,
      };
      socket.send(JSON.stringify(request));
    };
    socket.onmessage = (event) => this.onMessage(String(event.data));
    socket.onclose = (event) => this.onClose(event);
  }

  private onMessage(text: string): void {
    let message: LiveMessage;
    try {
      message = JSON.parse(text) as LiveMessage;
    } catch {
      return;
    }
    if (message.type === "subscribed") {
      if (this.everOpen) this.events.onReconnected();
      this.everOpen = true;
      this.attempt = 0;
      this.events.onState({ kind: "open" });
    } else if (message.type === "records") {
      this.events.onRecords(message.records ?? [], message.dropped ?? 0);
    } else if (message.type === "error") {
      this.fail(errorFrom(400, { error: message.error }));
    } else if (message.type === "ended") {
      this.drop();
      this.wait();
    }
  }

  private fail(error: ApiError): void {
    this.closed = true;
    this.drop();
    this.events.onState({ kind: "failed", error });
  }

  private onClose(event: CloseEvent): void {
    this.socket = null;
    // 1008: refused by policy, 44xx: refused by the application.
    if (event.code === 1008 || (event.code >= 4400 && event.code < 4500)) {
      this.fail(
        new ApiError(event.code, { code: "refused", message: event.reason || "The server refused the live tail." }),
      );
      return;
    }
    this.wait();
  }

  private wait(): void {
    if (this.closed) return;
    this.attempt += 1;
    const pause = backoff(this.attempt, (this.options.random ?? Math.random)());
    this.events.onState({ kind: "waiting", attempt: this.attempt, at: (this.options.now ?? Date.now)() + pause });
    this.timer = setTimeout(() => this.connect(), pause);
  }
}

/** The address of the live API for this page; browsers cannot send a header, so the tenant is an argument. */
export function liveUrl(origin: string, tenant: string): string {
  const url = new URL("/api/nexus/v1/live", origin);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  if (tenant) url.searchParams.set("tenant", tenant);
  return url.toString();
}
