import { describe, expect, it } from "vitest";
import { toCsv } from "./csv.ts";
import { formatBytes, formatCount, formatDuration, formatRate, formatShort, formatValue, plural } from "./format.ts";
import { BINDINGS, KeyMatcher, type KeyPress, keyCaps, keyName } from "./keys.ts";
import { orderFacets } from "./logs/facets.ts";
import { bucketAt, instantAt, niceMax, shapeHistogram, stackBars, summarize } from "./logs/histogram.ts";
import { FIRST_PAGE, nextTrail, PAGE_ROWS, previousTrail, rowsBefore } from "./logs/pages.ts";
import { detailGroups, fieldValue, highlight, jsonBody, type LogRecord, oneLine } from "./logs/records.ts";
import { asSeverity, seriesColors } from "./logs/severity.ts";
import { DEFAULT_PREFS, PrefsStore, readPrefs } from "./prefs.ts";
import { SOURCES, targetFrom } from "./snippets.ts";
import { t } from "./text.ts";
import {
  parseColumns,
  parseExpression,
  parseOrder,
  parseRefresh,
  printColumns,
  safeNext,
  shareUrl,
} from "./url/codecs.ts";

const press = (key: string, mods: Partial<KeyPress> = {}): KeyPress => ({
  key,
  ctrlKey: false,
  metaKey: false,
  shiftKey: false,
  altKey: false,
  ...mods,
});

describe("numbers with units", () => {
  it("counts", () => {
    expect(formatCount(1234567)).toBe("1,234,567");
    expect(formatShort(9999)).toBe("9,999");
    expect(formatShort(12_345)).toBe("12.3 k");
    expect(formatShort(2_134_567)).toBe("2.13 M");
    expect(formatShort(7.2e9)).toBe("7.2 G");
    expect(plural(1, "row", "rows")).toBe("1 row");
    expect(formatRate(1204)).toBe("1,204/s");
    expect(formatRate(0.26)).toBe("0.3/s");
    expect(formatRate(0.02)).toBe("1.2/min");
    expect(formatRate(0.001)).toBe("3.6/h");
    expect(formatRate(0)).toBe("0/s");
  });
  it("bytes and times", () => {
    expect(formatBytes(0)).toBe("0 B");
    expect(formatBytes(1536)).toBe("1.5 KiB");
    expect(formatBytes(5 * 1024 ** 3)).toBe("5 GiB");
    expect(formatDuration(0.42)).toBe("0.42 ms");
    expect(formatDuration(38.4)).toBe("38 ms");
    expect(formatDuration(1234)).toBe("1.23 s");
    expect(formatDuration(125_000)).toBe("2 min 5 s");
  });
  it("any value", () => {
    expect([formatValue("x"), formatValue(1), formatValue(true), formatValue(null), formatValue({ a: [1] })]).toEqual([
      "x",
      "1",
      "true",
      "",
      '{"a":[1]}',
    ]);
  });
});

describe("the address", () => {
  it("takes expressions, and plus signs that became blanks", () => {
    expect(parseExpression("now-15m")).toBe("now-15m");
    expect(parseExpression("now 1h")).toBe("now+1h");
    expect(parseExpression("2026-11-20T10:00:00Z")).toBe("2026-11-20T10:00:00Z");
    expect(parseExpression("lunch")).toBeNull();
  });
  it("round-trips columns, also with commas", () => {
    const columns = ["http.method", "odd,name", "x"];
    expect(parseColumns(printColumns(columns))).toEqual(columns);
    expect(parseColumns("a,,a, b ")).toEqual(["a", "b"]);
  });
  it("refuses what is not offered", () => {
    expect([parseOrder("asc"), parseOrder("up")]).toEqual(["asc", null]);
    expect([parseRefresh("5s"), parseRefresh("7s"), parseRefresh("0s"), parseRefresh("x")]).toEqual([
      5,
      null,
      null,
      null,
    ]);
  });
  it("shares exactly this data", () => {
    const span = { from: 1_795_175_400_000_000_000n, to: 1_795_179_000_000_000_000n };
    const url = new URL(shareUrl("http://h/logs?q=a%20b&from=now-1h&to=now&refresh=5s", span, "team"));
    expect(Object.fromEntries(url.searchParams)).toEqual({
      q: "a b",
      from: "2026-11-20T11:50:00Z",
      to: "2026-11-20T12:50:00Z",
      tenant: "team",
    });
    expect(shareUrl("http://h/logs", span, "", { from: "now-1h", to: "now" })).toBe("http://h/logs?from=now-1h&to=now");
  });
  it("goes nowhere else after login", () => {
    expect(safeNext("/logs?q=a")).toBe("/logs?q=a");
    for (const next of [null, "", "//evil", "/\\evil", "https://evil", "/login?next=/login", "/\t/evil", "/\n/evil"])
      expect(safeNext(next)).toBe("/");
  });
});

