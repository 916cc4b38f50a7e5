/** From the labels of metrics to the logs of the same thing. */
import { fieldTerm } from "../query/edit.ts";

/** Fields of logs that say what a label says, the likeliest first. */
const COUNTERPARTS: Readonly<Record<string, readonly string[]>> = {
  job: ["service"],
  service: ["service"],
  service_name: ["service"],
  app: ["service", "app"],
  namespace: ["k8s.namespace.name", "namespace"],
  pod: ["k8s.pod.name", "pod"],
  container: ["k8s.container.name", "container.name", "container"],
  node: ["k8s.node.name", "host.name"],
  nodename: ["host.name"],
  host: ["host.name"],
  host_name: ["host.name"],
  hostname: ["host.name"],
  cluster: ["k8s.cluster.name", "cluster"],
  instance: ["service.instance.id", "instance"],
  method: ["http.request.method", "http.method", "method"],
  status: ["http.response.status_code", "http.status_code", "status"],
  status_code: ["http.response.status_code", "http.status_code", "status_code"],
  code: ["http.response.status_code", "http.status_code", "code"],
};

/** Field names that metrics cannot spell: dots and dashes are underscores there. */
function spelled(field: string): string {
  return field.replace(/^resource\./, "").replace(/[^a-zA-Z0-9]/g, "_");
}

export interface Pivot {
  /** A search of the logs; "" when no label has a counterpart. */
  query: string;
  used: { label: string; field: string; value: string }[];
  unused: string[];
}

/** A job in the OpenTelemetry way is "namespace/service". */
function valueIn(label: string, field: string, value: string): string {
  return label === "job" && field === "service" ? value.slice(value.lastIndexOf("/") + 1) : value;
}

/** The search that finds logs of the same labels, among the fields that the logs of this range carry. */
export function logsOf(labels: Readonly<Record<string, string>>, fields: readonly string[]): Pivot {
  const known = new Set(fields);
  known.add("service");
  const bySpelling = new Map(fields.map((field) => [spelled(field), field]));
  const used: Pivot["used"] = [];
  const unused: string[] = [];
  const taken = new Set<string>();
  for (const [label, value] of Object.entries(labels)) {
    if (label === "__name__" || label === "le" || label === "quantile" || value === "") continue;
    const field = COUNTERPARTS[label]?.find((name) => known.has(name)) ?? bySpelling.get(label);
    if (!field || taken.has(field)) {
      unused.push(label);
      continue;
    }
    taken.add(field);
    used.push({ label, field, value: valueIn(label, field, value) });
  }
  return { query: used.map(({ field, value }) => fieldTerm(field, value)).join(" "), used, unused };
}

const TRACE_LABELS = ["trace_id", "traceID", "traceId", "TraceID"];

/** The trace that an exemplar names; "" when it names none. */
export function traceOf(labels: Readonly<Record<string, string>>): string {
  for (const name of TRACE_LABELS) if (labels[name]) return labels[name] ?? "";
  return "";
}

/** Labels that a selector pins to one value. */
export function pinnedLabels(matchers: readonly { name: string; op: string; value: string }[]): Record<string, string> {
  return Object.fromEntries(
    matchers.filter(({ name, op }) => op === "=" && name !== "__name__").map(({ name, value }) => [name, value]),
  );
}
