import { describe, expect, it } from "vitest";
import type { MetricAnswer, Selector, SeriesAnswer } from "../api/metrics.ts";
import { decimate, stack, withGaps } from "./decimate.ts";
import {
  areBuckets,
  formatBucket,
  heatFrame,
  placeOf,
  shadeColor,
  shadeOf,
  toHeat,
  unitOfBuckets,
  unitOfCounts,
} from "./heat.ts";
import { COLORS, DASHES, looksOf } from "./look.ts";
import { logsOf, pinnedLabels, traceOf } from "./pivot.ts";
import {
  asCurl,
  formatStep,
  line,
  parseQueries,
  parseStep,
  periodShift,
  printQueries,
  queriesFor,
  rateWindow,
} from "./queries.ts";
import { labelChanges } from "./relabel.ts";
import { allMatchers, withoutMatcher } from "./rewrite.ts";
import { type Drawn, fillTemplate, labelsText, selectorOf, seriesNames, toFrame } from "./series.ts";
import { formatTicks, formatUnit, perSecond, tickSteps, UNITS, unitOfMetric, unitOfQuery } from "./units.ts";

describe("units", () => {
  it.each([
    [1536, "bytes", "1.5 KiB"],
    [0, "bytes", "0 B"],
    [2 ** 30, "bytes/s", "1 GiB/s"],
    [0.0000123, "seconds", "12.3 µs"],
    [0.25, "seconds", "250 ms"],
    [5400, "seconds", "90 min"],
    [0.0314, "ratio", "3.14 %"],
    [42, "percent", "42 %"],
    [12_345, "ops", "12.35 k/s"],
    [9999, "", "9999"],
    [5189.26, "", "5189"],
    [1_234_567, "", "1.235 M"],
    [-3.5e6, "bits/s", "-3.5 Mbit/s"],
    [0.004, "volts", "4 mV"],
    [Number.NaN, "bytes", "–"],
    [Number.POSITIVE_INFINITY, "", "+∞"],
    [Number.NEGATIVE_INFINITY, "", "−∞"],
    [1_700_000_000, "date", "2023-11-14 22:13:20 UTC"],
  ] as const)("%s %s is %s", (value, unit, text) => {
    expect(formatUnit(value, unit)).toBe(text);
  });

  it("says nothing for nothing", () => {
    for (const unit of UNITS) expect(formatUnit(null, unit)).toBe("–");
  });

  it("prints an axis in one scale, with digits that tell its lines apart", () => {
    expect(formatTicks([0, 512, 1024, 1536], "bytes")).toEqual(["0", "0.5 KiB", "1.0 KiB", "1.5 KiB"]);
    expect(formatTicks([0, 25, 50, 75, 100], "percent")).toEqual(["0", "25 %", "50 %", "75 %", "100 %"]);
    expect(formatTicks([0.01, 0.0125, 0.015], "seconds")).toEqual(["10.0 ms", "12.5 ms", "15.0 ms"]);
    expect(formatTicks([0, 0.1, 0.2], "")).toEqual(["0", "0.1", "0.2"]);
  });

  it("steps are ascending", () => {
    for (const unit of UNITS) {
      const steps = tickSteps(unit) ?? [];
      expect(steps).toEqual([...steps].sort((a, b) => a - b));
      expect(new Set(steps).size).toBe(steps.length);
    }
  });

  it.each([
    ["process_resident_memory_bytes", "", "bytes"],
    ["node_cpu_seconds_total", "", "seconds"],
    ["request_duration_seconds_bucket", "", "seconds"],
    ["process_start_time_seconds", "", "date"],
    ["queue_ratio", "", "ratio"],
    ["http_server_duration", "s", "seconds"],
    ["jvm_memory_used", "By", "bytes"],
    ["up", "", ""],
  ] as const)("%s (%s) is in %s", (name, declared, unit) => {
    expect(unitOfMetric(name, declared)).toBe(unit);
  });

  it.each([
    ["rate(node_network_receive_bytes_total[5m])", "bytes/s"],
    ["sum by (job) (rate(http_requests_total[5m]))", "ops"],
    ["rate(process_cpu_seconds_total[1m])", "ratio"],
    ["histogram_quantile(0.95, sum by (le) (rate(request_duration_seconds_bucket[5m])))", "seconds"],
    ["rate(request_duration_seconds_sum[5m]) / rate(request_duration_seconds_count[5m])", "seconds"],
    ["node_memory_free_bytes / node_memory_total_bytes", "ratio"],
    ["count(node_memory_free_bytes)", ""],
    ['node_memory_free_bytes{job="rate(x)"}', "bytes"],
    ["up", ""],
  ] as const)("the query %s answers in %s", (query, unit) => {
    expect(unitOfQuery(query)).toBe(unit);
  });

  it("a sum a second", () => {
    expect([perSecond("bytes"), perSecond("seconds"), perSecond(""), perSecond("joules")]).toEqual([
      "bytes/s",
      "ratio",
      "ops",
      "watts",
    ]);
  });
});