describe("keys", () => {
  it("have names", () => {
    expect(keyName(press("k", { ctrlKey: true }))).toBe("mod+k");
    expect(keyName(press("D", { shiftKey: true }))).toBe("shift+d");
    expect(keyName(press("?", { shiftKey: true }))).toBe("?");
    expect(keyName(press(" "))).toBe("space");
    expect(keyCaps("mod+k", true)).toEqual(["⌘", "K"]);
    expect(keyCaps("g l", false)).toEqual(["G", "L"]);
  });
  it("match singles, chords and sequences", () => {
    const matcher = new KeyMatcher();
    expect(matcher.match(press("j"), 0, false, true)).toBe("rowDown");
    expect(matcher.match(press("g"), 0, false, true)).toBeNull();
    expect(matcher.match(press("l"), 500, false, true)).toBe("goLogs");
    expect(matcher.match(press("g"), 1000, false, true)).toBeNull();
    expect(matcher.match(press("l"), 2500, false, true)).toBeNull();
  });
  it("are off while typing, except chords that say so, and can be switched off", () => {
    const matcher = new KeyMatcher();
    expect(matcher.match(press("j"), 0, true, true)).toBeNull();
    expect(matcher.match(press("k", { metaKey: true }), 0, true, true)).toBe("palette");
    expect(matcher.match(press("j"), 0, false, false)).toBeNull();
    expect(matcher.match(press("Escape"), 0, false, false)).toBe("escape");
  });
  it("are unique and explained", () => {
    expect(new Set(BINDINGS.map((binding) => binding.keys)).size).toBe(BINDINGS.length);
    for (const binding of BINDINGS) expect(t.keys.actions[binding.action]).toBeTruthy();
  });
});

describe("the histogram", () => {
  const answer = {
    start: "1000",
    step: "100",
    buckets: 4,
    total: 17,
    series: [
      { key: "info", counts: [1, 0, 10, 0] },
      { key: "error", counts: [0, 0, 5, 1] },
      { key: "debug", counts: [0, 0, 0, 0] },
    ],
  };
  const histogram = shapeHistogram(answer);
  const span = { from: 1000n, to: 1400n };
  it("orders severities and drops empty series", () => {
    expect(histogram.series.map((series) => series.key)).toEqual(["error", "info"]);
    const byService = shapeHistogram({
      ...answer,
      series: [
        { key: "a", counts: [1, 0, 0, 0] },
        { key: "b", counts: [5, 0, 0, 0] },
      ],
    });
    expect(byService.series.map((series) => series.key)).toEqual(["b", "a"]);
  });
  it("stacks, and shows the smallest count", () => {
    const bars = stackBars(histogram, new Set(), span, 400, 100);
    expect(bars.max).toBe(20);
    expect(bars.paths.map((path) => path.key)).toEqual(["error", "info"]);
    expect(bars.paths[0]?.d).toContain("M200.0 100.0");
    expect(stackBars(histogram, new Set(["info"]), span, 400, 100).max).toBe(5);
    const huge = shapeHistogram({
      ...answer,
      series: [
        { key: "info", counts: [1_000_000, 0, 0, 0] },
        { key: "error", counts: [0, 1, 0, 0] },
      ],
    });
    expect(stackBars(huge, new Set(), span, 400, 100).paths[0]?.d).toContain("V99.0");
  });
  it("maps pointers to time and back to bars", () => {
    expect(instantAt(200, span, 400)).toBe(1200n);
    expect(instantAt(-5, span, 400)).toBe(1000n);
    expect(bucketAt(histogram, 1250n)).toBe(2);
    expect(bucketAt(histogram, 99_999n)).toBe(3);
  });
  it("has a round top and a sentence", () => {
    expect([0, 3, 11, 24, 99, 480].map(niceMax)).toEqual([1, 4, 20, 25, 100, 500]);
    expect(summarize(histogram)).toMatch(/17 records\. error 6, info 11\. Most in one bar: 15/);
  });
});

const record: LogRecord = {
  id: "1",
  timestamp: "1",
  observed_timestamp: "",
  service: "cart",
  severity: "info",
  severity_number: 9,
  body: "hello",
  trace_id: "",
  span_id: "",
  event_name: "",
  template_id: "7",
  attributes: { "user.id": 4, "odd.name": null },
  resource: { "host.name": "n1" },
  scope_name: "",
  scope_version: "",
};

