import { describe, expect, it } from "vitest";
import { fromMs } from "./instant.ts";
import { type Clock, parseDuration, parseRange } from "./parse.ts";
import { resolveRange } from "./range.ts";

const clock = (iso: string, zone = "UTC"): Clock => ({ now: fromMs(Date.parse(iso)), zone });
const noon = clock("2026-11-20T12:00:00Z");

/** What the text means, as UTC ISO strings to the millisecond. */
function meant(text: string, at: Clock = noon): string {
  const parsed = parseRange(text, at);
  if (!parsed.ok) return `error: ${parsed.message}`;
  const span = resolveRange(parsed.range, at.now, at.zone);
  const iso = (ns: bigint): string => new Date(Number(ns / 1_000_000n)).toISOString().replace(".000Z", "Z");
  return `${iso(span.from)} ${iso(span.to)}`;
}

describe("durations", () => {
  it.each([
    ["15m", { count: 15, unit: "m" }],
    ["2h", { count: 2, unit: "h" }],
    ["1h30m", { count: 90, unit: "m" }],
    ["1.5h", { count: 90, unit: "m" }],
    ["90 seconds", { count: 90, unit: "s" }],
    ["2 hours", { count: 2, unit: "h" }],
    ["3M", { count: 3, unit: "M" }],
    ["250ms", { count: 250, unit: "ms" }],
    ["1 week", { count: 1, unit: "w" }],
  ])("%s", (text, expected) => expect(parseDuration(text)).toEqual(expected));

  it.each(["", "m", "15", "15x", "0m", "-5m", "5m later", "1.5M"])("%j is none", (text) =>
    expect(parseDuration(text)).toBeNull(),
  );
});

describe("relative ranges", () => {
  it.each([
    ["15m", "2026-11-20T11:45:00Z 2026-11-20T12:00:00Z"],
    ["last 2 hours", "2026-11-20T10:00:00Z 2026-11-20T12:00:00Z"],
    ["1h30m", "2026-11-20T10:30:00Z 2026-11-20T12:00:00Z"],
    ["3 days ago", "2026-11-17T12:00:00Z 2026-11-20T12:00:00Z"],
    ["now-6h/h", "2026-11-20T06:00:00Z 2026-11-20T12:00:00Z"],
    ["now-90m/h", "2026-11-20T10:00:00Z 2026-11-20T12:00:00Z"],
    ["now-6h to now-1h", "2026-11-20T06:00:00Z 2026-11-20T11:00:00Z"],
    ["now-1d/d - now/d", "2026-11-19T00:00:00Z 2026-11-21T00:00:00Z"],
    ["now-1h..now", "2026-11-20T11:00:00Z 2026-11-20T12:00:00Z"],
    ["today", "2026-11-20T00:00:00Z 2026-11-20T12:00:00Z"],
    ["Yesterday", "2026-11-19T00:00:00Z 2026-11-20T00:00:00Z"],
    ["this week", "2026-11-16T00:00:00Z 2026-11-20T12:00:00Z"],
    ["last week", "2026-11-09T00:00:00Z 2026-11-16T00:00:00Z"],
    ["last month", "2026-10-01T00:00:00Z 2026-11-01T00:00:00Z"],
    ["now", "2026-11-20T11:55:00Z 2026-11-20T12:00:00Z"],
  ])("%s", (text, expected) => expect(meant(text)).toBe(expected));

  it("stays relative, so that it moves with the clock", () => {
    expect(parseRange("15m", noon)).toEqual({ ok: true, range: { from: "now-15m", to: "now" } });
    expect(parseRange("now-6h/h", noon)).toEqual({ ok: true, range: { from: "now-6h/h", to: "now" } });
  });
});

