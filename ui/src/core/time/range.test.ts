import { describe, expect, it } from "vitest";
import { formatAge, formatClock, formatInstant, formatRange, formatSpan, timeTicks } from "./format.ts";
import { fromEpochText, fromMs, toIso, toMs } from "./instant.ts";
import { isExpression, resolveExpression, resolveRange, stepRange, zoomOut } from "./range.ts";
import { addRecent, fromRecent, toRecent } from "./recents.ts";
import { offsetLabel, wallAt, wallToUtc } from "./zone.ts";

const at = (iso: string): bigint => fromMs(Date.parse(iso));
const now = at("2026-11-20T12:34:56.789Z");

describe("instants", () => {
  it("prints RFC 3339 with as many digits as needed", () => {
    expect(toIso(0n)).toBe("1970-01-01T00:00:00Z");
    expect(toIso(1_795_175_400_123_456_789n)).toBe("2026-11-20T11:50:00.123456789Z");
    expect(toIso(-1n)).toBe("1969-12-31T23:59:59.999999999Z");
    expect(toMs(-1n)).toBe(-1);
  });

  it("reads epochs by magnitude", () => {
    expect(fromEpochText("1790000000")).toBe(1_790_000_000_000_000_000n);
    expect(fromEpochText("1790000000.5")).toBe(1_790_000_000_500_000_000n);
    expect(fromEpochText("1790000000123")).toBe(1_790_000_000_123_000_000n);
    expect(fromEpochText("1790000000123456")).toBe(1_790_000_000_123_456_000n);
    expect(fromEpochText("1790000000123456789")).toBe(1_790_000_000_123_456_789n);
    expect(fromEpochText("soon")).toBeNull();
  });
});

describe("zones", () => {
  it("go to the wall clock and back", () => {
    for (const zone of ["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kolkata", "Pacific/Auckland"]) {
      for (const iso of ["2026-01-15T03:04:05Z", "2026-07-15T23:59:59Z", "1999-12-31T23:59:59Z"]) {
        const ms = Date.parse(iso);
        expect(wallToUtc(wallAt(ms, zone), zone)).toBe(ms);
      }
    }
  });

  it("take the later time in a gap and the earlier in an overlap", () => {
    const wall = { year: 2026, month: 3, day: 29, hour: 2, minute: 30, second: 0 };
    expect(new Date(wallToUtc(wall, "Europe/Berlin")).toISOString()).toBe("2026-03-29T01:30:00.000Z");
    expect(new Date(wallToUtc({ ...wall, month: 10, day: 25 }, "Europe/Berlin")).toISOString()).toBe(
      "2026-10-25T00:30:00.000Z",
    );
  });

  it("have a label", () => {
    expect(offsetLabel(Date.parse("2026-07-01T00:00:00Z"), "Asia/Kolkata")).toBe("UTC+5:30");
    expect(offsetLabel(0, "UTC")).toBe("UTC");
  });
});

describe("expressions", () => {
  it("round down at the start and up at the end", () => {
    expect(toIso(resolveExpression("now/h", "from", now, "UTC") ?? 0n)).toBe("2026-11-20T12:00:00Z");
    expect(toIso(resolveExpression("now/h", "to", now, "UTC") ?? 0n)).toBe("2026-11-20T13:00:00Z");
    expect(toIso(resolveExpression("now-1M/M", "from", now, "UTC") ?? 0n)).toBe("2026-10-01T00:00:00Z");
    expect(toIso(resolveExpression("now/w", "from", now, "UTC") ?? 0n)).toBe("2026-11-16T00:00:00Z");
  });

  it("keep the fraction without rounding", () => {
    expect(resolveExpression("now-1s", "from", 1_000_000_000_000_000_123n, "UTC")).toBe(999_999_999_000_000_123n);
  });

  it("clamp the day of shorter months", () => {
    expect(toIso(resolveExpression("now-1M", "from", at("2026-03-31T10:00:00Z"), "UTC") ?? 0n)).toBe(
      "2026-02-28T10:00:00Z",
    );
  });

  it.each(["now", "now-15m", "now+1h", "now-1d/d", "2026-11-20T14:00:00Z", "2026-11-20T14:00:00.123456789Z"])(
    "%s is one",
    (text) => expect(isExpression(text)).toBe(true),
  );
  it.each(["", "now-", "yesterday", "2026-11-20", "2026-99-20T14:00:00Z", "javascript:alert(1)"])(
    "%j is none",
    (text) => expect(isExpression(text)).toBe(false),
  );

  it("fall back to the last hour when nonsense reaches them", () => {
    const span = resolveRange({ from: "x", to: "y" }, now, "UTC");
    expect(span.to - span.from).toBe(3_600_000_000_000n);
  });
});