describe("names", () => {
  it("fills templates", () => {
    expect(fillTemplate("{{job}} on {{ instance }}{{none}}", { job: "api", instance: "a:1" })).toBe("api on a:1");
  });

  it("writes selectors, also of UTF-8 names", () => {
    expect(selectorOf("up", { job: 'a"b\\c\nd' })).toBe('up{job="a\\"b\\\\c\\nd"}');
    expect(selectorOf("http.requests", { "k8s.pod": "x" })).toBe('{"http.requests", "k8s.pod"="x"}');
    expect(selectorOf("", { job: "a" })).toBe('{job="a"}');
    expect(selectorOf("up")).toBe("up");
    expect(labelsText({})).toBe("{}");
  });

  it("names series by what tells them apart", () => {
    const all = [
      { __name__: "up", job: "a", instance: "1" },
      { __name__: "up", job: "a", instance: "2" },
    ];
    expect(seriesNames(all, "", "up")).toEqual(["1", "2"]);
    expect(seriesNames(all, "{{job}}/{{instance}}", "up")).toEqual(["a/1", "a/2"]);
    expect(seriesNames([{}], "", "sum(up)")).toEqual(["sum(up)"]);
    expect(seriesNames([...all, { __name__: "up", job: "b", instance: "1" }], "", "up")).toEqual([
      '{instance="1", job="a"}',
      '{instance="2", job="a"}',
      '{instance="1", job="b"}',
    ]);
  });
});

function series(labels: Record<string, string>, values: SeriesAnswer["values"], times?: number[]): SeriesAnswer {
  const found = values.filter((value) => typeof value === "number");
  return {
    labels,
    values,
    ...(times && { times }),
    last: found.at(-1) ?? null,
    min: Math.min(...found),
    max: Math.max(...found),
    mean: null,
  };
}

function drawn(part: Partial<Drawn>, ...all: SeriesAnswer[]): Drawn {
  const answer: MetricAnswer = {
    type: "matrix",
    start: 1_000_000,
    step: 15_000,
    points: all[0]?.values.length ?? 0,
    series: all,
    total: all.length,
    unit: "",
    text: "",
    warnings: [],
    infos: [],
    statistics: { query_id: "", elapsed_ms: 0, series: 0, samples: 0, peak_samples: 0, bytes_read: 0 },
  };
  return { answer, letter: "A", query: "up", legend: "", shift: 0, ...part };
}

describe("frames", () => {
  it("puts values on the grid; what JSON has no number for is a gap or an infinity", () => {
    const frame = toFrame([drawn({}, series({ i: "1" }, [1, null, "NaN", "+Inf"]), series({ i: "2" }, [5, 6, 7, 8]))]);
    expect([...frame.times]).toEqual([1000, 1015, 1030, 1045]);
    expect([...(frame.series[0]?.values ?? [])]).toEqual([1, Number.NaN, Number.NaN, Number.POSITIVE_INFINITY]);
    expect(withGaps(frame.series[0]?.values ?? new Float64Array())).toEqual([1, null, null, null]);
    expect(frame.series.map((one) => one.name)).toEqual(["1", "2"]);
  });

  it("lines with times of their own stay lines on a common axis", () => {
    const frame = toFrame([
      drawn(
        {},
        series({ i: "1" }, [0, 10], [1_000_000, 1_010_000]),
        series({ i: "2" }, [1, 2, 3], [1_000_000, 1_005_000, 1_020_000]),
      ),
    ]);
    expect([...frame.times]).toEqual([1000, 1005, 1010, 1020]);
    expect([...(frame.series[0]?.values ?? [])]).toEqual([0, 5, 10, Number.NaN]);
    expect([...(frame.series[1]?.values ?? [])].map((value) => Math.round(value * 100) / 100)).toEqual([1, 2, 2.33, 3]);
  });

  it("an earlier period lies upon this one and has its colour", () => {
    const now = drawn({}, series({ i: "1" }, [1, 2]));
    const before = drawn({ shift: 30, note: "before" }, series({ i: "1" }, [3, 4]));
    before.answer.start -= 30_000;
    const frame = toFrame([now, before]);
    expect([...frame.times]).toEqual([1000, 1015]);
    expect(frame.series[1]).toMatchObject({ name: expect.stringContaining("· before"), earlier: frame.series[0]?.key });
  });

  it("names of several queries begin with their letter, and are told apart", () => {
    const frame = toFrame([
      drawn({ legend: "same" }, series({ i: "1" }, [1]), series({ i: "2" }, [1])),
      drawn({ letter: "B", legend: "same" }, series({ i: "1" }, [1])),
    ]);
    expect(frame.series.map((one) => one.key)).toEqual(["A · same", "A · same (2)", "B · same"]);
  });
});

