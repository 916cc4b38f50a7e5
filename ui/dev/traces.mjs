/**
 * Traces and services of the stand-in server: a shop of eight services, made up from the clock. Of TraceQL it understands the
 * comparisons joined by `&&` in the first braces.
 */
const SERVICES = {
  frontend: { calls: ["checkout", "catalog", "recommendation"], version: ["2.4.0", "2.5.0"], namespace: "front" },
  checkout: { calls: ["cart", "payment", "postgres", "orders-queue"], version: ["1.8.1"], namespace: "shop" },
  catalog: { calls: ["postgres", "redis"], version: ["0.9.3"], namespace: "shop" },
  recommendation: { calls: ["catalog"], version: ["3.0.0"], namespace: "front" },
  cart: { calls: ["redis"], version: ["1.2.0"], namespace: "shop" },
  payment: { calls: ["api.bank.example"], version: ["5.1.0", "5.2.0"], namespace: "money" },
  mailer: { calls: [], version: ["1.0.0"], namespace: "back" },
};
const OPERATIONS = {
  frontend: ["GET /", "GET /product/{id}", "POST /checkout"],
  checkout: ["PlaceOrder"],
  catalog: ["GetProduct", "ListProducts"],
  recommendation: ["Recommend"],
  cart: ["GetCart", "EmptyCart"],
  payment: ["Charge"],
  mailer: ["SendOrder"],
  postgres: ["SELECT products", "INSERT orders"],
  redis: ["GET", "SET"],
  "orders-queue": ["orders publish"],
  "api.bank.example": ["POST"],
};
const TYPES = { postgres: "database", redis: "database", "orders-queue": "messaging", "api.bank.example": "external" };