describe("stepping and zooming", () => {
  const span = resolveRange({ from: "now-1h", to: "now" }, now, "UTC");
  it("steps by one span and turns relative into absolute", () => {
    expect(stepRange(span, -1)).toEqual({ from: "2026-11-20T10:34:56.789Z", to: "2026-11-20T11:34:56.789Z" });
    expect(stepRange(span, 1)).toEqual({ from: "2026-11-20T12:34:56.789Z", to: "2026-11-20T13:34:56.789Z" });
  });

  it("doubles what was last, and widens the rest on both sides", () => {
    expect(zoomOut({ from: "now-1h", to: "now" }, span)).toEqual({ from: "now-2h", to: "now" });
    const fixed = { from: at("2026-11-20T10:00:00Z"), to: at("2026-11-20T11:00:00Z") };
    expect(zoomOut({ from: "2026-11-20T10:00:00Z", to: "2026-11-20T11:00:00Z" }, fixed)).toEqual({
      from: "2026-11-20T09:30:00Z",
      to: "2026-11-20T11:30:00Z",
    });
  });
});

describe("recents", () => {
  it("keep absolute ranges as UTC milliseconds", () => {
    const range = { from: "2026-11-20T10:00:00Z", to: "2026-11-20T11:00:00Z" };
    expect(toRecent(range)).toEqual({ from: Date.parse(range.from), to: Date.parse(range.to) });
    expect(fromRecent(toRecent(range))).toEqual(range);
  });

  it("are unique, newest first and bounded", () => {
    let list = addRecent([], { from: "now-1h", to: "now" });
    list = addRecent(list, { from: "now-2h", to: "now" });
    list = addRecent(list, { from: "now-1h", to: "now" });
    expect(list).toHaveLength(2);
    for (let n = 1; n < 30; n += 1) list = addRecent(list, { from: `now-${n}m`, to: "now" });
    expect(list).toHaveLength(8);
    expect(list[0]).toEqual({ expression: { from: "now-29m", to: "now" } });
  });
});

describe("times for people", () => {
  const label = (from: string, to: string): string =>
    formatRange({ from, to }, resolveRange({ from, to }, now, "UTC"), "UTC");
  it("labels ranges", () => {
    expect(label("now-15m", "now")).toBe("Last 15 minutes");
    expect(label("now-1h", "now")).toBe("Last hour");
    expect(label("now-1d/d", "now-1d/d")).toBe("Yesterday");
    expect(label("now-6h/h", "now")).toBe("now-6h/h to now");
    expect(label("2026-11-20T14:00:00Z", "2026-11-20T15:30:00Z")).toBe("2026-11-20 14:00 – 15:30");
    expect(label("2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z")).toBe("2026-11-20");
    expect(label("2026-11-18T14:00:30Z", "2026-11-20T15:30:00Z")).toBe("2026-11-18 14:00:30 – 2026-11-20 15:30");
  });

  it("formats instants in a zone with the digits asked for", () => {
    const ns = 1_795_175_400_123_456_789n;
    expect(formatInstant(ns, "UTC", 9)).toBe("2026-11-20 11:50:00.123456789");
    expect(formatClock(ns, "Asia/Kolkata", 3)).toBe("17:20:00.123");
    expect(formatClock(ns, "UTC", 0)).toBe("11:50:00");
  });

  it("tells ages and widths", () => {
    expect(formatAge(now, now)).toBe("just now");
    expect(formatAge(now - 180_000_000_000n, now)).toBe("3 min ago");
    expect(formatAge(now - 3n * 86_400_000_000_000n, now)).toBe("3 d ago");
    expect(formatAge(now + 60_000_000_000n, now)).toBe("in 1 min");
    expect(formatSpan(5_400_000_000_000n)).toBe("1 h 30 min");
  });

  it("puts ticks on round wall-clock times", () => {
    const ticks = timeTicks({ from: at("2026-11-20T11:03:00Z"), to: at("2026-11-20T12:03:00Z") }, 6, "UTC");
    expect(ticks.map((tick) => tick.label)).toEqual(["11:10", "11:20", "11:30", "11:40", "11:50", "12:00"]);
  });
});
