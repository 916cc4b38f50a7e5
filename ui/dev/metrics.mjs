/**
 * Metrics and scrape targets of the stand-in server: a shop's counters, gauges and histograms, made up from the clock.
 * Of PromQL it understands the first metric, equality conditions, `by (label)`, and whether there is a rate.
 */
const LABELS = {
  job: ["checkout", "frontend", "payment", "cart", "inventory"],
  instance: Array.from({ length: 9 }, (_, index) => `10.0.0.${index + 1}:9100`),
  method: ["GET", "POST"],
  code: ["200", "404", "500"],
};
const METRICS = [
  [
    "http_requests_total",
    "counter",
    "",
    "Requests served, by method and code.",
    ["job", "instance", "method", "code"],
    40,
  ],
  ["http_request_duration_seconds", "histogram", "seconds", "How long requests took.", ["job", "method"], 0.12],
  ["process_resident_memory_bytes", "gauge", "bytes", "Resident memory size.", ["job", "instance"], 3e8],
  ["process_cpu_seconds_total", "counter", "seconds", "Total user and system CPU time.", ["job", "instance"], 0.4],
  ["node_filesystem_avail_bytes", "gauge", "bytes", "Space that is left.", ["instance"], 4e11],
  ["node_load1", "gauge", "", "1m load average.", ["instance"], 1.5],
  ["up", "gauge", "", "", ["job", "instance"], 1],
  ["queue_fill_ratio", "gauge", "ratio", "Share of the queue that is used.", ["job"], 0.4],
  ...Array.from({ length: 220 }, (_, index) => [
    `app_stage_${index}_items_total`,
    "counter",
    "",
    `Items through stage ${index} of the pipeline.`,
    ["job"],
    index + 1,
  ]),
];
const hash = (text) => [...text].reduce((sum, char) => (Math.imul(sum, 31) + char.charCodeAt(0)) >>> 0, 7);
const metricOf = (query) => METRICS.find(([name]) => new RegExp(`\\b${name}(_bucket|_sum|_count)?\\b`).test(query));
const pinned = (query) =>
  Object.fromEntries([...query.matchAll(/(\w+)="([^"]*)"/g)].map((match) => [match[1], match[2]]));
const product = (names, labels = {}) =>
  names.length === 0
    ? [labels]
    : (LABELS[names[0]] ?? []).flatMap((value) => product(names.slice(1), { ...labels, [names[0]]: value }));
const time = (value, fallback) => {
  if (!value) return fallback;
  const relative = /^now(?:-(\d+)([smhd]))?$/.exec(value);
  if (relative)
    return Date.now() - Number(relative[1] ?? 0) * { s: 1e3, m: 6e4, h: 36e5, d: 864e5 }[relative[2] ?? "s"];
  return /^\d+(\.\d+)?$/.test(value) ? Number(value) * 1000 : Date.parse(value);
};
const NICE = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 86400];
const statistics = (series, samples, id) => ({
  query_id: id || "mock",
  elapsed_ms: 4 + samples / 9000,
  series,
  samples,
  peak_samples: samples,
  bytes_read: samples * 2,
});

function seriesOf(query) {
  const metric = metricOf(query);
  if (!metric) return [];
  const fixed = pinned(query);
  const by = /by\s*\(([^)]*)\)/
    .exec(query)?.[1]
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name && name !== "le");
  const aggregated = /\b(sum|avg|max|min|count|topk|histogram_quantile)\b/.test(query);
  const all = product(metric[4]).filter((labels) =>
    Object.entries(fixed).every(([name, value]) => !(name in labels) || labels[name] === value),
  );
  if (!aggregated)
    return all.map((labels) => (/rate|increase/.test(query) ? labels : { __name__: metric[0], ...labels }));
  const keys = by ?? [];
  return [
    ...new Map(
      all.map((labels) => {
        const kept = Object.fromEntries(keys.map((name) => [name, labels[name] ?? ""]));
        return [JSON.stringify(kept), kept];
      }),
    ).values(),
  ];
}
function valueAt(query, labels, ms) {
  const [name, , , , , size] = metricOf(query);
  const seed = hash(name + JSON.stringify(labels));
  if (name === "up") return seed % 11 === 0 ? 0 : 1;
  const day = Math.sin((ms / 864e5) * 2 * Math.PI + (seed % 7)) * 0.3;
  const wave = Math.sin(ms / 3e5 + (seed % 13)) * 0.1;
  const noise = (hash(String(Math.floor(ms / 15000)) + seed) % 1000) / 1000 - 0.5;
  return size * (0.4 + (seed % 10) / 6) * (1 + day + wave + noise * 0.25);
}
function syntax(query) {
  const open = (query.match(/\(/g) ?? []).length;
  const close = (query.match(/\)/g) ?? []).length;
  if (open !== close)
    return {
      code: "query_syntax",
      message: "a parenthesis is not closed.",
      hint: "Add a closing ).",
      position: { offset: query.length - 1, length: 1 },
    };
  const range = /(rate|increase)\(([^()[\]]+)\)/.exec(query);
  if (range)
    return {
      code: "query_syntax",
      message: `${range[1]} needs a range, such as [5m].`,
      hint: `Write ${range[1]}(${range[2]}[5m]).`,
      position: { offset: range.index, length: range[0].length },
    };
  return null;
}