describe("records", () => {
  it("find values by their search name", () => {
    expect(fieldValue(record, "service")).toBe("cart");
    expect(fieldValue(record, "level")).toBe("info");
    expect(fieldValue(record, "user.id")).toBe(4);
    expect(fieldValue(record, "attributes.user.id")).toBe(4);
    expect(fieldValue(record, "resource.host.name")).toBe("n1");
    expect(fieldValue(record, "host.name")).toBe("n1");
    expect(fieldValue(record, "absent")).toBeUndefined();
  });
  it("group what they carry", () => {
    expect(detailGroups(record).map((group) => [group.title, group.fields.map((field) => field.field)])).toEqual([
      ["attributes", ["odd.name", "user.id"]],
      ["resource", ["resource.host.name"]],
      ["ids", ["template_id"]],
    ]);
  });
  it("fit on one line without colour codes", () => {
    const esc = String.fromCharCode(27);
    expect(oneLine(`${esc}[31mred${esc}[0m`)).toBe("red");
    expect(oneLine("a\n  b\tc")).toBe("a ⏎ b ⏎ c");
    expect(oneLine("x".repeat(10_000))).toHaveLength(600);
  });
  it("show JSON as a tree only when it is some and not too large", () => {
    expect(jsonBody('{"a":1}')).toEqual({ a: 1 });
    expect(jsonBody(" [1]")).toEqual([1]);
    expect(jsonBody("{broken")).toBeUndefined();
    expect(jsonBody("12")).toBeUndefined();
    expect(jsonBody(`["${"x".repeat(300_000)}"]`)).toBeUndefined();
  });
  it("highlight words without regard to case", () => {
    expect(highlight("Time OUT time", ["time", "out"])).toEqual([
      { text: "Time", hit: true },
      { text: " ", hit: false },
      { text: "OUT", hit: true },
      { text: " ", hit: false },
      { text: "time", hit: true },
    ]);
    expect(highlight("abc", [])).toEqual([{ text: "abc", hit: false }]);
  });
  it("page forwards and backwards", () => {
    const second = nextTrail(FIRST_PAGE, "c1") ?? [];
    const third = nextTrail(second, "c2") ?? [];
    expect(third).toEqual(["", "c1", "c2"]);
    expect(previousTrail(third)).toEqual(second);
    expect(previousTrail(FIRST_PAGE)).toBeUndefined();
    expect(nextTrail(third, "")).toBeUndefined();
    expect(rowsBefore(third)).toBe(2 * PAGE_ROWS);
  });
});

describe("the sidebar", () => {
  it("keeps its order from query to query", () => {
    const facet = (name: string, records: number, more = false) => ({ name, records, more });
    const names = (facets: { name: string }[]): string[] => facets.map((entry) => entry.name);
    const list = [
      facet("user.id", 90, true),
      facet("b", 50),
      facet("service", 10),
      facet("a", 50),
      facet("severity", 5),
    ];
    expect(names(orderFacets(list))).toEqual(["severity", "service", "a", "b", "user.id"]);
    expect(names(orderFacets([...list].reverse()))).toEqual(["severity", "service", "a", "b", "user.id"]);
  });
});

describe("colours", () => {
  it("are fixed for severities and differ within a chart", () => {
    expect(asSeverity("nonsense")).toBe("unset");
    const colors = seriesColors(["error", "a", "b", "c", "d", "e", "f", "g", "h"]);
    expect(colors.get("error")).toBe("var(--severity-error)");
    expect(new Set(colors.values()).size).toBe(9);
    expect(seriesColors(["checkout"]).get("checkout")).toBe(seriesColors(["checkout"]).get("checkout"));
    expect(
      [...seriesColors(Array.from({ length: 12 }, (_, n) => `s${n}`)).values()].filter(
        (color) => color === "var(--series-rest)",
      ),
    ).toHaveLength(4);
  });
});

describe("settings", () => {
  it("survive broken storage", () => {
    expect(readPrefs(null)).toEqual(DEFAULT_PREFS);
    expect(readPrefs("{broken")).toEqual(DEFAULT_PREFS);
    expect(readPrefs('{"wrap":true,"density":5,"evil":1,"railCollapsed":false}')).toEqual({
      ...DEFAULT_PREFS,
      wrap: true,
      railCollapsed: false,
    });
  });
  it("tell their listeners", () => {
    const store = new PrefsStore(null);
    let calls = 0;
    const stop = store.subscribe(() => {
      calls += 1;
    });
    store.set({ wrap: true });
    stop();
    store.set({ wrap: false });
    expect([calls, store.get().wrap]).toEqual([1, false]);
  });
});

describe("snippets", () => {
  const target = targetFrom(
    { hostname: "logs.example", origin: "http://logs.example:8080" },
    { otlp_http_port: 14318, otlp_grpc_port: 14317 },
    "nx_secret",
  );
  it.each(SOURCES.map((source) => source.id))("%s carries address and key", (id) => {
    const code =
      SOURCES.find((source) => source.id === id)
        ?.steps(target)
        .map((step) => step.code)
        .join("\n") ?? "";
    expect(code.includes("nx_secret")).toBe(!SOURCES.find((source) => source.id === id)?.keyless);
    // Nexus asks for what it scrapes: nobody needs its address.
    expect(code).toContain(id === "scrape" ? "scrape_configs" : "logs.example");
  });
  it("use the ports that the server listens on", () => {
    expect(target.otlpHttp).toBe("http://logs.example:14318");
    expect(target.otlpGrpc).toBe("logs.example:14317");
  });
});

describe("CSV", () => {
  it("quotes, and defuses formulas", () => {
    expect(
      toCsv(
        ["a", "b"],
        [
          ["x,y", 'say "hi"'],
          ["=1+1", -5],
          [null, { k: 1 }],
        ],
      ),
    ).toBe('a,b\r\n"x,y","say ""hi"""\r\n\'=1+1,-5\r\n,"{""k"":1}"');
  });
});