describe("absolute ranges", () => {
  it.each([
    ["2026-11-20", "2026-11-20T00:00:00Z 2026-11-21T00:00:00Z"],
    ["2026-11", "2026-11-01T00:00:00Z 2026-12-01T00:00:00Z"],
    ["2026-11-18 to 2026-11-19", "2026-11-18T00:00:00Z 2026-11-20T00:00:00Z"],
    ["2026-11-18..2026-11-19", "2026-11-18T00:00:00Z 2026-11-20T00:00:00Z"],
    ["09:00-10:30", "2026-11-20T09:00:00Z 2026-11-20T10:30:00Z"],
    ["9:00 – 10:30", "2026-11-20T09:00:00Z 2026-11-20T10:30:00Z"],
    ["2026-11-18 14:00 - 15:30", "2026-11-18T14:00:00Z 2026-11-18T15:30:00Z"],
    ["2026-11-18 14:00 – 2026-11-19 15:30", "2026-11-18T14:00:00Z 2026-11-19T15:30:00Z"],
    ["2026-11-20T14:00:00Z/2026-11-20T15:00:00Z", "2026-11-20T14:00:00Z 2026-11-20T15:00:00Z"],
    ["2026-11-20T14:00:00+02:00 to now", "2026-11-20T12:00:00Z 2026-11-20T12:00:00Z"],
    ["2026-11-18T10:00:00.250Z to 2026-11-18T10:00:01Z", "2026-11-18T10:00:00.250Z 2026-11-18T10:00:01Z"],
  ])("%s", (text, expected) => {
    if (text.endsWith("to now")) expect(meant(text)).toContain("error: The range ends before it begins");
    else expect(meant(text)).toBe(expected);
  });

  it("means the latest such period when the clock times have no date", () => {
    expect(meant("14:00-15:30")).toBe("2026-11-19T14:00:00Z 2026-11-19T15:30:00Z");
    expect(meant("23:00-01:00")).toBe("2026-11-19T23:00:00Z 2026-11-20T01:00:00Z");
  });

  it("reads days in the chosen zone", () => {
    const berlin = clock("2026-07-20T12:00:00Z", "Europe/Berlin");
    expect(meant("2026-07-20", berlin)).toBe("2026-07-19T22:00:00Z 2026-07-20T22:00:00Z");
    expect(meant("13:00-14:00", berlin)).toBe("2026-07-20T11:00:00Z 2026-07-20T12:00:00Z");
    expect(meant("yesterday", berlin)).toBe("2026-07-18T22:00:00Z 2026-07-19T22:00:00Z");
  });

  it("knows that days of clock change have 23 and 25 hours", () => {
    const berlin = clock("2026-11-20T12:00:00Z", "Europe/Berlin");
    expect(meant("2026-03-29", berlin)).toBe("2026-03-28T23:00:00Z 2026-03-29T22:00:00Z");
    expect(meant("2026-10-25", berlin)).toBe("2026-10-24T22:00:00Z 2026-10-25T23:00:00Z");
  });
});

describe("moments", () => {
  const around = "2026-11-20T11:25:00Z 2026-11-20T11:35:00Z";
  it.each([
    ["2026-11-20 11:30", around],
    ["2026-11-20T11:30:00Z", around],
    ["2026-11-20T13:30:00+02:00", around],
    ["11:30", around],
    [String(Date.parse("2026-11-20T11:30:00Z") / 1000), around],
    [String(Date.parse("2026-11-20T11:30:00Z")), around],
    [`${Date.parse("2026-11-20T11:30:00Z")}000`, around],
    [`${Date.parse("2026-11-20T11:30:00Z")}000000`, around],
    ["±5m @ 11:30:00", around],
    ["+-5m @ 2026-11-20 11:30", around],
    ["+/-5m @ 2026-11-20T11:30:00Z", around],
    ["±30s @ 11:30:30", "2026-11-20T11:30:00Z 2026-11-20T11:31:00Z"],
    ["±1h @ now-2h", "2026-11-20T09:00:00Z 2026-11-20T11:00:00Z"],
  ])("%s", (text, expected) => expect(meant(text)).toBe(expected));

  it("keeps nanoseconds", () => {
    const parsed = parseRange("1795175400123456789 - 1795175400123456999", noon);
    expect(parsed).toEqual({
      ok: true,
      range: { from: "2026-11-20T11:50:00.123456789Z", to: "2026-11-20T11:50:00.123456999Z" },
    });
  });
});

describe("what is no range", () => {
  it.each([
    "",
    "foo",
    "25:00",
    "2026-13-01",
    "2026-02-30",
    "12:60",
    "15:00 to nowhere",
    "12345",
    "now-",
    "±5m",
    "±x @ 10:00",
    "1970",
  ])("%j", (text) => {
    expect(parseRange(text, noon).ok).toBe(false);
  });

  it("says so in a sentence with examples", () => {
    const parsed = parseRange("foo", noon);
    expect(parsed.ok ? "" : parsed.message).toMatch(/“foo” is not a time range.*15m/);
  });

  it("refuses a range that ends before it begins", () => {
    expect(parseRange("2026-11-20 to 2026-11-18", noon)).toEqual({
      ok: false,
      message: "The range ends before it begins.",
    });
  });

  it("survives any text quickly", () => {
    const started = performance.now();
    for (const text of ["-".repeat(2000), "1-".repeat(1000), " to ".repeat(500), "±".repeat(1000), "9".repeat(5000)])
      parseRange(text, noon);
    expect(performance.now() - started).toBeLessThan(1000);
  });
});