describe("decimation", () => {
  /** Every value of a pixel against the two that are left of it. */
  it("keeps the extremes of every pixel and its gaps, as a slow count finds them", () => {
    let seed = 3;
    const random = (): number => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return seed / 2 ** 32;
    };
    const count = 5000;
    const [from, to, width] = [100, 1100, 97];
    const times = Float64Array.from({ length: count }, (_, at) => from + ((to - from) * at) / (count - 1));
    const values = Float64Array.from({ length: count }, (_, at) =>
      at > 1000 && at < 1400 ? Number.NaN : random() < 0.05 ? Number.NaN : random() * 100,
    );
    const thin = decimate(times, [values], from, to, width);
    const column = thin.values[0] ?? new Float64Array();
    expect(column.length).toBeLessThanOrEqual(width * 2);
    for (let place = 0; place < thin.times.length; place += 2) {
      const size = (to - from) / width;
      const pixel = Math.floor(((thin.times[place] ?? 0) - from) / size);
      const inside = [...values].filter((value, at) => {
        const time = times[at] ?? 0;
        const own = Math.min(width - 1, Math.floor((time - from) / size + 1e-9));
        return own === pixel && !Number.isNaN(value);
      });
      const pair = [column[place] ?? 0, column[place + 1] ?? 0];
      if (inside.length === 0) expect(pair.every(Number.isNaN)).toBe(true);
      else expect([Math.min(...pair), Math.max(...pair)]).toEqual([Math.min(...inside), Math.max(...inside)]);
    }
  });

  it("leaves alone what fits", () => {
    const times = Float64Array.of(1, 2, 3);
    expect(decimate(times, [times], 1, 3, 10).times).toBe(times);
  });

  it("3 million points are quick", () => {
    const count = 1_000_000;
    const times = Float64Array.from({ length: count }, (_, at) => at);
    const values = [1, 2, 3].map((factor) =>
      Float64Array.from({ length: count }, (_, at) => Math.sin(at / 999) * factor),
    );
    const start = performance.now();
    const thin = decimate(times, values, 0, count, 1000);
    expect(thin.times.length).toBe(2000);
    expect(performance.now() - start).toBeLessThan(1000);
  });

  it("stacks, and keeps a moment without any value a gap", () => {
    expect(
      stack([
        [1, null, 3],
        [10, null, null],
      ]),
    ).toEqual([
      [1, null, 3],
      [11, null, 3],
    ]);
  });
});

describe("looks", () => {
  it("are the same for the same name, and never twice in a chart while there are any", () => {
    const keys = Array.from({ length: COLORS * DASHES.length }, (_, at) => `series ${at}`);
    const looks = looksOf(keys);
    const all = keys.map((key) => `${looks.get(key)?.color} ${looks.get(key)?.dash.join()}`);
    expect(new Set(all).size).toBe(keys.length);
    expect(looksOf(["checkout"]).get("checkout")).toEqual(looksOf(["checkout", "cart"]).get("checkout"));
    expect(looksOf([...keys, "one more"]).get("one more")?.color).toBe("--series-rest");
  });
});

