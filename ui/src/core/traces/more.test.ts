import { describe, expect, it } from "vitest";
import { versionsOf } from "../services/versions.ts";
import { parsePanel, parsePanels, popPanel, printPanel, pushPanel } from "../url/panels.ts";
import { spansOfFile } from "./file.ts";
import { type Box, boxOf, chosenBy, compareSides, heatStep, readHeatmap, withDurations } from "./heatmap.ts";
import { blamed, readTrace } from "./model.ts";
import { clampZoom, FIRST_VIEW, filtersOn, formatNs, moveZoom, parseZoom, printZoom, ticksOf, zoomAt } from "./view.ts";
import { choicesOf, fieldsOf, frameOfSeries, readSpan, readSummary } from "./wire.ts";

const SECOND = 1_000_000_000n;
const STATISTICS = { query_id: "", elapsed_ms: 1, rows_read: 1, bytes_read: 1 } as never;

describe("the span to blame", () => {
  const trace = readTrace({
    traceId: "a".repeat(32),
    start: "0",
    duration: "100",
    errors: 3,
    services: ["web"],
    names: ["GET"],
    ids: ["01", "02", "03", "04"],
    parents: [-1, 0, 1, 0],
    starts: [0, 5, 10, 80],
    durations: [100, 70, 20, 10],
    service: [0, 0, 0, 0],
    name: [0, 0, 0, 0],
    kind: [2, 1, 1, 1],
    status: [2, 2, 2, 0],
    events: [0, 0, 0, 0],
    links: [0, 0, 0, 0],
    orphans: [],
    skewed: [],
    cycles: [],
    critical: [
      [0, 0, 5],
      [1, 5, 10],
      [2, 10, 30],
      [1, 30, 75],
    ],
    spans: 4,
    truncated: false,
  } as never);

  it("is where the time went, or where the failure began", () => {
    expect(blamed(trace, "slow")).toBe(1);
    expect(blamed(trace, "error")).toBe(2);
    expect(blamed({ ...trace, status: new Uint8Array(4), failed: new Int32Array(4) }, "error")).toBe(-1);
    expect(parsePanel("trace:ab:slow")).toEqual({ kind: "trace", id: "ab", span: "slow" });
    expect(parsePanel("trace:ab:nonsense")).toBeNull();
  });
});

describe("the heatmap of durations", () => {
  const span = { from: 100n * SECOND, to: 160n * SECOND };
  const answer = {
    buckets: [String(100n * SECOND), String(120n * SECOND)],
    step: String(20n * SECOND),
    classes: [
      { class: 1, low: "1", high: "2" },
      { class: 2, low: "1000000", high: "2000000" },
      { class: 3, low: "2000000", high: "4000000" },
      { class: 4, low: "4000000", high: "8000000" },
    ],
    counts: [
      [0, 3, 1, 0],
      [0, 0, 5, 0],
    ],
    errors: [
      [0, 1, 0, 0],
      [0, 0, 2, 0],
    ],
    statistics: STATISTICS,
  };
  const heat = readHeatmap(answer, span, 20n * SECOND);

  it("leaves empty rows at its ends out", () => {
    expect(heat).toMatchObject({
      columns: 3,
      rows: 2,
      most: 5,
      total: 9,
      failed: 3,
      low: [1e6, 2e6],
      high: [2e6, 4e6],
    });
  });

  it("selects by boxes, open at the edges", () => {
    const box: Box = boxOf({ column: 1, row: 1 }, { column: 0, row: 1 });
    expect(chosenBy(heat, box)).toEqual({
      span: { from: 100n * SECOND, to: 140n * SECOND },
      min: "2ms",
      max: "",
      spans: 6,
      errors: 2,
    });
    expect(chosenBy(heat, boxOf({ column: 0, row: 0 }, { column: 0, row: 0 }))).toMatchObject({ min: "", max: "2ms" });
  });

  it("has a row for classes that do not occur between those that do", () => {
    const classes = [
      { class: 81, low: "1048576", high: "1310720" },
      { class: 84, low: "1835008", high: "2097152" },
    ];
    const gap = readHeatmap(
      { ...answer, classes, counts: [[1, 2]], errors: [[0, 0]], buckets: [String(100n * SECOND)] },
      span,
      20n * SECOND,
    );
    expect(gap.rows).toBe(4);
    expect(gap.low).toEqual([1_048_576, 1_310_720, 1_572_864, 1_835_008]);
    expect([...gap.counts.slice(0, 4)]).toEqual([1, 0, 0, 2]);
  });

  it("chooses round steps", () => {
    expect(heatStep({ from: 0n, to: 3600n * SECOND }, 100)).toBe(60n * SECOND);
    expect(heatStep({ from: 0n, to: SECOND }, 100)).toBe(SECOND);
  });

  it("zooms and compares by the query", () => {
    expect(withDurations("{ status = error && duration > 1s } | rate()", "2ms", "")).toBe(
      "{ status = error && duration >= 2ms }",
    );
    const page = { from: 0n, to: 10n };
    expect(compareSides("", page, null)).toBeNull();
    expect(compareSides("{ status = error && kind = server }", page, null)).toEqual({
      selection: { query: "{ status = error && kind = server }", span: page },
      baseline: { query: "{ !(status = error && kind = server) }", span: page },
    });
    const box = { from: 2n, to: 4n };
    expect(compareSides("{ status = error }", page, { span: box, min: "2ms", max: "8ms" })).toEqual({
      selection: { query: "{ status = error && duration >= 2ms && duration <= 8ms }", span: box },
      baseline: { query: "{ status = error && (duration < 2ms || duration > 8ms) }", span: box },
    });
    expect(compareSides("", page, { span: box, min: "", max: "" })).toEqual({
      selection: { query: "", span: box },
      baseline: { query: "", span: page },
    });
  });
});

