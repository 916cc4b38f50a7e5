/** Comparison, context, patterns, export, logfmt, links: the pure parts. */
import { describe, expect, it } from "vitest";
import type { ContextAnswer } from "./api/explore.ts";
import { formatDifference, formatShare, hasNoRest, sides } from "./logs/compare.ts";
import { contextLines, formatDistance } from "./logs/context.ts";
import { exportName, exportUrl, shownColumns } from "./logs/export.ts";
import { logfmtPieces } from "./logs/logfmt.ts";
import { severityShares, sparkPath, templatePieces } from "./logs/patterns.ts";
import type { LogRecord } from "./logs/records.ts";
import { findSources, SOURCES, targetFrom } from "./snippets.ts";
import { linkTarget, parseTab, shareUrl, viewPath, viewState } from "./url/codecs.ts";

const T = 1_795_165_200_000_000_000n;
const HOUR = 3_600_000_000_000n;
const page = { from: T - HOUR, to: T };
const base = { query: "", page, brushed: null, against: "before", other: "", otherSpan: null } as const;

describe("what a comparison compares", () => {
  it("the time before is as long as the selection and ends where it begins", () => {
    expect(sides({ ...base, query: "level:error" })).toEqual({
      selection: { query: "level:error", from: "2026-11-20T08:00:00Z", to: "2026-11-20T09:00:00Z" },
      baseline: { query: "level:error", from: "2026-11-20T07:00:00Z", to: "2026-11-20T08:00:00Z" },
    });
  });
  it("the rest of a brushed range is the page without it", () => {
    const brushed = { from: T - HOUR / 2n, to: T - HOUR / 4n };
    const both = sides({ ...base, query: "a OR b", brushed, against: "rest" });
    expect(both.selection).toMatchObject({ query: "a OR b", from: "2026-11-20T08:30:00Z" });
    expect(both.baseline).toEqual({
      query: "(a OR b) NOT (timestamp:>=2026-11-20T08:30:00Z timestamp:<2026-11-20T08:45:00Z)",
      from: "2026-11-20T08:00:00Z",
      to: "2026-11-20T09:00:00Z",
    });
    expect(sides({ ...base, brushed, against: "rest" }).baseline.query).toMatch(/^NOT \(timestamp/);
  });
  it("the rest of a query is what it does not match; of everything there is none", () => {
    expect(sides({ ...base, query: "a OR b", against: "rest" }).baseline.query).toBe("NOT (a OR b)");
    expect(hasNoRest(base)).toBe(true);
    expect(sides({ ...base, against: "rest" }).baseline.to).toBe("2026-11-20T08:00:00Z");
  });
  it("another query has the same range unless it has its own", () => {
    const both = sides({ ...base, against: "query", other: "level:warn" });
    expect(both.baseline).toEqual({ ...both.selection, query: "level:warn" });
    const otherSpan = { from: T - 3n * HOUR, to: T - 2n * HOUR };
    expect(sides({ ...base, against: "query", otherSpan }).baseline.from).toBe("2026-11-20T06:00:00Z");
  });
  it("shares and differences read well", () => {
    expect([0, 0.0004, 0.0123, 0.05, 0.5, 1].map(formatShare)).toEqual([
      "0 %",
      "< 0.1 %",
      "1.2 %",
      "5 %",
      "50 %",
      "100 %",
    ]);
    expect([0.123, -0.034, 0.0001].map(formatDifference)).toEqual(["+12 pt", "−3.4 pt", "±0 pt"]);
  });
});

describe("context", () => {
  const record = (id: number): LogRecord => ({ id: `r${id}`, timestamp: String(id) }) as LogRecord;
  const answer = (id: number, before: number[], after: number[]): ContextAnswer =>
    ({ record: record(id), before: before.map(record), after: after.map(record) }) as ContextAnswer;
  it("joins pages without repeating their edges", () => {
    const { lines, anchor } = contextLines(
      [answer(3, [1, 2], []), answer(5, [3, 4], [6, 7]), answer(7, [], [8])],
      "r5",
    );
    expect(lines.map((line) => line.id)).toEqual(["r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8"]);
    expect(anchor).toBe(4);
  });
  it("distances have units", () => {
    const ms = 1_000_000n;
    expect(
      [0n, 12n, -1500n, 340n * ms, -1234n * ms, 125_000n * ms, -7_260_000n * ms, 260_000_000n * ms].map(formatDistance),
    ).toEqual(["0", "+12 ns", "−1.5 µs", "+340 ms", "−1.23 s", "+2 min 5 s", "−2 h 1 min", "+3 d"]);
  });
});

describe("patterns", () => {
  it("tells placeholders from words", () => {
    expect(templatePieces("<*>get /a/<*>")).toEqual([
      { text: "<*>", placeholder: true },
      { text: "get /a/", placeholder: false },
      { text: "<*>", placeholder: true },
    ]);
  });
  it("draws one bar per bucket that holds something, and the least of them visibly", () => {
    expect(sparkPath([0, 2, 0, 4], 40, 10).match(/M/g)).toHaveLength(2);
    expect(sparkPath([1, 100_000], 20, 10)).toContain("V9.0");
    expect(sparkPath([], 20, 10)).toBe("");
  });
  it("shares of severities add up, unknown ones are left out", () => {
    const shares = severityShares({ info: 6, error: 2 });
    expect(shares.map((entry) => entry.severity)).toEqual(["error", "info"]);
    expect(shares.reduce((sum, entry) => sum + entry.share, 0)).toBe(1);
  });
});

describe("export, views, links", () => {
  it("an export is an address", () => {
    const url = exportUrl(
      { query: 'a "b"', span: page, format: "csv", columns: shownColumns(["user.id", "body"]), order: "asc", limit: 5 },
      "t 1",
    );
    const { searchParams } = new URL(url, "http://h");
    expect(Object.fromEntries(searchParams)).toEqual({
      query: 'a "b"',
      from: "2026-11-20T08:00:00Z",
      to: "2026-11-20T09:00:00Z",
      format: "csv",
      columns: "timestamp,service,severity,user.id,body",
      order: "asc",
      limit: "5",
      tenant: "t 1",
    });
    expect(exportName("ndjson", page)).toBe("logs-20261120T090000Z.ndjson");
  });
  it("a view keeps the search, not the tenant nor what is open", () => {
    expect(viewState("?q=a&tenant=x&sel=1&ctx=2&view=v&cols=b&stat=f")).toBe("q=a&cols=b");
    expect(viewPath("q=a&cols=b", "v1", "x")).toBe("/logs?q=a&cols=b&view=v1&tenant=x");
  });
  it("a link leads into this site only, with its tenant", () => {
    expect(linkTarget("/logs?q=a", "t")).toBe("/logs?q=a&tenant=t");
    expect(linkTarget("/logs?q=a&tenant=b", "t")).toBe("/logs?q=a&tenant=b");
    expect(linkTarget("/logs", "")).toBe("/logs");
    for (const path of ["//evil.example", "/\\evil.example", "https://evil.example", "logs", "javascript:alert(1)"])
      expect(linkTarget(path, "")).toBeNull();
  });
  it("a shared address is not live", () => {
    expect(shareUrl("http://h/logs?q=a&live=1&refresh=5s", page, "")).toBe(
      "http://h/logs?q=a&from=2026-11-20T08%3A00%3A00Z&to=2026-11-20T09%3A00%3A00Z",
    );
  });
  it("tabs are read totally", () => {
    expect(["rows", "patterns", "compare", "x", ""].map(parseTab)).toEqual(["rows", "patterns", "compare", null, null]);
  });
});

describe("logfmt", () => {
  it("marks keys where there are at least two pairs", () => {
    expect(logfmtPieces('level=info msg="a b" took=3ms')?.filter((piece) => piece.key)).toEqual([
      { text: "level", key: true },
      { text: "msg", key: true },
      { text: "took", key: true },
    ]);
    expect(logfmtPieces("x = 1, a=b")).toBeNull();
    expect(logfmtPieces('{"a":"b=c d=e"}')).toBeNull();
  });
  it("loses no character", () => {
    const line = "  ts=1 a.b-c=d  e= f=g ümlaut=1 =x end";
    expect(
      logfmtPieces(line)
        ?.map((piece) => piece.text)
        .join(""),
    ).toBe(line);
  });
});

describe("sources", () => {
  const target = targetFrom(
    { hostname: "logs.example", origin: "https://logs.example" },
    { otlp_http_port: 4318, otlp_grpc_port: 4317 },
    "KEY-1",
    "shop",
  );
  it("every snippet that needs a key has it, and the others name the tenant", () => {
    for (const source of SOURCES) {
      const text = source
        .steps(target)
        .map((step) => step.code)
        .join("\n");
      // Nexus asks for what it scrapes: nobody needs its address.
      expect(text, source.id).toContain(source.id === "scrape" ? "scrape_configs" : "logs.example");
      expect(text.includes("KEY-1"), source.id).toBe(source.keyless !== true);
      if (source.keyless) expect(text).toContain("tenant: shop");
      expect(text).not.toContain("undefined");
    }
  });
  it("clients that assume another port are told the port", () => {
    const filebeat = SOURCES.find((source) => source.id === "filebeat")?.steps(target)[0]?.code;
    expect(filebeat).toContain('"https://logs.example:443/elastic"');
  });
  it("are found by name and by what they are known for", () => {
    expect(findSources("hec").map((source) => source.id)).toEqual(["splunk"]);
    expect(findSources("Grafana push").map((source) => source.id)).toEqual(["alloy", "promtail", "loki"]);
    expect(findSources("  ")).toHaveLength(SOURCES.length);
    expect(findSources("cobol")).toEqual([]);
  });
});