export const handlers = {
  "POST metrics/catalog": (body) => {
    const words = (body.search ?? "").toLowerCase().split(/\s+/).filter(Boolean);
    const found = METRICS.filter(
      ([name, kind, unit, help]) =>
        words.every((word) => `${name} ${help}`.toLowerCase().includes(word)) &&
        (!body.kind || kind === body.kind) &&
        (!body.unit || unit === body.unit),
    ).map(([name, kind, unit, help, labels]) => ({
      name,
      kind,
      unit,
      help,
      series: product(labels).length,
      last: Date.now() - 9000,
      queries: hash(name) % 40,
      queried: hash(name) % 40 ? Date.now() - (hash(name) % 86400000) : 0,
      parts: kind === "histogram" ? ["_bucket", "_count", "_sum"].map((part) => name + part) : [],
    }));
    if (body.order === "series") found.sort((a, b) => b.series - a.series);
    else if (body.order !== "last") found.sort((a, b) => a.name.localeCompare(b.name));
    const offset = body.offset ?? 0;
    return { metrics: found.slice(offset, offset + (body.limit ?? 50)), total: found.length };
  },
  "POST metrics/query": (body) => {
    const wrong = syntax(body.query);
    if (wrong) return [400, { error: wrong }];
    const to = time(body.to, Date.now());
    const from = time(body.from, to - 36e5);
    const wanted = (to - from) / 1000 / (body.points || 600);
    const step = body.instant ? 0 : (body.step || NICE.find((size) => size >= wanted) || 86400) * 1000;
    const start = body.instant ? to : Math.ceil(from / step) * step;
    const points = body.instant ? 1 : Math.floor((to - start) / step) + 1;
    const all = seriesOf(body.query).map((labels) => {
      const values = Array.from({ length: points }, (_, index) => {
        const ms = start + index * step;
        const gap = hash(JSON.stringify(labels)) % 5 === 0 && index > points * 0.4 && index < points * 0.5;
        return gap ? null : valueAt(body.query, labels, ms);
      });
      const there = values.filter((value) => value !== null);
      return {
        labels,
        values,
        last: there.at(-1) ?? null,
        min: Math.min(...there),
        max: Math.max(...there),
        mean: there.reduce((sum, value) => sum + value, 0) / there.length,
      };
    });
    all.sort((a, b) => Math.abs(b.mean) - Math.abs(a.mean));
    const bounds = [0, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, "+Inf"];
    const heatmap = body.heatmap &&
      /by \(le\)/.test(body.query) &&
      !/quantile/.test(body.query) && {
        series: 1,
        start,
        step,
        bounds: bounds.slice(1).map((high, row) => [bounds[row], high]),
        columns: Array.from({ length: points }, (_, at) =>
          bounds
            .slice(1)
            .map((_high, row) => Math.max(0, 9 - (row - 3 - Math.sin(at / 20)) ** 2 + (hash(`${at} ${row}`) % 3))),
        ),
      };
    if (heatmap) all.length = 0;
    return {
      heatmap: heatmap || null,
      type: body.instant ? "vector" : "matrix",
      start,
      step,
      points,
      series: all.slice(0, body.top ?? 20),
      total: all.length,
      unit: "",
      text: "",
      warnings: body.query.includes("node_") ? ["The warm tier did not answer: 92 % of the samples are here."] : [],
      infos: /rate\(process_resident/.test(body.query)
        ? [
            "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: process_resident_memory_bytes",
          ]
        : [],
      statistics: statistics(all.length, all.length * points * 4, body.query_id),
    };
  },
  "POST metrics/explain": (body) => {
    const wrong = syntax(body.query);
    if (wrong) return [400, { error: wrong }];
    const metric = metricOf(body.query);
    const fixed = Object.entries(pinned(body.query)).map(([name, value]) => ({ name, op: "=", value }));
    const selector =
      /[a-zA-Z_:][\w:]*\{[^}]*\}|[a-zA-Z_:][\w:]*(?=\[)/.exec(body.query)?.[0] ?? metric?.[0] ?? body.query;
    const count = seriesOf(body.query).length;
    return {
      query: body.query,
      pretty: body.query,
      type: "instant vector",
      words: [
        ...(/sum/.test(body.query)
          ? [{ text: "the sum, kept apart by label, of", depth: 0, offset: 0, length: body.query.length }]
          : []),
        ...(/rate/.test(body.query)
          ? [
              {
                text: "the increase a second, over the last 5 minutes, of",
                depth: 1,
                offset: body.query.indexOf("rate"),
                length: 12,
              },
            ]
          : []),
        {
          text: `series of ${metric?.[0] ?? "a metric"}`,
          depth: 2,
          offset: body.query.indexOf(selector),
          length: selector.length,
        },
      ],
      selectors: [
        {
          name: metric?.[0] ?? selector.replace(/\{.*/, ""),
          text: selector,
          matchers: fixed,
          offset: Math.max(0, body.query.indexOf(selector)),
          length: selector.length,
        },
      ],
      unit: "",
      estimate: { series: count, samples: count * 960, bytes: count * 960 * 2 },
      warnings: [],
      infos: [],
    };
  },
  "GET targets": () => targets,
  "POST targets/reload": () => ({ loaded_at: new Date().toISOString(), pools: targets.pools.length, targets: 14 }),
};

const target = (pool, index, health) => ({
  id: `${pool}-${index}`,
  pool,
  url: `http://10.0.0.${index + 1}:9100/metrics`,
  health,
  labels: { job: pool, instance: `10.0.0.${index + 1}:9100`, zone: index % 2 ? "a" : "b" },
  discovered: { __address__: `10.0.0.${index + 1}:9100`, __scheme__: "http", __metrics_path__: "/metrics", job: pool },
  last_error: health === "down" ? "the target did not answer within 10 s: connection refused" : "",
  last_scrape: health === "unknown" ? "" : new Date(Date.now() - 4000).toISOString(),
  last_duration_ms: health === "down" ? 10000 : 18.3 + index,
  samples: health === "up" ? 1840 : 0,
  samples_kept: health === "up" ? 1700 : 0,
  series_added: 0,
  body_bytes: health === "up" ? 190_000 : 0,
});
const targets = {
  configured: true,
  file: "/etc/prometheus/prometheus.yml",
  loaded_at: new Date(Date.now() - 36e5).toISOString(),
  error: "",
  may_reload: true,
  pools: [
    {
      name: "node",
      interval_ms: 15000,
      timeout_ms: 10000,
      discovery: ["static"],
      up: 8,
      down: 1,
      unknown: 0,
      dropped: 2,
      error: "",
      targets: Array.from({ length: 9 }, (_, index) => target("node", index, index === 3 ? "down" : "up")),
    },
    {
      name: "kubernetes-pods",
      interval_ms: 30000,
      timeout_ms: 10000,
      discovery: ["kubernetes"],
      up: 4,
      down: 0,
      unknown: 1,
      dropped: 31,
      error: "the API server answered 403: pods is forbidden",
      targets: Array.from({ length: 5 }, (_, index) =>
        target("kubernetes-pods", index, index === 4 ? "unknown" : "up"),
      ),
    },
  ],
};

/** Doors with arguments in the address: what they answer, or null. */
export function answer(path, parameters) {
  const match = parameters.getAll("match[]").join(" ");
  if (path === "/api/v1/labels")
    return [
      ...new Set(
        seriesOf(match || "http_requests_total")
          .flatMap((labels) => Object.keys(labels))
          .concat(/duration/.test(match) ? ["le"] : []),
      ),
    ].sort();
  const values = /^\/api\/v1\/label\/(\w+)\/values$/.exec(path);
  if (values) return values[1] === "__name__" ? METRICS.map(([name]) => name) : (LABELS[values[1]] ?? []);
  if (path === "/api/v1/series") return seriesOf(match);
  if (path === "/api/v1/metadata")
    return Object.fromEntries(METRICS.map(([name, type, unit, help]) => [name, [{ type, unit, help }]]));
  if (path === "/api/v1/query_exemplars") {
    const [start, end] = [Number(parameters.get("start")), Number(parameters.get("end"))];
    const query = parameters.get("query");
    if (!metricOf(query)) return [];
    return seriesOf(query)
      .slice(0, 3)
      .map((seriesLabels) => ({
        seriesLabels,
        exemplars: Array.from({ length: 6 }, (_, index) => {
          const timestamp = start + ((end - start) * (index + 0.5)) / 6;
          return {
            labels: { trace_id: "0af7651916cd43dd8448eb211c80319c" },
            value: String(valueAt(query, seriesLabels, timestamp * 1000) * 1.1),
            timestamp,
          };
        }),
      }));
  }
  return null;
}
export function relabel(name) {
  if (name.startsWith("GET targets/relabel"))
    return {
      steps: [
        {
          number: 1,
          action: "replace",
          rule: { source_labels: ["__address__"], target_label: "instance", regex: "(.*)", replacement: "$1" },
          before: { __address__: "10.0.0.1:9100", job: "node" },
          after: { __address__: "10.0.0.1:9100", job: "node", instance: "10.0.0.1:9100" },
        },
        {
          number: 2,
          action: "labeldrop",
          rule: { regex: "__meta_.*" },
          before: { __address__: "10.0.0.1:9100", job: "node" },
          after: { __address__: "10.0.0.1:9100", job: "node" },
        },
      ],
      dropped_by: 0,
    };
  if (name.startsWith("GET targets/dropped"))
    return {
      targets: [{ id: "d1", discovered: { __address__: "10.9.9.9:80", job: "node" }, dropped_by: 2 }],
      total: 1,
    };
  return null;
}