describe("the view of a trace", () => {
  it("zooms around a place and never leaves the trace", () => {
    expect(zoomAt([0, 1], 0.5, 0.5)).toEqual([0.25, 0.75]);
    expect(zoomAt([0.25, 0.75], 0, 2)).toEqual([0, 1]);
    expect(moveZoom([0, 0.5], -1)).toEqual([0, 0.5]);
    expect(clampZoom(0.5, 0.5)[1]).toBeGreaterThan(0.5);
    expect(parseZoom(printZoom([0.25, 0.75]))).toEqual([0.25, 0.75]);
    for (const text of ["1-0", "0.5-0.2", "x", "0-2"]) expect(parseZoom(text)).toBeNull();
  });

  it("writes durations as people read them", () => {
    expect([0, 999, 1500, 12_345_678, 1.5e9, 125e9].map(formatNs)).toEqual([
      "0 ns",
      "999 ns",
      "1.5 µs",
      "12.3 ms",
      "1.5 s",
      "2 min 5 s",
    ]);
    expect(ticksOf(0, 1000, 4)).toEqual([0, 500, 1000]);
    expect(ticksOf(5, 5, 4)).toEqual([]);
    expect(filtersOn({ ...FIRST_VIEW, below: 0.1, errors: true })).toBe(2);
  });
});

describe("panels in the address", () => {
  it("are read as they were written, two deep", () => {
    const logs = { kind: "logs", query: "a:b", from: "now-1h", to: "now" } as const;
    for (const panel of [
      { kind: "trace", id: "ab".repeat(16), span: "cd".repeat(8) },
      { kind: "service", name: "pay:eu" },
      logs,
    ] as const)
      expect(parsePanel(printPanel(panel))).toEqual(panel);
    for (const text of ["", "trace:xyz", "service:", "logs:{}", "logs:{", "other:1"])
      expect(parsePanel(text)).toBeNull();
    const first = pushPanel("", { kind: "service", name: "a" });
    const second = pushPanel(first, { kind: "service", name: "b" });
    const third = pushPanel(second, logs);
    expect(parsePanels(third).map((panel) => panel.kind)).toEqual(["service", "logs"]);
    expect(parsePanels(popPanel(third))).toEqual([{ kind: "service", name: "b" }]);
    expect(popPanel(first)).toBe("");
  });
});