describe("queries in the address", () => {
  it.each([
    [[line("up")]],
    [[line("a"), { query: "b", legend: "{{job}}", hidden: true }]],
    [[line('{__name__=~"a.*"}')]],
    [[line("[weird")]],
  ])("come back as they were", (lines) => {
    expect(parseQueries(printQueries(lines))).toEqual(lines);
  });

  it("a lone query is readable, and nonsense is no crash", () => {
    expect(printQueries([line("sum(up)")])).toBe("sum(up)");
    expect(parseQueries("[{")).toEqual([line("[{")]);
    expect(parseQueries("[1,null]").map((entry) => entry.query)).toEqual(["", ""]);
    expect(parseQueries("[]")).toEqual([line("")]);
  });

  it("steps and periods", () => {
    expect(["15s", "1m", "0.5", "250ms", "0s", "x", "-1s"].map(parseStep)).toEqual([
      15,
      60,
      0.5,
      0.25,
      null,
      null,
      null,
    ]);
    expect([500, 15_000, 60_000, 7_200_000, 86_400_000].map(formatStep)).toEqual([
      "500 ms",
      "15 s",
      "1 min",
      "2 h",
      "1 d",
    ]);
    const span = { from: 10n, to: 25n };
    expect([periodShift("previous", span), periodShift("day", span)]).toEqual([15n, 86_400_000_000_000n]);
    expect([600, 3600, 86_400, 30 * 86_400].map(rateWindow)).toEqual(["1m", "1m", "30m", "6h"]);
  });

  it.each([
    [{ name: "reqs_total", kind: "counter" }, "job", "sum by (job) (rate(reqs_total[1m]))"],
    [{ name: "temp_celsius", kind: "gauge" }, "room", "avg by (room) (temp_celsius)"],
    [{ name: "temp_celsius", kind: "gauge" }, "", "temp_celsius"],
    [
      { name: "lat_seconds", kind: "histogram", parts: ["lat_seconds_bucket", "lat_seconds_sum"] },
      "job",
      "histogram_quantile(0.95, sum by (le, job) (rate(lat_seconds_bucket[1m])))",
    ],
    [
      { name: "lat_seconds", kind: "histogram" },
      "a b",
      'histogram_quantile(0.95, sum by ("a b") (rate(lat_seconds[1m])))',
    ],
    [{ name: "wait_seconds", kind: "summary" }, "", "avg by (quantile) (wait_seconds)"],
    [
      { name: "wait_seconds", kind: "summary", parts: ["wait_seconds_count", "wait_seconds_sum"] },
      "job",
      "sum by (job) (rate(wait_seconds_sum[1m])) / sum by (job) (rate(wait_seconds_count[1m]))",
    ],
    [{ name: "dotted.total", kind: "counter" }, "", 'sum (rate({"dotted.total"}[1m]))'],
    [{ name: "build_info", kind: "info" }, "version", "count by (version) (build_info)"],
  ])("asks %o by %s", (metric, by, query) => {
    expect(queriesFor(metric, by, 3600).lines.map((one) => one.query)).toEqual([query]);
  });

  it("asks a histogram for a heatmap and quantiles", () => {
    const classic = { name: "lat_seconds", kind: "histogram", parts: ["lat_seconds_bucket", "lat_seconds_count"] };
    const asked = queriesFor(classic, "", 3600);
    expect(asked.heat).toBe("sum by (le) (rate(lat_seconds_bucket[1m]))");
    expect(asked.lines.map((one) => one.legend)).toEqual(["p50", "p95", "p99"]);
    expect(asked.lines[2]?.query).toBe("histogram_quantile(0.99, sum by (le) (rate(lat_seconds_bucket[1m])))");
    const both = { ...classic, parts: [...classic.parts, "lat_seconds"] };
    expect(queriesFor(both, "", 3600).heat).toBe("sum (rate(lat_seconds[1m]))");
    expect(queriesFor({ name: "size", kind: "gaugehistogram" }, "", 3600).heat).toBe("sum (size)");
  });

  it("curl carries quotes", () => {
    const text = asCurl("http://n", { query: `up{a='b'}`, from: 1, to: 2, step: 15, instant: false }, "t1");
    expect(text).toContain(`'query=up{a='\\''b'\\''}'`);
    expect(text).toContain("X-Scope-OrgID: t1");
    expect(asCurl("http://n", { query: "up", from: 1, to: 2, step: 0, instant: true }, "")).toContain("/api/v1/query'");
  });
});

describe("selectors in a text", () => {
  const selector: Selector = {
    name: "up",
    text: 'up{job="a}", i!="x"}[5m]',
    offset: 5,
    length: 24,
    matchers: [
      { name: "job", op: "=", value: "a}" },
      { name: "i", op: "!=", value: "x" },
    ],
  };
  const query = 'rate(up{job="a}", i!="x"}[5m])';
  it("lose one condition and nothing else", () => {
    const [job, i] = selector.matchers;
    if (!job || !i) throw new Error("two matchers");
    expect(withoutMatcher(query, selector, job)).toBe('rate(up{i!="x"}[5m])');
    expect(withoutMatcher(query, { ...selector, matchers: [job] }, job)).toBe("rate(up[5m])");
    expect(allMatchers(selector)[0]).toEqual({ name: "__name__", op: "=", value: "up" });
  });
});

