/** Traces of a small shop for the browser tests, as OTLP: an hour of requests, repeated calls, failures, clocks that disagree, and logs. */
import { randomUUID } from "node:crypto";
import { BASE } from "./browser.mjs";

/** Ids that tests ask for by name. */
export const NAMED = {
  plain: "5b8aa5a2d2c872e8321cf37308d69df1",
  failed: "5b8aa5a2d2c872e8321cf37308d69df2",
  odd: "5b8aa5a2d2c872e8321cf37308d69df3",
  large: "5b8aa5a2d2c872e8321cf37308d69df4",
};

const attribute = (key, value) => ({
  key,
  value: typeof value === "number" ? { intValue: String(value) } : { stringValue: value },
});
const attributes = (of) => Object.entries(of).map(([key, value]) => attribute(key, value));
const hex = (number, length) => number.toString(16).padStart(length, "0");

class Trace {
  constructor(id, start) {
    this.id = id;
    this.start = BigInt(start) * 1_000_000n;
    this.spans = [];
  }

  /** Times in ms from the begin of the trace. */
  add(
    service,
    name,
    parent,
    at,
    duration,
    { kind = 2, error = false, version = "1.0.0", more = {}, orphan = "" } = {},
  ) {
    const span = {
      service,
      version,
      traceId: this.id,
      spanId: `${this.id.slice(-6)}${hex(this.spans.length + 1, 10)}`,
      parentSpanId: orphan || (parent?.spanId ?? ""),
      name,
      kind,
      startTimeUnixNano: String(this.start + BigInt(Math.round(at * 1e6))),
      endTimeUnixNano: String(this.start + BigInt(Math.round((at + duration) * 1e6))),
      attributes: attributes({ "http.method": name.split(" ")[0], "http.status_code": error ? 500 : 200, ...more }),
      status: error ? { code: 2, message: "the bank did not answer" } : {},
      events: error
        ? [
            {
              timeUnixNano: String(this.start + BigInt(Math.round((at + duration) * 1e6))),
              name: "exception",
              attributes: attributes({ "exception.type": "TimeoutError", "exception.message": "no answer in 300 ms" }),
            },
          ]
        : [],
      links: [],
    };
    this.spans.push(span);
    return span;
  }
}

function checkout(id, start, { slow = 1, error = false, calls = 3, tier = "free" } = {}) {
  const trace = new Trace(id, start);
  const version = start > Date.now() - 1_500_000 ? "2.1.0" : "2.0.0";
  const root = trace.add("frontend", "POST /checkout", null, 0, 200 * slow, { error, more: { "user.tier": tier } });
  const order = trace.add("frontend", "POST checkout", root, 5, 190 * slow, { kind: 3, error });
  const placed = trace.add("checkout", "POST /orders", order, 8, 180 * slow, { error, more: { "user.tier": tier } });
  for (let call = 0; call < calls; call += 1)
    trace.add("checkout", "SELECT products", placed, 10 + call * 4, 3, {
      kind: 3,
      more: { "db.system": "postgresql", "db.name": "shop" },
    });
  const charge = trace.add("checkout", "POST payment", placed, 60, 110 * slow, { kind: 3, error });
  trace.add("payment", "POST /charge", charge, 62, 100 * slow, { error, version, more: { "user.tier": tier } });
  return trace;
}

function odd(start) {
  const trace = checkout(NAMED.odd, start);
  const parent = trace.spans[2];
  trace.add("cart", "GET /cart", parent, 400, 20);
  trace.add("mailer", "POST /mail", null, 30, 5, { orphan: "00000000000000ff" });
  return trace;
}

function large(start, count = 20_000) {
  const trace = new Trace(NAMED.large, start);
  const root = trace.add("batch", "RUN nightly", null, 0, 60_000);
  let job = root;
  while (trace.spans.length < count) {
    const at = (trace.spans.length / count) * 55_000;
    if (trace.spans.length % 50 === 1) job = trace.add("batch", `RUN step ${trace.spans.length % 7}`, root, at, 120);
    trace.add("store", "PUT object", job, at + 1, 2, { kind: 3, error: trace.spans.length % 997 === 0 });
  }
  return trace;
}

export function shopTraces(now = Date.now()) {
  const traces = [];
  for (let index = 0; index < 240; index += 1) {
    const slow = index % 20 === 7;
    traces.push(
      checkout(randomUUID().replaceAll("-", ""), now - 90_000 - index * 13_000, {
        slow: slow ? 6 : 1 + (index % 5) / 10,
        error: index % 16 === 3,
        calls: index % 3 === 0 ? 12 : 3,
        tier: slow ? "gold" : index % 3 === 0 ? "gold" : "free",
      }),
    );
  }
  traces.push(checkout(NAMED.plain, now - 120_000, { calls: 14 }));
  traces.push(checkout(NAMED.failed, now - 121_000, { error: true }));
  traces.push(odd(now - 122_000));
  traces.push(large(now - 240_000));
  return traces;
}

/** OTLP of spans, a resource for each service. */
export function otlp(spans) {
  const resources = new Map();
  for (const { service, version, ...span } of spans) {
    const key = `${service} ${version}`;
    if (!resources.has(key)) resources.set(key, { service, version, spans: [] });
    resources.get(key).spans.push(span);
  }
  return {
    resourceSpans: [...resources.values()].map(({ service, version, spans: own }) => ({
      resource: {
        attributes: attributes({ "service.name": service, "service.version": version, "service.namespace": "shop" }),
      },
      scopeSpans: [{ scope: { name: "shop.tracer", version: "1.0" }, spans: own }],
    })),
  };
}

async function send(secret, spans) {
  const answer = await fetch(`${BASE}/v1/traces`, {
    method: "POST",
    headers: { Authorization: `Bearer ${secret}`, "Content-Type": "application/json" },
    body: JSON.stringify(otlp(spans)),
  });
  const said = await answer.text();
  if (!answer.ok || /rejectedSpans/.test(said)) throw new Error(`traces were answered with ${answer.status}: ${said}`);
}

let written;

/** In a tenant of their own: what other tests count stays as it is. */
async function write({ server, tenant: shared }) {
  const tenant = `${shared}-traces`;
  const logs = await server.key(tenant);
  const permissions = ["traces:write"];
  const { secret } = await server.call("keys", { name: `e2e-traces-${tenant}`, tenant, permissions });
  const spans = shopTraces().flatMap((trace) => trace.spans);
  for (let at = 0; at < spans.length; at += 5000) await send(secret, spans.slice(at, at + 5000));
  const failed = spans.filter((span) => span.traceId === NAMED.failed);
  await server.write(
    logs,
    failed.map((span, index) => ({
      timestamp: new Date(Number(BigInt(span.startTimeUnixNano) / 1_000_000n)).toISOString(),
      level: index === failed.length - 1 ? "error" : "info",
      service: span.service,
      message: `${span.name} of trace ${index}`,
      trace_id: span.traceId,
      span_id: span.spanId,
    })),
  );
  return tenant;
}

/** Writes the shop's traces once a run; the tenant that has them. */
export function traced(world) {
  written ??= write(world);
  return written;
}
