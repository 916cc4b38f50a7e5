import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { LogRecord } from "../logs/records.ts";
import { LiveBuffer } from "./buffer.ts";
import { backoff, LiveSocket, type LiveState, liveUrl } from "./socket.ts";

function records(first: number, count: number): LogRecord[] {
  return Array.from(
    { length: count },
    (_, index) => ({ id: `r${first + index}`, timestamp: String(1_000_000 + first + index) }) as LogRecord,
  );
}
const ids = (rows: LogRecord[]): string[] => rows.map((row) => row.id);

describe("the window of a live tail", () => {
  it("shows the newest first and keeps at most its limit", () => {
    const buffer = new LiveBuffer(10);
    buffer.push(records(0, 3), 0, 0);
    expect(ids(buffer.take(0).rows)).toEqual(["r2", "r1", "r0"]);
    buffer.push(records(3, 4), 0, 0);
    buffer.push(records(7, 5), 0, 0);
    const rows = ids(buffer.take(0).rows);
    expect(rows).toHaveLength(10);
    expect(rows[0]).toBe("r11");
    expect(rows.at(-1)).toBe("r2");
  });
  it("keeps the same array until something arrives", () => {
    const buffer = new LiveBuffer(10);
    buffer.push(records(0, 3), 0, 0);
    expect(buffer.take(1).rows).toBe(buffer.take(2).rows);
  });
  it("stands still while paused, counts, and goes on with what came", () => {
    const buffer = new LiveBuffer(10);
    buffer.push(records(0, 2), 0, 0);
    buffer.take(0);
    buffer.pause("scroll");
    buffer.push(records(2, 3), 4, 0);
    const paused = buffer.take(0);
    expect(ids(paused.rows)).toEqual(["r1", "r0"]);
    expect(paused).toMatchObject({ paused: "scroll", waiting: 7, droppedServer: 4, droppedClient: 0 });
    buffer.resume();
    const resumed = buffer.take(0);
    expect(ids(resumed.rows)).toEqual(["r4", "r3", "r2", "r1", "r0"]);
    expect(resumed).toMatchObject({ paused: null, waiting: 0, droppedServer: 4 });
  });
  it("counts what did not fit while paused; new = shown later + dropped", () => {
    const buffer = new LiveBuffer(10);
    buffer.push(records(0, 1), 0, 0);
    buffer.take(0);
    buffer.pause("button");
    for (let round = 0; round < 7; round += 1) buffer.push(records(1 + round * 5, 5), 0, 0);
    const { waiting, droppedClient } = buffer.take(0);
    expect(waiting).toBe(35);
    expect(droppedClient).toBe(25);
    buffer.resume();
    expect(ids(buffer.take(0).rows)[0]).toBe("r35");
    expect(buffer.take(0).rows).toHaveLength(10);
  });
  it("what a button paused keeps that reason; others give the last one", () => {
    const buffer = new LiveBuffer(10);
    buffer.pause("select");
    buffer.pause("open");
    expect(buffer.take(0).paused).toBe("open");
    buffer.resume();
    buffer.pause("button");
    buffer.pause("scroll");
    expect(buffer.take(0).paused).toBe("button");
  });
  it("fills an empty window even while paused", () => {
    const buffer = new LiveBuffer(10);
    buffer.pause("button");
    buffer.push(records(0, 2), 0, 0);
    expect(buffer.take(0)).toMatchObject({ waiting: 0 });
    expect(buffer.take(0).rows).toHaveLength(2);
  });
  it("takes nothing twice after a reconnection, and nothing older than it has", () => {
    const buffer = new LiveBuffer(100);
    buffer.push(records(50, 10), 0, 0);
    buffer.take(0);
    buffer.reconnected();
    buffer.push(records(0, 70), 0, 0);
    expect(ids(buffer.take(0).rows)).toEqual(ids(records(50, 20).reverse()));
    buffer.push(records(20, 1), 0, 0);
    expect(buffer.take(0).rows[0]?.id).toBe("r20");
  });
  it("knows the rate of the last whole seconds", () => {
    const buffer = new LiveBuffer(100);
    buffer.push(records(0, 20), 0, 10_000, true);
    for (let second = 0; second < 4; second += 1) buffer.push(records(second * 20, 20), 0, 10_000 + second * 1000);
    expect(buffer.take(14_000).rate).toBe(20);
    expect(buffer.take(60_000).rate).toBe(0);
  });
  it("does 2,000 records a second with time to spare", () => {
    const buffer = new LiveBuffer();
    const batches = Array.from({ length: 300 }, (_, index) => records(index * 200, 200));
    const began = performance.now();
    for (const [index, batch] of batches.entries()) {
      buffer.push(batch, 0, index * 100);
      buffer.take(index * 100);
    }
    expect(performance.now() - began).toBeLessThan(500);
  });
});