describe("logs of the same labels", () => {
  it("takes fields that the logs have, and says which labels have none", () => {
    const fields = ["service", "k8s.pod.name", "http.status_code", "region"];
    const found = logsOf(
      { __name__: "x", job: "shop/checkout", pod: "p-1", code: "500", region: "eu", le: "1", shard: "3" },
      fields,
    );
    expect(found.query).toBe("service:checkout k8s.pod.name:p-1 http.status_code:500 region:eu");
    expect(found.unused).toEqual(["shard"]);
  });

  it("pins what is equal, and finds traces", () => {
    expect(
      pinnedLabels([
        { name: "job", op: "=", value: "a" },
        { name: "i", op: "=~", value: "b" },
        { name: "__name__", op: "=", value: "up" },
      ]),
    ).toEqual({ job: "a" });
    expect([traceOf({ trace_id: "abc" }), traceOf({ traceID: "d" }), traceOf({})]).toEqual(["abc", "d", ""]);
  });
});

describe("relabelling", () => {
  it("says what a rule did", () => {
    expect(labelChanges({ a: "1", b: "2", c: "3" }, { a: "1", b: "x", d: "4" })).toEqual([
      { name: "b", kind: "changed", before: "2", after: "x" },
      { name: "c", kind: "removed", before: "3", after: "" },
      { name: "d", kind: "added", before: "", after: "4" },
    ]);
  });
});

describe("heatmaps", () => {
  const heat = toHeat(
    {
      series: 2,
      start: 60_000,
      step: 30_000,
      bounds: [
        ["-Inf", 0],
        [0, 0.5],
        [0.5, 2],
        [2, "+Inf"],
      ],
      columns: [[0, 4, 1, 0], [], [0, 0, 16, 2]],
    },
    -30,
  );
  it("have moments, bounds and a greatest count", () => {
    expect(heat.times).toEqual([30, 60, 90]);
    expect([heat.step, heat.max, heat.series]).toEqual([30, 16, 2]);
    expect(heat.bounds[3]).toEqual([2, Number.POSITIVE_INFINITY]);
  });
  it("know where a value lies", () => {
    expect([-3, 0.25, 1, 2, 9].map((value) => placeOf(heat, value))).toEqual([0.5, 1.5, 2.5, 3, 3.5]);
    expect(placeOf({ ...heat, bounds: [[1, 2]] }, 5)).toBe(1);
  });
  it("name buckets with their unit", () => {
    expect(heat.bounds.map((bucket) => formatBucket(bucket, "seconds"))).toEqual([
      "≤ 0 s",
      "0 s – 500 ms",
      "500 ms – 2 s",
      "> 2 s",
    ]);
    expect(formatBucket([-2.9e-39, 2.9e-39], "")).toBe("0");
  });
  it("show few beside many", () => {
    expect([shadeOf(0, 16), shadeOf(4, 16), shadeOf(99, 16), shadeOf(1, 0)]).toEqual([0, 0.5, 1, 0]);
    expect(shadeColor(0.75)).toBe("color-mix(in oklab, var(--heat-high) 50%, var(--heat-mid))");
  });
  it("are a table, too", () => {
    const { series, times } = heatFrame(heat, "seconds");
    expect([...times]).toEqual(heat.times);
    expect([...(series[2]?.values ?? [])]).toEqual([1, Number.NaN, 16]);
    expect(series[1]).toMatchObject({ name: "0 s – 500 ms", last: 0, min: 0, max: 4, mean: 2 });
  });
  it("guess units, and know buckets", () => {
    expect(unitOfBuckets("sum by (le) (rate(lat_seconds_bucket[5m]))")).toBe("seconds");
    expect([unitOfCounts("rate(x[5m])"), unitOfCounts("increase(x[5m])")]).toEqual(["ops", ""]);
    expect(areBuckets([{ le: "0.5" }, { le: "+Inf" }])).toBe(true);
    expect(areBuckets([{ le: "0.5" }, { job: "a" }])).toBe(false);
    expect(areBuckets([{ le: "x" }, { le: "1" }])).toBe(false);
  });
});