function generator(seed) {
  let state = seed >>> 0 || 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const now = Date.now();
const TRACES = 600;
const RANGE = 3_500_000;
const hexOf = (number, length) => number.toString(16).padStart(length, "0");

/** Spans of one trace in depth-first order; the same for the same number. */
function spansOf(number) {
  const random = generator(number * 7919 + 11);
  const start = now - Math.floor((number / TRACES) * RANGE) - Math.floor(random() * 4000);
  const slow = random() < 0.06 ? 8 : 1;
  const spans = [];
  const add = (service, name, parent, at, duration, kind, error) => {
    const version = SERVICES[service]?.version ?? [];
    spans.push({
      id: hexOf(number * 100_000 + spans.length + 1, 16),
      parent,
      service,
      name,
      at,
      duration,
      kind,
      error,
      attributes: {
        "http.method": name.startsWith("POST") ? "POST" : "GET",
        "http.status_code": error ? 500 : 200,
        "user.tier": slow > 1 ? "gold" : random() < 0.3 ? "gold" : "free",
      },
      version: version[version.length > 1 && start > now - 1_500_000 ? 1 : 0] ?? "",
    });
    return spans.length - 1;
  };
  const visit = (service, parent, at, duration, depth) => {
    const operations = OPERATIONS[service];
    const name = operations[Math.floor(random() * operations.length)];
    const outside = TYPES[service];
    const failed = random() < (service === "payment" ? 0.12 : 0.01);
    const span = add(service, name, parent, at, duration, outside ? 3 : 2, failed);
    const calls = SERVICES[service]?.calls ?? [];
    let moment = at + duration * 0.04;
    for (const call of calls) {
      if (depth > 4 || random() < 0.25) continue;
      const many = TYPES[call] === "database" && random() < 0.3 ? 6 + Math.floor(random() * 24) : 1;
      const each = (duration * (0.5 / calls.length)) / many;
      for (let turn = 0; turn < many; turn += 1) {
        if (many > 1) add(call, OPERATIONS[call][0], span, moment, each * 0.8, 3, false);
        else visit(call, span, moment, each, depth + 1);
        moment += each;
      }
    }
    return span;
  };
  visit("frontend", -1, 0, (20 + random() * 180) * slow * 1e6, 0);
  if (number % 37 === 0 && spans[2]) spans[2].at -= 40e6;
  return { number, id: hexOf(number + 1, 32), start: BigInt(start) * 1_000_000n, spans };
}

const all = Array.from({ length: TRACES }, (_, number) => spansOf(number));
const byId = new Map(all.map((trace) => [trace.id, trace]));

/** So many spans for a look at large traces: `/traces/00…huge` with the id below. */
const HUGE = "f".repeat(32);
function huge() {
  const random = generator(5);
  const spans = [];
  const add = (parent, at, duration, service, name) =>
    spans.push({
      id: hexOf(spans.length + 1, 16),
      parent,
      service,
      name,
      at,
      duration,
      kind: 2,
      error: random() < 0.002,
      attributes: {},
      version: "",
    }) - 1;
  const names = Object.keys(OPERATIONS);
  const total = 30e9;
  const root = add(-1, 0, total, "frontend", "nightly batch");
  for (let job = 0; spans.length < 100_000; job += 1) {
    const at = (total * (job % 4000)) / 4200;
    const width = total * (0.002 + random() * 0.02);
    const service = names[job % names.length];
    const parent = add(root, at, width, service, OPERATIONS[service][0]);
    for (let call = 0; call < 12; call += 1) {
      const child = add(parent, at + (width * call) / 13, width / 15, "postgres", "SELECT products");
      if (call % 3 === 0) add(child, at + (width * call) / 13 + width / 60, width / 40, "redis", "GET");
    }
  }
  return { number: -1, id: HUGE, start: BigInt(now - 60_000) * 1_000_000n, spans };
}

function criticalOf(trace) {
  const children = trace.spans.map(() => []);
  trace.spans.forEach((span, index) => {
    if (span.parent >= 0) children[span.parent].push(index);
  });
  const pieces = [];
  const walk = (index, until) => {
    const span = trace.spans[index];
    let end = Math.min(until, span.at + span.duration);
    for (const child of [...children[index]].sort(
      (a, b) => trace.spans[b].at + trace.spans[b].duration - trace.spans[a].at - trace.spans[a].duration,
    )) {
      const one = trace.spans[child];
      if (one.at + one.duration > end || one.at < span.at) continue;
      if (end > one.at + one.duration) pieces.push([index, one.at + one.duration, end]);
      walk(child, one.at + one.duration);
      end = one.at;
    }
    if (end > span.at) pieces.push([index, span.at, end]);
  };
  if (trace.spans.length < 5000) walk(0, Number.POSITIVE_INFINITY);
  return pieces.reverse();
}

function documentOf(trace) {
  const services = [...new Set(trace.spans.map((span) => span.service))];
  const names = [...new Set(trace.spans.map((span) => span.name))];
  const [serviceAt, nameAt] = [services, names].map((list) => new Map(list.map((one, index) => [one, index])));
  return {
    traceId: trace.id,
    start: String(trace.start),
    duration: String(Math.round(Math.max(...trace.spans.slice(0, 50_000).map((span) => span.at + span.duration)))),
    spans: trace.spans.length,
    errors: trace.spans.filter((span) => span.error).length,
    services,
    names,
    ids: trace.spans.map((span) => span.id),
    parents: trace.spans.map((span) => span.parent),
    starts: trace.spans.map((span) => span.at),
    durations: trace.spans.map((span) => span.duration),
    service: trace.spans.map((span) => serviceAt.get(span.service)),
    name: trace.spans.map((span) => nameAt.get(span.name)),
    kind: trace.spans.map((span) => span.kind),
    status: trace.spans.map((span) => (span.error ? 2 : 0)),
    events: trace.spans.map((span) => (span.error ? 1 : 0)),
    links: trace.spans.map(() => 0),
    orphans: trace.number % 41 === 0 ? [1] : [],
    cycles: [],
    skewed: trace.number % 37 === 0 ? [2] : [],
    critical: criticalOf(trace),
    duplicates: 0,
    truncated: false,
  };
}

const UNITS = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 6e10, h: 3.6e12 };
function fieldOf(span, field) {
  const name = field.replace(/^(span|resource|)\./, "");
  if (field === "name") return span.name;
  if (field === "duration") return span.duration;
  if (field === "status") return span.error ? "error" : "unset";
  if (field === "kind") return ["unspecified", "internal", "server", "client"][span.kind];
  if (name === "service.name") return span.service;
  if (name === "service.version") return span.version;
  if (name === "service.namespace") return SERVICES[span.service]?.namespace;
  return span.attributes[name];
}
function conditionsOf(q) {
  const inside = /\{([^}]*)\}/.exec(q)?.[1] ?? "";
  return inside
    .split("&&")
    .map((part) => /^\s*(!\()?\s*([\w.:]+)\s*(!=|>=|<=|=|>|<)\s*("[^"]*"|[\w.µ]+)\s*\)?\s*$/.exec(part))
    .filter(Boolean)
    .map(([, not, field, op, raw]) => {
      const unit = /^([\d.]+)(ns|us|µs|ms|s|m|h)$/.exec(raw);
      const value = unit ? Number(unit[1]) * UNITS[unit[2]] : raw.startsWith('"') ? raw.slice(1, -1) : raw;
      return { field, value, op, not: Boolean(not) };
    });
}
function meets(trace, span, { field, value, op, not }) {
  if (field === "trace:id") return trace.id === value;
  const own = fieldOf(span, field);
  const hit =
    own !== undefined &&
    (op === "=" || op === "!="
      ? (String(own) === String(value)) === (op === "=")
      : op === ">" || op === ">="
        ? Number(own) >= Number(value)
        : Number(own) <= Number(value));
  return hit !== not;
}
const ns = (text, fallback) => (text ? BigInt(Date.parse(text)) * 1_000_000n : fallback);
function matching({ q = "", start, end }) {
  const list = conditionsOf(q);
  const [from, to] = [ns(start, 0n), ns(end, 1n << 62n)];
  return all
    .filter((trace) => trace.start >= from && trace.start < to)
    .map((trace) => ({ trace, spans: trace.spans.filter((span) => list.every((one) => meets(trace, span, one))) }))
    .filter((one) => one.spans.length > 0);
}
const statistics = (rows) => ({ query_id: "q-mock", elapsed_ms: 9.1, rows_read: rows, bytes_read: rows * 90 });
const wrong = (q) =>
  (q.match(/\{/g) ?? []).length !== (q.match(/\}/g) ?? []).length && [
    400,
    {
      error: {
        code: "query_syntax",
        message: "the brace is not closed.",
        hint: "Add a closing }.",
        position: { offset: q.indexOf("{"), length: 1 },
        query_id: "q-mock",
      },
    },
  ];
function summary({ trace, spans }) {
  const services = new Map();
  for (const span of trace.spans) {
    const one = services.get(span.service) ?? { name: span.service, spans: 0, errors: 0 };
    one.spans += 1;
    one.errors += span.error ? 1 : 0;
    services.set(span.service, one);
  }
  return {
    traceId: trace.id,
    rootService: trace.spans[0].service,
    rootName: trace.spans[0].name,
    start: String(trace.start),
    duration: String(Math.round(trace.spans[0].duration)),
    spans: trace.spans.length,
    errors: trace.spans.filter((span) => span.error).length,
    services: [...services.values()].sort((a, b) => b.spans - a.spans),
    sets: [
      {
        matched: spans.length,
        attributes: {},
        spans: spans.slice(0, 3).map((span) => ({
          spanId: span.id,
          name: span.name,
          service: span.service,
          start: String(trace.start + BigInt(Math.round(span.at))),
          duration: String(Math.round(span.duration)),
          attributes: span.attributes,
        })),
      },
    ],
  };
}
const classOf = (duration) => {
  if (duration < 1) return 0;
  const octave = Math.floor(Math.log2(duration));
  return 1 + 4 * octave + Math.floor((duration / 2 ** octave - 1) * 4);
};
const boundsOf = (number) => {
  const [octave, quarter] = [Math.floor((number - 1) / 4), (number - 1) % 4];
  return [2 ** octave * (1 + quarter / 4), 2 ** octave * (1 + (quarter + 1) / 4)];
};
const FACETS = [
  ["service.name", "resource"],
  ["name", "intrinsic"],
  ["status", "intrinsic"],
  ["kind", "intrinsic"],
  ["http.method", "span"],
  ["http.status_code", "span"],
  ["user.tier", "span"],
  ["service.version", "resource"],
];
function tally(spans, name, scope) {
  const counts = new Map();
  for (const span of spans) {
    const value = fieldOf(span, scope === "intrinsic" ? name : `${scope}.${name}`);
    if (value !== undefined && value !== "") counts.set(String(value), (counts.get(String(value)) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1]);
}
const typeOf = (name) => (name === "http.status_code" ? "int" : ["status", "kind"].includes(name) ? name : "string");
const quantile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;

function series(q, body) {
  const by = [...(/by\s*\(([^)]*)\)/.exec(q)?.[1] ?? "").matchAll(/[\w.:]+/g)].map(([name]) => name);
  const found = matching({ ...body, q });
  const step = (body.instant ? Date.parse(body.end) - Date.parse(body.start) : body.step / 1e6) || 60_000;
  const from = Math.floor(Date.parse(body.start) / step) * step;
  const points = Math.floor((Date.parse(body.end) - from) / step) + 1;
  const groups = new Map();
  for (const { trace, spans } of found)
    for (const span of spans) {
      const key = JSON.stringify(by.map((name) => fieldOf(span, name) ?? null));
      if (!groups.has(key))
        groups.set(
          key,
          Array.from({ length: points }, () => []),
        );
      groups.get(key)[Math.floor((Number(trace.start / 1_000_000n) - from) / step)]?.push(span.duration / 1e9);
    }
  const value = (durations) =>
    /quantile/.test(q)
      ? quantile(
          [...durations].sort((a, b) => a - b),
          0.95,
        )
      : /count/.test(q)
        ? durations.length
        : durations.length / (step / 1000);
  return {
    start: `${from}000000`,
    end: `${Date.parse(body.end)}000000`,
    step: `${step}000000`,
    series: [...groups].map(([key, buckets]) => ({
      labels: Object.fromEntries(JSON.parse(key).map((one, at) => [by[at], one])),
      points: buckets.map((durations, at) => [`${from + at * step}000000`, value(durations)]),
      exemplars: [],
    })),
    incomplete: "",
    statistics: statistics(1),
  };
}

function services() {
  return Object.keys(SERVICES).map((name, index) => {
    const own = all.flatMap((trace) =>
      trace.spans.filter((span) => span.service === name).map((span) => ({ trace, span })),
    );
    const durations = own.map(({ span }) => span.duration / 1e9).sort((a, b) => a - b);
    const random = generator(index + 3);
    return {
      name,
      requestRate: own.length / (RANGE / 1000),
      errorRate: own.filter(({ span }) => span.error).length / Math.max(1, own.length),
      p50: quantile(durations, 0.5),
      p95: quantile(durations, 0.95),
      p99: quantile(durations, 0.99),
      apdex: 0.99 - index * 0.07,
      spark: Array.from({ length: 40 }, (_, at) => [
        now - (40 - at) * 90_000,
        4 + random() * 3 + at / 20,
        random() * 0.04,
        0.05 + random() * 0.1,
      ]),
      kinds: ["server"],
    };
  });
}

function map(url) {
  const edges = [
    { client: "user", server: "frontend", type: "virtual_node" },
    ...Object.entries(SERVICES).flatMap(([client, { calls }]) =>
      calls.map((server) => ({
        client,
        server,
        type: TYPES[server] === "messaging" ? "messaging_system" : TYPES[server] === "database" ? "database" : "",
      })),
    ),
    { client: "orders-queue", server: "mailer", type: "messaging_system" },
  ];
  const list = new Map(services().map((one) => [one.name, one]));
  const names = [...new Set(edges.flatMap((edge) => [edge.client, edge.server]))];
  const then = url.searchParams.get("at") ? 0.6 : 1;
  return {
    nodes: names.map((name, index) => ({
      name,
      type: name === "user" ? "user" : (TYPES[name] ?? "service"),
      requestRate: (list.get(name)?.requestRate ?? 0.4 + index * 0.1) * then,
      errorRate: list.get(name)?.errorRate ?? 0,
      p95: list.get(name)?.p95 ?? 0.004,
    })),
    edges: edges.map((edge, index) => ({
      ...edge,
      requestRate: (0.05 + index * 0.11) * then,
      errorRate: edge.server === "api.bank.example" ? 0.09 : edge.server === "payment" ? 0.02 : 0,
      p95Client: 0.05,
      p95Server: 0.04,
    })),
  };
}

export const handlers = {
  "POST traces/search": (body) => {
    const mistake = wrong(body.q);
    if (mistake) return mistake;
    const order = {
      newest: (a, b) => (a.start < b.start ? 1 : -1),
      longest: (a, b) => b.duration - a.duration,
      spans: (a, b) => b.spans - a.spans,
      errors: (a, b) => b.errors - a.errors,
    }[body.order];
    const traces = matching(body).map(summary).sort(order).slice(0, body.limit);
    return { traces, incomplete: "", statistics: statistics(traces.length) };
  },
  "POST traces/count": (body) => {
    const mistake = wrong(body.q);
    if (mistake) return mistake;
    const found = matching(body);
    const spans = found.reduce((sum, one) => sum + one.spans.length, 0);
    return { spans, traces: found.length, statistics: statistics(spans) };
  },
  "POST traces/heatmap": (body) => {
    const mistake = wrong(body.q);
    if (mistake) return mistake;
    const step = BigInt(body.step);
    const cells = new Map();
    const classes = new Set();
    for (const { trace, spans } of matching(body))
      for (const span of spans) {
        const bucket = trace.start - (trace.start % step);
        const number = classOf(span.duration);
        classes.add(number);
        if (!cells.has(bucket)) cells.set(bucket, new Map());
        const cell = cells.get(bucket).get(number) ?? [0, 0];
        cell[0] += 1;
        cell[1] += span.error ? 1 : 0;
        cells.get(bucket).set(number, cell);
      }
    const low = Math.min(...classes);
    const list = classes.size ? Array.from({ length: Math.max(...classes) - low + 1 }, (_, at) => low + at) : [];
    const buckets = [...cells.keys()].sort();
    return {
      buckets: buckets.map(String),
      classes: list.map((number) => ({
        class: number,
        low: String(Math.round(boundsOf(number)[0])),
        high: String(Math.round(boundsOf(number)[1])),
      })),
      counts: buckets.map((bucket) => list.map((number) => cells.get(bucket).get(number)?.[0] ?? 0)),
      errors: buckets.map((bucket) => list.map((number) => cells.get(bucket).get(number)?.[1] ?? 0)),
      statistics: statistics(1),
    };
  },
  "POST traces/facets": (body) => {
    const spans = matching(body).flatMap((one) => one.spans);
    return {
      facets: FACETS.map(([name, scope]) => {
        const values = tally(spans, name, scope);
        return {
          field: scope === "intrinsic" ? name : `${scope}.${name}`,
          values: values.slice(0, 10).map(([value, count]) => ({ value, type: typeOf(name), count })),
        };
      }),
      statistics: statistics(1),
    };
  },
  "POST traces/compare": (body) => {
    const [selection, baseline] = [body.selection, body.baseline].map((side) =>
      matching(side).flatMap((one) => one.spans),
    );
    const fields = FACETS.map(([name, scope]) => {
      const sides = [selection, baseline].map((spans) => new Map(tally(spans, name, scope)));
      const names = [...new Set(sides.flatMap((side) => [...side.keys()]))];
      const values = names.map((value) => {
        const [a, b] = sides.map((side) => side.get(value) ?? 0);
        const [x, y] = [a / Math.max(1, selection.length), b / Math.max(1, baseline.length)];
        return {
          value,
          type: typeOf(name),
          selection: a,
          baseline: b,
          selectionShare: x,
          baselineShare: y,
          difference: x - y,
        };
      });
      const effect = values.reduce((sum, one) => sum + Math.abs(one.difference), 0) / 2;
      return {
        name: scope === "intrinsic" ? name : `${scope}.${name}`,
        score: effect,
        significance: effect > 0.1 ? 0.0001 : 0.2,
        values: values.sort((a, b) => b.difference - a.difference).slice(0, 8),
      };
    });
    return {
      selection: selection.length,
      baseline: baseline.length,
      fields: fields.sort((a, b) => b.score - a.score),
      statistics: statistics(1),
    };
  },
  "POST traces/metrics": (body) => series(body.q, body),
  "POST traces/render": () => documentOf(all[3]),
  "POST services/critical-path": () => ({
    traces: 42,
    totalMs: 42 * 310,
    rows: [
      { service: "payment", operation: "Charge", ms: 42 * 130, share: 0.42 },
      { service: "postgres", operation: "SELECT products", ms: 42 * 90, share: 0.29 },
      { service: "checkout", operation: "PlaceOrder", ms: 42 * 60, share: 0.19 },
      { service: "redis", operation: "GET", ms: 42 * 30, share: 0.1 },
    ],
  }),
};

/** Answers at addresses with names in them; undefined for all others. */
export function answer(method, path, url) {
  if (method !== "GET") return undefined;
  if (path === "services") return { services: services() };
  if (path === "services/map") return map(url);
  const part = /^services\/([^/]+)\/(\w+)$/.exec(path);
  if (part) {
    const name = decodeURIComponent(part[1]);
    if (part[2] === "operations")
      return {
        operations: (OPERATIONS[name] ?? []).map((operation, index) => ({
          name: operation,
          kind: "server",
          requestRate: 1.2 - index * 0.3,
          errorRate: index * 0.02,
          p50: 0.03,
          p95: 0.12,
          p99: 0.4,
        })),
      };
    if (part[2] === "dependencies") {
      const edges = map(url).edges;
      const near = (edge, own) => ({
        name: own,
        type: TYPES[own] ?? "service",
        connection: edge.type,
        requestRate: edge.requestRate,
        errorRate: edge.errorRate,
        p95: edge.p95Server,
      });
      return {
        upstream: edges.filter((edge) => edge.server === name).map((edge) => near(edge, edge.client)),
        downstream: edges.filter((edge) => edge.client === name).map((edge) => near(edge, edge.server)),
      };
    }
    return {
      errors: [
        {
          operation: "Charge",
          type: "TimeoutError",
          message: "the bank did not answer within * ms",
          count: 31,
          first: String(BigInt(now - 3_000_000) * 1_000_000n),
          last: String(BigInt(now - 60_000) * 1_000_000n),
          traceId: all[5].id,
        },
        {
          operation: "Charge",
          type: "500",
          message: "card * was refused",
          count: 4,
          first: String(BigInt(now - 2_000_000) * 1_000_000n),
          last: String(BigInt(now - 900_000) * 1_000_000n),
          traceId: all[9].id,
        },
      ],
    };
  }
  if (path === "traces/tags")
    return {
      scopes: ["resource", "span", "intrinsic"].map((scope) => ({
        name: scope,
        tags: FACETS.filter((facet) => facet[1] === scope).map(([name]) => name),
      })),
    };
  const tag = /^traces\/tags\/([^/]+)\/values$/.exec(path);
  if (tag) {
    const field = decodeURIComponent(tag[1]);
    const name = field.replace(/^(span|resource)\./, "");
    const scope = /^span\./.test(field) ? "span" : /^resource\./.test(field) ? "resource" : "intrinsic";
    const spans = matching({ q: url.searchParams.get("q") ?? "" }).flatMap((one) => one.spans);
    return { values: tally(spans, name, scope).map(([value, count]) => ({ value, type: typeOf(name), count })) };
  }
  const one = /^traces\/([0-9a-f]{1,32})(?:\/(.+))?$/.exec(path);
  if (!one) return undefined;
  const trace = one[1] === HUGE ? huge() : byId.get(one[1]);
  if (!trace) return [404, { error: { code: "not_found", message: "there is no trace with this id." } }];
  if (!one[2]) return documentOf(trace);
  if (one[2] === "otlp") return { resourceSpans: [] };
  const index = trace.spans.findIndex((span) => span.id === one[2].slice("spans/".length));
  const span = trace.spans[index];
  if (!span) return [404, { error: { code: "not_found", message: "the trace has no such span." } }];
  const start = trace.start + BigInt(Math.round(span.at));
  return {
    span: {
      traceId: trace.id,
      spanId: span.id,
      parentSpanId: trace.spans[span.parent]?.id ?? "",
      name: span.name,
      kind: span.kind,
      service: span.service,
      start: String(start),
      duration: String(Math.round(span.duration)),
      status: span.error ? 2 : 0,
      statusMessage: span.error ? "the bank did not answer within 3000 ms" : "",
      traceState: "",
      flags: 1,
      weight: 1,
      scope: { name: "shop.instrumentation", version: "1.4.2", attributes: {} },
      resource: {
        "service.name": span.service,
        "service.version": span.version,
        "host.name": "node-3",
        "k8s.pod.name": `${span.service}-7d9f`,
      },
      attributes: {
        ...span.attributes,
        "url.path": "/api/checkout",
        "net.peer.name": "10.0.0.7",
        "db.statement": "SELECT id, name, price FROM products WHERE id = ANY($1)",
        tags: ["a", "b"],
      },
      events: span.error
        ? [
            {
              time: String(start + 1_000_000n),
              name: "exception",
              attributes: { "exception.type": "TimeoutError", "exception.message": "the bank did not answer" },
            },
          ]
        : [],
      links: index === 0 ? [{ traceId: all[7].id, spanId: all[7].spans[0].id, attributes: { reason: "retry" } }] : [],
      dropped: { attributes: 0, events: 0, links: 0 },
    },
  };
}