class FakeSocket {
  static readonly all: FakeSocket[] = [];
  sent: string[] = [];
  closed = false;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  onerror: (() => void) | null = null;
  constructor(readonly url: string) {
    FakeSocket.all.push(this);
  }
  send(text: string): void {
    this.sent.push(text);
  }
  close(): void {
    this.closed = true;
  }
  say(message: object): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
}

describe("the connection of a live tail", () => {
  const states: LiveState[] = [];
  const batches: [number, number][] = [];
  let reconnections = 0;
  const make = (): LiveSocket =>
    new LiveSocket(
      {
        url: "ws://x/live",
        query: "level:error",
        rate: 2000,
        backlog: 250,
        socket: (url) => new FakeSocket(url) as unknown as WebSocket,
        now: () => 0,
        random: () => 1,
      },
      {
        onState: (state) => states.push(state),
        onRecords: (found, dropped) => batches.push([found.length, dropped]),
        onReconnected: () => {
          reconnections += 1;
        },
      },
    );
  const last = (): FakeSocket => FakeSocket.all.at(-1) as FakeSocket;
  beforeEach(() => {
    vi.useFakeTimers();
    states.length = 0;
    batches.length = 0;
    FakeSocket.all.length = 0;
    reconnections = 0;
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("subscribes and passes records and drops on", () => {
    make().start();
    last().onopen?.();
    expect(JSON.parse(last().sent[0] ?? "")).toEqual({
      type: "subscribe",
      id: "tail",
      topic: "logs",
      query: "level:error",
      rate: 2000,
      backlog: 250,
    });
    last().say({ type: "subscribed", id: "tail" });
    last().say({ type: "records", id: "tail", records: records(0, 3) });
    last().say({ type: "records", id: "tail", dropped: 9 });
    last().onmessage?.({ data: "not json" });
    expect(states.map((state) => state.kind)).toEqual(["connecting", "open"]);
    expect(batches).toEqual([
      [3, 0],
      [0, 9],
    ]);
  });
  it("tries again with growing pauses and says when; a success begins anew", () => {
    make().start();
    last().onopen?.();
    last().say({ type: "subscribed", id: "tail" });
    for (const pause of [500, 1000, 2000]) {
      last().onclose?.({ code: 1006, reason: "" });
      expect(states.at(-1)).toEqual({ kind: "waiting", attempt: Math.log2(pause / 500) + 1, at: pause });
      const before = FakeSocket.all.length;
      vi.advanceTimersByTime(pause - 1);
      expect(FakeSocket.all).toHaveLength(before);
      vi.advanceTimersByTime(1);
      expect(FakeSocket.all).toHaveLength(before + 1);
    }
    last().onopen?.();
    expect(JSON.parse(last().sent[0] ?? "").backlog).toBe(1000);
    last().say({ type: "subscribed", id: "tail" });
    expect(reconnections).toBe(1);
    last().onclose?.({ code: 1006, reason: "" });
    expect(states.at(-1)).toMatchObject({ kind: "waiting", attempt: 1 });
  });
  it("tries at once when told, and stops for good", () => {
    const socket = make();
    socket.start();
    last().onclose?.({ code: 1006, reason: "" });
    socket.retry();
    expect(FakeSocket.all).toHaveLength(2);
    vi.advanceTimersByTime(60_000);
    expect(FakeSocket.all).toHaveLength(2);
    socket.stop();
    expect(last().closed).toBe(true);
    vi.advanceTimersByTime(60_000);
    expect(FakeSocket.all).toHaveLength(2);
  });
  it("does not insist on what the server refuses", () => {
    make().start();
    last().onopen?.();
    last().say({
      type: "error",
      id: "tail",
      error: { code: "query_syntax", message: "a quote is open.", hint: "Close it." },
    });
    expect(states.at(-1)).toMatchObject({ kind: "failed", error: { code: "query_syntax", hint: "Close it." } });
    vi.advanceTimersByTime(60_000);
    expect(FakeSocket.all).toHaveLength(1);
  });
  it("pauses grow to half a minute", () => {
    expect(backoff(1, 0)).toBe(250);
    expect(backoff(3, 1)).toBe(2000);
    expect(backoff(20, 1)).toBe(30_000);
  });
  it("names the tenant in the address", () => {
    expect(liveUrl("https://logs.example", "a b")).toBe("wss://logs.example/api/nexus/v1/live?tenant=a+b");
    expect(liveUrl("http://h:8080", "")).toBe("ws://h:8080/api/nexus/v1/live");
  });
});
