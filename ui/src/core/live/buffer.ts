/**
 * The window of a live tail: newest first, bounded, pausable. Nothing is lost silently: what the server left out and what
 * did not fit here while paused are counted apart.
 */
import type { LogRecord } from "../logs/records.ts";
import { fromNsText } from "../time/instant.ts";

export const LIVE_ROWS = 5000;

/** Why the rows stand still. */
export type PauseReason = "button" | "scroll" | "select" | "open" | "key";

export interface LiveSnapshot {
  /** Newest first, at most `LIVE_ROWS`. The same array until something changes. */
  rows: LogRecord[];
  paused: PauseReason | null;
  /** Records that came since the pause, dropped ones included. */
  waiting: number;
  /** Left out by the server since the start: this client or its rate did not keep up. */
  droppedServer: number;
  /** Came while paused and did not fit into the window. */
  droppedClient: number;
  received: number;
  /** Records a second, over the last seconds. */
  rate: number;
}

const RATE_SECONDS = 5;

export class LiveBuffer {
  private rows: LogRecord[] = [];
  /** Oldest first: arrived since the last `take`. */
  private fresh: LogRecord[] = [];
  private paused: PauseReason | null = null;
  private waiting = 0;
  private droppedServer = 0;
  private droppedClient = 0;
  private received = 0;
  private readonly arrivals: { second: number; count: number }[] = [];
  /** After a reconnection: what is here already, and the newest of it. */
  private known: { ids: Set<string>; newest: bigint } | null = null;

  constructor(private readonly limit: number = LIVE_ROWS) {}

  /** Takes a message of the server: `records` oldest first. `now` in ms. Stored ones say nothing of the rate. */
  push(records: readonly LogRecord[], dropped: number, now: number, stored = false): void {
    this.droppedServer += dropped;
    const taken = this.known ? this.bridge(records) : records;
    this.received += taken.length;
    if (!stored) this.note(now, taken.length);
    if (this.paused) this.waiting += taken.length + dropped;
    for (const record of taken) this.fresh.push(record);
    const excess = this.fresh.length - this.limit;
    // Trimmed rarely, so that each record costs the same whatever the rate.
    if (excess > this.limit / 4) this.trim();
  }

  /** Of a backlog that reaches back further than the loss: only what is missing. */
  private bridge(records: readonly LogRecord[]): readonly LogRecord[] {
    const known = this.known;
    const last = records.at(-1);
    if (!known || !last) return records;
    if (fromNsText(last.timestamp) > known.newest) this.known = null;
    return records.filter((record) => !known.ids.has(record.id) && fromNsText(record.timestamp) >= known.newest);
  }

  private trim(): void {
    const excess = this.fresh.length - this.limit;
    if (excess <= 0) return;
    this.fresh = this.fresh.slice(excess);
    if (this.paused) this.droppedClient += excess;
  }

  private note(now: number, count: number): void {
    const second = Math.floor(now / 1000);
    const last = this.arrivals.at(-1);
    if (last?.second === second) last.count += count;
    else this.arrivals.push({ second, count });
    while ((this.arrivals[0]?.second ?? second) < second - RATE_SECONDS) this.arrivals.shift();
  }

  /** After a reconnection the backlog repeats what is here already. */
  reconnected(): void {
    const here = [...this.rows.slice(0, 2000), ...this.fresh.slice(-2000)];
    if (here.length === 0) return;
    let newest = 0n;
    for (const { timestamp } of here) {
      const at = fromNsText(timestamp);
      if (at > newest) newest = at;
    }
    this.known = { ids: new Set(here.map((record) => record.id)), newest };
  }

  pause(reason: PauseReason): void {
    if (this.paused) {
      // What happened last explains it best, but a wish stays a wish.
      if (this.paused !== "button") this.paused = reason;
      return;
    }
    this.paused = reason;
    this.waiting = this.fresh.length;
  }

  resume(): void {
    this.trim();
    this.paused = null;
    this.waiting = 0;
  }

  clear(): void {
    this.rows = [];
    this.fresh = [];
    this.waiting = 0;
  }

  /** Moves what arrived into the window, unless paused, and describes the state. */
  take(now: number): LiveSnapshot {
    this.trim();
    // An empty window is filled even so: there is nothing to keep still.
    if ((!this.paused || this.rows.length === 0) && this.fresh.length > 0) {
      this.waiting = 0;
      const kept = this.rows.slice(0, Math.max(0, this.limit - this.fresh.length));
      this.rows = this.fresh.reverse().concat(kept);
      this.fresh = [];
    }
    const second = Math.floor(now / 1000);
    const counted = this.arrivals.filter((entry) => entry.second < second && entry.second >= second - RATE_SECONDS);
    const seconds = counted.length > 0 ? second - (counted[0]?.second ?? second) : 1;
    return {
      rows: this.rows,
      paused: this.paused,
      waiting: this.waiting,
      droppedServer: this.droppedServer,
      droppedClient: this.droppedClient,
      received: this.received,
      rate: counted.reduce((sum, entry) => sum + entry.count, 0) / Math.max(1, seconds),
    };
  }
}
