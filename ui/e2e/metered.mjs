/** Metrics of the small shop for the browser tests: an hour of counters, gauges, a classic and a native histogram with exemplars, as OTLP. */
import { BASE } from "./browser.mjs";

const SERVICES = ["checkout", "frontend", "payment", "cart", "inventory"];
const STEP = 30_000;
const POINTS = 116;
const BOUNDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
const TRACE = "0af7651916cd43dd8448eb211c80319c";

const texts = (labels) => Object.entries(labels).map(([key, value]) => ({ key, value: { stringValue: value } }));

/** One request's body: all series of the shop, or of one metric name only. */
export function shopMetrics(now = Date.now()) {
  let seed = 11;
  const random = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 2 ** 32;
  };
  const begin = Math.floor((now - 60_000) / STEP) * STEP - (POINTS - 1) * STEP;
  const times = Array.from({ length: POINTS }, (_, index) => begin + index * STEP);
  const nanos = (ms) => `${ms}000000`;
  const start = nanos(begin - STEP);
  const counter = (attributes, perSecond) => {
    let total = 0;
    return times.map((ms) => {
      total += Math.round(perSecond * (STEP / 1000) * (0.7 + random() * 0.6));
      return { attributes: texts(attributes), startTimeUnixNano: start, timeUnixNano: nanos(ms), asInt: String(total) };
    });
  };
  const histogram = (service) => {
    const counts = BOUNDS.map(() => 0).concat(0);
    let sum = 0;
    return times.map((ms, index) => {
      for (let request = 0; request < 40; request += 1) {
        const seconds = 0.02 + random() * random() * (service === "payment" ? 1.4 : 0.5);
        const bucket = BOUNDS.findIndex((bound) => seconds <= bound);
        counts[bucket < 0 ? BOUNDS.length : bucket] += 1;
        sum += seconds;
      }
      return {
        attributes: texts({ method: "GET" }),
        startTimeUnixNano: start,
        timeUnixNano: nanos(ms),
        count: String(counts.reduce((all, one) => all + one, 0)),
        sum,
        bucketCounts: counts.map(String),
        explicitBounds: BOUNDS,
        exemplars:
          index % 12 === 5
            ? [{ timeUnixNano: nanos(ms - 1000), asDouble: 0.42, traceId: TRACE, spanId: "b7ad6b7169203331" }]
            : [],
      };
    });
  };
  // Buckets of 2^(1/4): most calls take 30 to 120 ms, some a second.
  const exponential = (service) => {
    const counts = Array(40).fill(0);
    let sum = 0;
    return times.map((ms, index) => {
      for (let call = 0; call < 30; call += 1) {
        const bucket = random() < 0.9 ? 4 + Math.floor((random() + random()) * 6) : 28 + Math.floor(random() * 4);
        counts[bucket] += 1;
        sum += 2 ** ((bucket - 24) / 4);
      }
      return {
        attributes: texts({ method: "GET" }),
        startTimeUnixNano: start,
        timeUnixNano: nanos(ms),
        count: String(counts.reduce((all, one) => all + one, 0)),
        sum,
        scale: 2,
        zeroCount: "0",
        positive: { offset: -24, bucketCounts: counts.map(String) },
        exemplars:
          service === "checkout" && index % 40 === 20
            ? [{ timeUnixNano: nanos(ms - 1000), asDouble: 0.08, traceId: TRACE, spanId: "b7ad6b7169203331" }]
            : [],
      };
    });
  };
  const sum = (name, description, points, unit = "") => ({
    name,
    description,
    unit,
    sum: { aggregationTemporality: 2, isMonotonic: true, dataPoints: points },
  });
  const resources = SERVICES.flatMap((service, at) =>
    [0, 1].map((instance) => ({
      resource: {
        attributes: texts({ "service.name": service, "service.instance.id": `${service}-${instance}` }),
      },
      scopeMetrics: [
        {
          scope: { name: "shop" },
          metrics: [
            sum(
              "http_requests",
              "Requests served, by method and code.",
              ["GET", "POST"].flatMap((method) =>
                ["200", "404", "500"].flatMap((code) =>
                  counter({ method, code }, ((at + 1) * 8) / (code === "200" ? 1 : 20) / (method === "GET" ? 1 : 3)),
                ),
              ),
            ),
            {
              name: "process_resident_memory",
              description: "Resident memory size.",
              unit: "By",
              gauge: {
                dataPoints: times.map((ms, index) => ({
                  timeUnixNano: nanos(ms),
                  asDouble: (at + 1) * 8e7 * (1 + Math.sin(index / 9 + instance) * 0.1 + random() * 0.03),
                })),
              },
            },
            ...(instance === 0
              ? [
                  {
                    name: "http_request_duration",
                    description: "How long requests took.",
                    unit: "s",
                    histogram: { aggregationTemporality: 2, dataPoints: histogram(service) },
                  },
                  {
                    name: "rpc_client_duration",
                    description: "How long calls of others took.",
                    unit: "s",
                    exponentialHistogram: { aggregationTemporality: 2, dataPoints: exponential(service) },
                  },
                ]
              : []),
          ],
        },
      ],
    })),
  );
  // Many small ones, so that the list of metrics has pages.
  resources[0].scopeMetrics[0].metrics.push(
    ...Array.from({ length: 130 }, (_, index) =>
      sum(`app_stage_${index}_items`, `Items through stage ${index} of the pipeline.`, [
        { timeUnixNano: nanos(times.at(-1)), startTimeUnixNano: start, asInt: String(index) },
      ]),
    ),
  );
  return { resourceMetrics: resources };
}

let written;

async function write({ server, tenant }) {
  const { secret } = await server.call("keys", {
    name: `e2e-metrics-${tenant}`,
    tenant,
    permissions: ["metrics:write"],
  });
  const answer = await fetch(`${BASE}/v1/metrics`, {
    method: "POST",
    headers: { Authorization: `Bearer ${secret}`, "Content-Type": "application/json" },
    body: JSON.stringify(shopMetrics()),
  });
  const said = await answer.text();
  if (!answer.ok || /rejected/.test(said)) throw new Error(`metrics were answered with ${answer.status}: ${said}`);
}

/** Writes the shop's metrics once a run. */
export function metered(world) {
  written ??= write(world);
  return written;
}
