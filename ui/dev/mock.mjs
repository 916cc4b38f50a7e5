/**
 * A stand-in server for working on the interface without a backend: `node dev/mock.mjs [port]`, password "nexus".
 * Serves the built files under the real content security policy and answers from records made up in memory.
 * Never shipped. The search it understands is words, field:value and NOT.
 */
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname } from "node:path";
import * as metrics from "./metrics.mjs";
import * as traces from "./traces.mjs";

const root = new URL("../../src/nexus/server/static", import.meta.url).pathname;
const port = Number(process.argv[2] ?? 8099);
const TYPES = {
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
  ".html": "text/html",
};
const SERVICES = ["checkout", "frontend", "payment", "cart", "inventory", "mailer"];
const LINES = [
  ["info", "GET /api/products/{n} 200 in {n} ms"],
  ["info", "user {n} added item {n} to the cart"],
  ["debug", "cache hit for key product:{n} ttl={n}"],
  ["info", '{"event":"order","id":{n},"lines":[{"sku":"A-{n}","count":2}],"total":{"amount":{n},"currency":"EUR"}}'],
  ["warn", "slow query: SELECT * FROM orders WHERE id = {n} took {n} ms"],
  ["error", "payment gateway timeout after {n} ms, order {n}"],
  ["fatal", "out of memory: killed worker {n}"],
];
let seed = 42;
const random = () => {
  seed = (seed * 1103515245 + 12345) % 2147483648;
  return seed / 2147483648;
};
const hex = (bytes) =>
  Array.from({ length: bytes }, () =>
    Math.floor(random() * 256)
      .toString(16)
      .padStart(2, "0"),
  ).join("");
const now = Date.now();
const records = Array.from({ length: 30_000 }, (_, index) => {
  const burst = index % 50 === 0;
  const ms = now - Math.floor(random() * (burst ? 600_000 : 7_000_000));
  const kind = random();
  const line =
    LINES[kind < 0.35 ? 0 : kind < 0.6 ? 1 : kind < 0.8 ? 2 : kind < 0.87 ? 3 : kind < 0.95 ? 4 : kind < 0.995 ? 5 : 6];
  const service = SERVICES[Math.floor(random() * random() * SERVICES.length)];
  return {
    id: `r${index}`,
    timestamp: `${ms}${String(index % 1_000_000).padStart(6, "0")}`,
    observed_timestamp: `${ms + 3}000000`,
    service,
    severity: line[0],
    severity_number: 9,
    body: index === 5 ? "x".repeat(1_000_000) : line[1].replace(/\{n\}/g, () => Math.floor(random() * 9000)),
    trace_id: random() < 0.5 ? hex(16) : "",
    span_id: "",
    event_name: "",
    template_id: String(LINES.indexOf(line) + 100),
    attributes: {
      "http.method": random() < 0.7 ? "GET" : "POST",
      "http.status_code": [200, 200, 200, 404, 500][Math.floor(random() * 5)],
      "user.id": Math.floor(random() * 500),
    },
    resource: {
      "service.name": service,
      "k8s.namespace.name": "shop",
      "host.name": `node-${Math.floor(random() * 4)}`,
    },
    scope_name: "shop.logger",
    scope_version: "1.2.0",
  };
}).sort((a, b) => (BigInt(a.timestamp) < BigInt(b.timestamp) ? 1 : -1));

/** Saved views and short links by id. */
const views = new Map();
const links = new Map();
function saveView(id, body) {
  const time = new Date().toISOString();
  const view = {
    description: "",
    page: "logs",
    shared: true,
    ...body,
    id,
    tenant,
    owner: "admin",
    own: true,
    created_at: views.get(id)?.created_at ?? time,
    updated_at: time,
  };
  views.set(id, view);
  return view;
}
const firsts = new Map();
function firstSeen(template) {
  if (!firsts.has(template)) {
    let first = current().findLast((record) => record.template_id === template).timestamp;
    if (Number(template) % 2 === 0) first = String(BigInt(first) - 3n * 86_400_000_000_000n);
    firsts.set(template, first);
  }
  return firsts.get(template);
}
function maskedId(text) {
  let found = 0;
  for (const char of text.replace(/\d+/g, "*").slice(0, 200)) found = (Math.imul(found, 31) + char.charCodeAt(0)) >>> 0;
  return String(found);
}
const keys = [];
const sessions = new Set();
/** Records by tenant, newest first. */
const stores = new Map([["default", records]]);
let tenant = "default";
const current = () => stores.get(tenant) ?? [];
const value = (record, field) =>
  record[field] ?? record.attributes[field] ?? record.resource[field.replace(/^resource\./, "")] ?? "";

