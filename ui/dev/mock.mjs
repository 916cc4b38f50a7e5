/**
 * A stand-in server for working on the interface without a backend: `node dev/mock.mjs [port]`, password "nexus".
 * Serves the built files under the real content security policy and answers from records made up in memory.
 * Never shipped. The search it understands is words, field:value and NOT.
 */
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname } from "node:path";

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
  };
}

function ingest(lines, owner) {
  const list = stores.get(owner) ?? [];
  stores.set(owner, list);
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
      trace_id,
      span_id,
      attributes,
      resource: { "service.name": service },
    });
  }
  list.sort((a, b) => (BigInt(a.timestamp) < BigInt(b.timestamp) ? 1 : -1));
  return { accepted: lines.split("\n").length, rejected: 0, errors: [] };
}

createServer((request, response) => {
  const url = new URL(request.url, "http://localhost");
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const prefix = "/api/nexus/v1/";
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
}).listen(port, "127.0.0.1", () => console.log(`http://127.0.0.1:${port}`));