describe("what the server sends", () => {
  it("becomes numbers and words", () => {
    expect(
      readSummary({
        traceId: "a",
        rootService: "",
        rootName: "",
        start: "1",
        duration: "20",
        spans: 1,
        errors: 0,
        services: [],
        sets: [
          {
            matched: 1,
            attributes: {},
            spans: [{ spanId: "b", name: "", service: "", start: "1", duration: "5", attributes: {} }],
          },
        ],
      }),
    ).toMatchObject({ duration: 20, sets: [{ spans: [{ duration: 5 }] }] });
    expect(readSpan({ kind: 3, status: 2, duration: "7" } as never)).toMatchObject({
      kind: "client",
      status: "error",
      duration: 7,
    });
    expect(
      fieldsOf({
        scopes: [
          { name: "span", tags: ["a.b"] },
          { name: "intrinsic", tags: ["status"] },
        ],
      }),
    ).toEqual(["span.a.b", "status"]);
    expect(choicesOf([{ value: 200, type: "int", count: 3 }])).toEqual([{ value: "200", type: "int", count: 3 }]);
  });

  it("becomes series, sparse ones too", () => {
    const frame = frameOfSeries(
      {
        start: "0",
        end: "3000000000",
        step: "1000000000",
        series: [
          {
            labels: { v: "a" },
            points: [
              ["1000000000", 1],
              ["3000000000", 3],
            ],
            exemplars: [],
          },
          {
            labels: { v: null },
            points: [
              ["2000000000", 10],
              ["3000000000", null],
            ],
            exemplars: [],
          },
        ],
        incomplete: "",
        statistics: STATISTICS,
      },
      "{} | rate() by (v)",
    );
    expect([...frame.times]).toEqual([1, 2, 3]);
    expect(frame.series.map((one) => one.mean)).toEqual([10, 2]);
    expect([...(frame.series[1]?.values ?? [])]).toEqual([1, Number.NaN, 3]);
    const versions = versionsOf({ ...frame, times: Float64Array.from([1, 2, 3]) }, "v");
    expect(versions.map((version) => [version.name, version.first])).toEqual([
      ["", 2],
      ["a", 1],
    ]);
  });
});

describe("files", () => {
  it("of OTLP are read", () => {
    const spans = spansOfFile({
      resourceSpans: [
        {
          resource: { attributes: [{ key: "service.name", value: { stringValue: "pay" } }] },
          scopeSpans: [
            {
              scope: { name: "lib" },
              spans: [
                {
                  traceId: "A",
                  spanId: "00F0",
                  name: "charge",
                  kind: 2,
                  startTimeUnixNano: "1700000000000000000",
                  endTimeUnixNano: "1700000000000000500",
                  status: { code: 2, message: "no" },
                  attributes: [
                    { key: "n", value: { intValue: "5" } },
                    { key: "l", value: { arrayValue: { values: [{ boolValue: true }] } } },
                  ],
                  events: [{ timeUnixNano: "1", name: "e" }],
                },
              ],
            },
          ],
        },
      ],
    });
    expect(spans.get("00f0")).toMatchObject({
      service: "pay",
      kind: "server",
      status: "error",
      duration: 500,
      attributes: { n: 5, l: [true] },
      events: [{ name: "e" }],
    });
  });

  it("of Jaeger are read", () => {
    const spans = spansOfFile({
      data: [
        {
          processes: { p1: { serviceName: "web", tags: [{ key: "host", value: "a" }] } },
          spans: [
            {
              traceID: "1",
              spanID: "2",
              operationName: "GET",
              processID: "p1",
              startTime: 10,
              duration: 3,
              references: [
                { refType: "CHILD_OF", spanID: "1" },
                { refType: "FOLLOWS_FROM", traceID: "9", spanID: "8" },
              ],
              tags: [{ key: "error", value: true }],
              logs: [{ timestamp: 11, fields: [{ key: "event", value: "x" }] }],
            },
          ],
        },
      ],
    });
    expect(spans.get("0000000000000002")).toMatchObject({
      service: "web",
      duration: 3000,
      start: "10000",
      status: "error",
      parentSpanId: "0000000000000001",
      resource: { host: "a" },
      links: [{ traceId: "9", spanId: "8" }],
      events: [{ name: "x", time: "11000" }],
    });
    expect(spansOfFile(null).size).toBe(0);
  });
});