function terms(query) {
  const found = [];
  for (const match of query.matchAll(/(NOT\s+|-)?(?:([\w.]+):)?("[^"]*"|[^\s"]+)/g)) {
    if (match[0] === "AND") continue;
    found.push({
      text: match[0],
      offset: match.index,
      length: match[0].length,
      field: match[2] ?? "",
      negated: Boolean(match[1]),
      raw: match[3].replaceAll('"', ""),
    });
  }
  return found;
}
function matches(record, list) {
  return list.every((term) => {
    const hit = !term.field
      ? record.body.toLowerCase().includes(term.raw.toLowerCase())
      : term.raw.includes("*")
        ? new RegExp(`^${term.raw.replaceAll("*", ".*")}$`).test(String(value(record, term.field)))
        : String(value(record, term.field === "level" ? "severity" : term.field)) === term.raw;
    return hit !== term.negated;
  });
}
const ns = (text, fallback) => (text ? BigInt(Date.parse(text)) * 1_000_000n : fallback);
function select(body) {
  const list = terms(body.query ?? "");
  const [from, to] = [ns(body.from, 0n), ns(body.to, 1n << 62n)];
  return current().filter(
    (record) => BigInt(record.timestamp) >= from && BigInt(record.timestamp) < to && matches(record, list),
  );
}
const statistics = (rows) => ({ query_id: "q-mock", elapsed_ms: 12.4, rows_read: rows, bytes_read: rows * 120 });
function facet(list, name, limit) {
  const counts = new Map();
  for (const record of list)
    counts.set(String(value(record, name)), (counts.get(String(value(record, name))) ?? 0) + 1);
  const values = [...counts].sort((a, b) => b[1] - a[1]).map(([text, count]) => ({ value: text, count }));
  return {
    name,
    kind: "attribute",
    type: name.includes("code") ? "int" : "string",
    records: list.length,
    more: values.length > limit,
    values: values.slice(0, limit),
  };
}
const HOT = [
  "severity",
  "service",
  "http.method",
  "http.status_code",
  "resource.host.name",
  "resource.k8s.namespace.name",
];

const handlers = {
  ...metrics.handlers,
  ...traces.handlers,
  "GET auth/session": (_body, signedIn) => session(signedIn),
  "POST auth/login": (body) => {
    if (body.password !== "nexus")
      return [
        401,
        { error: { code: "unauthenticated", message: "The user name or password is wrong.", hint: "Try again." } },
      ];
    const id = hex(16);
    sessions.add(id);
    return [200, session(true), { "Set-Cookie": `nexus_session=${id}; HttpOnly; Path=/` }];
  },
  "GET auth/options": () => ({ password: true, passkeys: false, mail: false, providers: [], passkeys_reason: "" }),
  "GET tenants": () => ({
    tenants: [...stores.keys()].map((name) => ({
      name,
      description: "",
      created_at: "",
      state: "active",
      retention_days: null,
      keys: 0,
      records: stores.get(name).length,
      bytes: 0,
    })),
  }),
  "POST auth/logout": () => [200, {}, { "Set-Cookie": "nexus_session=; Max-Age=0; Path=/" }],
  "GET info": () => ({
    version: "0.1.0",
    http_port: port,
    otlp_http_port: 4318,
    otlp_grpc_port: 4317,
    started_at: new Date(now).toISOString(),
    retention_days: { logs: 30 },
  }),
  "GET ingest/status": () => ({
    records_total: current().length,
    samples_total: Math.floor(Date.now() / 1000) % 100_000,
    samples_refused_total: 0,
    samples_per_second: 1,
    rejected_total: 0,
    records_per_second: current().length ? 120.4 : 0,
    last_received_at: "",
  }),
  "POST logs/search": (body) => {
    const list = select(body);
    if (body.order === "asc") list.reverse();
    const at = Number(body.cursor || 0);
    const page = list.slice(at, at + body.limit);
    return {
      records: page,
      next_cursor: at + body.limit < list.length ? String(at + body.limit) : "",
      statistics: statistics(list.length),
    };
  },
  "POST logs/histogram": (body) => {
    const list = select(body);
    const [from, to] = [ns(body.from, 0n), ns(body.to, 0n)];
    const step = (to - from) / BigInt(body.buckets) || 1n;
    const series = new Map();
    for (const record of list) {
      const key = body.by ? String(value(record, body.by)) : "";
      if (!series.has(key)) series.set(key, new Array(body.buckets + 1).fill(0));
      series.get(key)[Number((BigInt(record.timestamp) - from) / step)] += 1;
    }
    return {
      start: String(from),
      step: String(step),
      buckets: body.buckets + 1,
      total: list.length,
      series: [...series].map(([key, counts]) => ({ key, counts })),
      statistics: statistics(list.length),
    };
  },
  "POST logs/facets": (body) => {
    const list = select(body);
    return {
      facets: (body.fields?.length ? body.fields : HOT).map((name) => facet(list, name, body.limit ?? 10)),
      statistics: statistics(list.length),
    };
  },
  "POST logs/count": (body) => ({ count: select(body).length, statistics: statistics(1) }),
  "POST logs/fields": () => ({
    fields: [...HOT, "user.id", "body", "trace_id"].map((name) => ({
      name,
      kind: "attribute",
      type: "string",
      records: 100,
    })),
    statistics: statistics(1),
  }),
  "POST logs/bounds": (body) => {
    const list = select({ query: body.query });
    return {
      first: list.at(-1)?.timestamp ?? "",
      last: list[0]?.timestamp ?? "",
      count: list.length,
      statistics: statistics(1),
    };
  },
  "POST logs/explain": (body) => {
    const open = (body.query.match(/"/g) ?? []).length % 2;
    if (open)
      return [
        400,
        {
          error: {
            code: "query_syntax",
            message: "the quote is not closed.",
            hint: 'Add a closing ".',
            position: { offset: body.query.lastIndexOf('"'), length: 1 },
          },
        },
      ];
    return {
      canonical: body.query,
      sql: ["SELECT * FROM logs WHERE …\nORDER BY timestamp DESC\nLIMIT 250"],
      terms: terms(body.query),
    };
  },
  "POST sql": (body) => {
    if (body.query.includes("system."))
      return [403, { error: { code: "permission_denied", message: "only the view logs may be read." } }];
    if (body.query.includes("FORM"))
      return [
        400,
        {
          error: {
            code: "query_syntax",
            message: "FROM was expected.",
            position: { offset: body.query.indexOf("FORM"), length: 4 },
            hint: "",
          },
        },
      ];
    const rows = Array.from({ length: 500 }, (_, index) => [
      SERVICES[index % 6],
      "info",
      index * 7,
      index % 9 ? "text" : null,
    ]);
    return {
      columns: [
        ["service", "String"],
        ["severity", "String"],
        ["records", "UInt64"],
        ["note", "Nullable(String)"],
      ].map(([name, type]) => ({ name, type })),
      rows,
      statistics: statistics(30000),
    };
  },
  "POST logs/patterns": (body) => {
    const list = select(body);
    const [from, to] = [ns(body.from, 0n), ns(body.to, 0n)];
    const buckets = body.buckets ?? 30;
    const step = (to - from) / BigInt(buckets) || 1n;
    const since = body.new_since?.startsWith("now-") ? BigInt(Date.now() - 86_400_000) * 1_000_000n : from;
    const found = new Map();
    for (const record of list) {
      const entry = found.get(record.template_id) ?? {
        template_id: record.template_id,
        template: record.body.slice(0, 300).replace(/\d+/g, "<*>"),
        count: 0,
        counts: new Array(buckets).fill(0),
        severities: {},
        services: new Set(),
        sample_id: record.id,
        sample: record.body.slice(0, 1000),
        first: record.timestamp,
        last: record.timestamp,
        first_seen: firstSeen(record.template_id),
      };
      found.set(record.template_id, entry);
      entry.count += 1;
      entry.first = record.timestamp;
      entry.counts[Math.min(buckets - 1, Number((BigInt(record.timestamp) - from) / step))] += 1;
      entry.severities[record.severity] = (entry.severities[record.severity] ?? 0) + 1;
      entry.services.add(record.service);
    }
    const all = [...found.values()].map((entry) => ({
      ...entry,
      services: [...entry.services],
      new: BigInt(entry.first_seen) >= since,
    }));
    const age = (entry) => Number(BigInt(entry.first_seen) / 1_000_000n);
    all.sort((a, b) =>
      body.order === "fewest" ? a.count - b.count : body.order === "newest" ? age(b) - age(a) : b.count - a.count,
    );
    const patterns = all.slice(0, body.limit ?? 100);
    return {
      total: list.length,
      distinct: all.length,
      other: list.length - patterns.reduce((sum, entry) => sum + entry.count, 0),
      start: String(from),
      step: String(step),
      buckets,
      patterns,
      statistics: statistics(list.length),
    };
  },
  "POST logs/context": (body) => {
    const record = current().find((entry) => entry.id === body.id);
    if (!record) return [404, { error: { code: "not_found", message: "There is no such record." } }];
    const same = current()
      .filter((entry) => entry.service === record.service)
      .reverse();
    const at = same.indexOf(record);
    const { before = 50, after = 50 } = body;
    return {
      record,
      before: same.slice(Math.max(0, at - before), at),
      after: same.slice(at + 1, at + 1 + after),
      more_before: at > before,
      more_after: at + 1 + after < same.length,
      service: record.service,
      resource: record.resource,
      same: body.same ?? "stream",
      statistics: statistics(same.length),
    };
  },
  "POST logs/compare": (body) => {
    const [left, right] = [select(body.selection), select(body.baseline)];
    const fields = HOT.map((name) => {
      const [a, b] = [facet(left, name, 1000), facet(right, name, 1000)];
      const names = new Set([...a.values, ...b.values].map((entry) => entry.value));
      const count = (side, text) => side.values.find((entry) => entry.value === text)?.count ?? 0;
      const values = [...names].map((text) => {
        const [one, two] = [count(a, text), count(b, text)];
        const [p, q] = [one / Math.max(1, left.length), two / Math.max(1, right.length)];
        return {
          value: text,
          selection: one,
          baseline: two,
          selection_share: p,
          baseline_share: q,
          difference: p - q,
        };
      });
      values.sort((x, y) => Math.abs(y.difference) - Math.abs(x.difference));
      const score = Math.min(1, values.reduce((sum, entry) => sum + Math.abs(entry.difference), 0) / 2);
      return { name, kind: "attribute", score, values: values.slice(0, body.limit ?? 10) };
    });
    fields.sort((a, b) => b.score - a.score);
    return { selection: left.length, baseline: right.length, fields, statistics: statistics(left.length) };
  },
  "POST logs/field": (body) => {
    const list = select(body);
    const found = facet(list, body.field, 100_000);
    const with_ = found.values.filter((entry) => entry.value !== "");
    const numbers = list
      .map((record) => value(record, body.field))
      .filter((entry) => typeof entry === "number")
      .sort((a, b) => a - b);
    const at = (share) => numbers[Math.min(numbers.length - 1, Math.floor(share * numbers.length))];
    const sum = numbers.reduce((total, entry) => total + entry, 0);
    return {
      ...found,
      total: list.length,
      records: with_.reduce((total, entry) => total + entry.count, 0),
      distinct: with_.length,
      values: with_.slice(0, body.limit ?? 20),
      numbers: numbers.length
        ? {
            count: numbers.length,
            min: numbers[0],
            max: numbers.at(-1),
            mean: sum / numbers.length,
            sum,
            p50: at(0.5),
            p90: at(0.9),
            p95: at(0.95),
            p99: at(0.99),
          }
        : null,
      statistics: statistics(list.length),
    };
  },
  "GET views": () => ({ views: [...views.values()].filter((view) => view.tenant === tenant) }),
  "POST views": (body) => saveView(hex(6), body),
  "POST links": (body) => {
    const known = [...links.values()].find((link) => link.path === body.path && link.tenant === tenant);
    const id = known?.id ?? hex(6);
    links.set(id, { id, url: `/v/${id}`, path: body.path, tenant });
    return links.get(id);
  },
  "GET keys": () => ({ keys: keys.map((entry) => entry.key) }),
  "POST keys": (body) => {
    const secret = `nx_${hex(20)}`;
    const key = {
      id: hex(4),
      prefix: secret.slice(0, 8),
      created_at: new Date().toISOString(),
      last_used_at: "",
      ...body,
      tenant: body.tenant || "default",
    };
    keys.push({ key, secret });
    return { key, secret };
  },
};
function session(signedIn) {
  return {
    authenticated: signedIn,
    username: signedIn ? "admin" : "",
    role: "admin",
    permissions: signedIn ? ["admin"] : [],
    tenant: "default",
    tenants: ["default", "_nexus"],
    display_name: "",
    roles: signedIn ? [{ role: "admin", tenant: "*" }] : [],
    must: "",
    masked: [],
    filtered: false,
    challenge: null,
  };
}

function ingest(lines, owner) {
  const list = stores.get(owner) ?? [];
  stores.set(owner, list);
  const before = list.length;
  for (const line of lines.split("\n")) {
    const { timestamp, level, message, service, trace_id = "", span_id = "", ...attributes } = JSON.parse(line);
    const ms = timestamp ? Date.parse(timestamp) : Date.now();
    list.push({
      ...records[0],
      id: `i${list.length}-${owner}`,
      timestamp: `${ms}${String(list.length % 1_000_000).padStart(6, "0")}`,
      service,
      severity: level,
      body: message,
      template_id: maskedId(message),
      trace_id,
      span_id,
      attributes,
      resource: { "service.name": service },
    });
  }
  publish(list.slice(before), owner);
  list.sort((a, b) => (BigInt(a.timestamp) < BigInt(b.timestamp) ? 1 : -1));
  return { accepted: lines.split("\n").length, rejected: 0, errors: [] };
}

/** Live subscriptions: sockets with their query and tenant. */
const tails = new Set();
function publish(fresh, owner) {
  for (const tail of tails) {
    if (tail.tenant !== owner) continue;
    const list = terms(tail.query);
    const taken = fresh.filter((record) => matches(record, list));
    const now = Math.floor(Date.now() / 1000);
    if (tail.second !== now) Object.assign(tail, { second: now, sent: 0 });
    const room = Math.max(0, tail.rate - tail.sent);
    tail.sent += Math.min(room, taken.length);
    const dropped = Math.max(0, taken.length - room);
    if (taken.length > 0)
      tail.socket.send(
        JSON.stringify({
          type: "records",
          id: tail.id,
          ...(room > 0 && { records: taken.slice(0, room) }),
          ...(dropped > 0 && { dropped }),
        }),
      );
  }
}

const server = createServer((request, response) => {
  const url = new URL(request.url, "http://localhost");
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const prefix = "/api/nexus/v1/";
    const found = metrics.answer(url.pathname, url.searchParams);
    if (found) {
      response.writeHead(200, { "Content-Type": "application/json" });
      return response.end(JSON.stringify({ status: "success", data: found }));
    }
    if (url.pathname.startsWith(prefix)) {
      const name = `${request.method} ${url.pathname.slice(prefix.length)}`;
      const send = (status, body, headers = {}) => {
        response.writeHead(status, { "Content-Type": "application/json", ...headers });
        response.end(JSON.stringify(body));
      };
      const bearer = (request.headers.authorization ?? "").replace("Bearer ", "");
      const key = keys.find((entry) => entry.secret === bearer);
      const signedIn = sessions.has(/nexus_session=(\w+)/.exec(request.headers.cookie ?? "")?.[1]);
      tenant = request.headers["x-scope-orgid"] ?? key?.key.tenant ?? "default";
      const text = Buffer.concat(chunks).toString();
      if (!signedIn && !key && !name.includes("auth/"))
        return send(401, { error: { code: "unauthenticated", message: "Sign in first." } });
      if (name === "POST ingest/logs") return send(200, ingest(text, tenant));
      if (name.startsWith("DELETE keys/")) {
        keys.splice(
          keys.findIndex((entry) => name.endsWith(entry.key.id)),
          1,
        );
        return send(200, {});
      }
      if (name.startsWith("GET logs/record")) {
        const record = current().find((entry) => entry.id === url.searchParams.get("id"));
        return record
          ? send(200, record)
          : send(404, { error: { code: "not_found", message: "There is no such record." } });
      }
      const item = /^(PUT|DELETE|GET) (views|links)\/(\w+)$/.exec(name);
      if (item) {
        const [, method, kind, id] = item;
        const store = kind === "views" ? views : links;
        if (!store.has(id)) return send(404, { error: { code: "not_found", message: "There is no such thing." } });
        if (method === "PUT") return send(200, saveView(id, JSON.parse(text)));
        if (method === "GET") return send(200, store.get(id));
        store.delete(id);
        return send(200, { id });
      }
      if (name === "GET logs/export") {
        tenant = url.searchParams.get("tenant") ?? tenant;
        const wanted = Object.fromEntries(url.searchParams);
        const lines = select(wanted).slice(0, Number(wanted.limit));
        response.writeHead(200, {
          "Content-Type": "application/x-ndjson",
          "Content-Disposition": `attachment; filename="logs.${wanted.format}"`,
        });
        return response.end(lines.map((record) => `${JSON.stringify(record)}\n`).join(""));
      }
      const relabelled = metrics.relabel(name);
      if (relabelled) return send(200, relabelled);
      const traced = traces.answer(request.method, url.pathname.replace("/api/nexus/v1/", ""), url);
      if (traced) return Array.isArray(traced) ? send(...traced) : send(200, traced);
      const handler = handlers[name];
      if (!handler) return send(404, { error: { code: "not_found", message: name } });
      const answer = handler(text ? JSON.parse(text) : {}, signedIn);
      return Array.isArray(answer) ? send(...answer) : send(200, answer);
    }
    const file = root + url.pathname;
    if (url.pathname !== "/" && existsSync(file)) {
      response.writeHead(200, { "Content-Type": TYPES[extname(file)] ?? "application/octet-stream" });
      return response.end(readFileSync(file));
    }
    const nonce = randomBytes(16).toString("base64");
    response.writeHead(200, {
      "Content-Type": "text/html",
      "Content-Security-Policy": `default-src 'none'; script-src 'self'; style-src 'self' 'nonce-${nonce}'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'`,
    });
    response.end(readFileSync(`${root}/index.html`, "utf8").replace("__CSP_NONCE__", nonce));
  });
});
// A WebSocket library comes along with happy-dom.
const { WebSocketServer } = await import("ws");
new WebSocketServer({ server, path: "/api/nexus/v1/live" }).on("connection", (socket, request) => {
  const owner = new URL(request.url, "http://localhost").searchParams.get("tenant") ?? "default";
  socket.on("message", (data) => {
    const { type, id, query = "", rate = 2000, backlog = 0 } = JSON.parse(String(data));
    if (type !== "subscribe") return;
    if ((query.match(/"/g) ?? []).length % 2) {
      const error = { code: "query_syntax", message: "the quote is not closed.", hint: 'Add a closing ".' };
      socket.send(JSON.stringify({ type: "error", id, error }));
      return;
    }
    const tail = { socket, id, query, rate, tenant: owner, second: 0, sent: 0 };
    tails.add(tail);
    socket.on("close", () => tails.delete(tail));
    socket.send(JSON.stringify({ type: "subscribed", id }));
    tenant = owner;
    const stored = select({ query }).slice(0, backlog).reverse();
    if (stored.length > 0) socket.send(JSON.stringify({ type: "records", id, records: stored }));
  });
});
server.listen(port, "127.0.0.1", () => console.log(`http://127.0.0.1:${port}`));
