/** Copy-paste snippets of the first run, filled with address and key. */

export type SourceId = "python" | "javascript" | "collector" | "curl" | "file" | "vector" | "fluentbit";

export interface Target {
  /** Host as the browser sees it. */
  host: string;
  /** "http://host:8080" */
  http: string;
  /** "http://host:4318" */
  otlpHttp: string;
  /** "host:4317" */
  otlpGrpc: string;
  key: string;
}

export interface Step {
  caption: string;
  language: "bash" | "python" | "javascript" | "yaml" | "toml" | "ini";
  code: string;
}

export interface Source {
  id: SourceId;
  title: string;
  summary: string;
  steps(target: Target): Step[];
}

const python = (target: Target): Step[] => [
  {
    caption: "Install",
    language: "bash",
    code: "pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http",
  },
  {
    caption: "demo.py",
    language: "python",
    code: `import logging

from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource

provider = LoggerProvider(resource=Resource.create({"service.name": "my-service"}))
provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(
    endpoint="${target.otlpHttp}/v1/logs",
    headers={"Authorization": "Bearer ${target.key}"},
)))
logging.getLogger().setLevel(logging.INFO)
logging.getLogger().addHandler(LoggingHandler(logger_provider=provider))

logging.getLogger("shop").warning("hello from Python", extra={"user.id": 42})
provider.shutdown()`,
  },
  { caption: "Run", language: "bash", code: "python demo.py" },
];

const javascript = (target: Target): Step[] => [
  {
    caption: "Install",
    language: "bash",
    code: "npm install @opentelemetry/sdk-logs @opentelemetry/exporter-logs-otlp-http @opentelemetry/resources",
  },
  {
    caption: "demo.mjs",
    language: "javascript",
    code: `import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchLogRecordProcessor, LoggerProvider } from "@opentelemetry/sdk-logs";

const exporter = new OTLPLogExporter({
  url: "${target.otlpHttp}/v1/logs",
  headers: { Authorization: "Bearer ${target.key}" },
});
const provider = new LoggerProvider({
  resource: resourceFromAttributes({ "service.name": "my-service" }),
  processors: [new BatchLogRecordProcessor({ exporter })],
});

provider.getLogger("shop").emit({ severityNumber: 9, body: "hello from JavaScript", attributes: { "user.id": 42 } });
await provider.shutdown();`,
  },
  { caption: "Run", language: "bash", code: "node demo.mjs" },
];

const collector = (target: Target): Step[] => [
  {
    caption: "Add to the Collector's configuration (gRPC)",
    language: "yaml",
    code: `exporters:
  otlp/nexus:
    endpoint: ${target.otlpGrpc}
    headers:
      authorization: "Bearer ${target.key}"
    tls:
      insecure: true

service:
  pipelines:
    logs:
      receivers: [otlp]
      exporters: [otlp/nexus]`,
  },
  {
    caption: "Or over HTTP",
    language: "yaml",
    code: `exporters:
  otlphttp/nexus:
    endpoint: ${target.otlpHttp}
    headers:
      authorization: "Bearer ${target.key}"`,
  },
];

const curl = (target: Target): Step[] => [
  {
    caption: "One record",
    language: "bash",
    code: `curl -sS ${target.http}/api/nexus/v1/ingest/logs \\
  -H 'Authorization: Bearer ${target.key}' \\
  -d '{"message": "hello from curl", "level": "info", "service": "my-service", "user.id": 42}'`,
  },
  {
    caption: "A file of JSON lines, compressed",
    language: "bash",
    code: `gzip -c app.jsonl | curl -sS ${target.http}/api/nexus/v1/ingest/logs \\
  -H 'Authorization: Bearer ${target.key}' \\
  -H 'Content-Encoding: gzip' --data-binary @-`,
  },
];

const file = (target: Target): Step[] => [
  {
    caption: "A log file, plain text or JSON lines",
    language: "bash",
    code: `NEXUS_TOKEN=${target.key} nexus ingest --url ${target.http} --service my-service app.log`,
  },
  {
    caption: "Whatever another program prints",
    language: "bash",
    code: `journalctl -o json -f | NEXUS_TOKEN=${target.key} nexus ingest --url ${target.http} -`,
  },
];

const vector = (target: Target): Step[] => [
  {
    caption: "Add to vector.toml",
    language: "toml",
    code: `[sinks.nexus]
type = "http"
inputs = ["my_source"]
uri = "${target.http}/api/nexus/v1/ingest/logs"
method = "post"
compression = "gzip"
framing.method = "newline_delimited"
encoding.codec = "json"
request.headers.Authorization = "Bearer ${target.key}"`,
  },
];

const fluentbit = (target: Target): Step[] => [
  {
    caption: "Add to fluent-bit.conf",
    language: "ini",
    code: `[OUTPUT]
    Name             http
    Match            *
    Host             ${target.host}
    Port             ${new URL(target.http).port || "80"}
    URI              /api/nexus/v1/ingest/logs
    Format           json_lines
    Json_date_key    timestamp
    Json_date_format iso8601
    Compress         gzip
    Header           Authorization Bearer ${target.key}`,
  },
];

export const SOURCES: readonly Source[] = [
  { id: "python", title: "Python", summary: "OpenTelemetry SDK", steps: python },
  { id: "javascript", title: "JavaScript", summary: "OpenTelemetry SDK", steps: javascript },
  { id: "collector", title: "Collector", summary: "OTLP over gRPC or HTTP", steps: collector },
  { id: "curl", title: "curl", summary: "JSON lines over HTTP", steps: curl },
  { id: "file", title: "File", summary: "nexus ingest", steps: file },
  { id: "vector", title: "Vector", summary: "HTTP sink", steps: vector },
  { id: "fluentbit", title: "Fluent Bit", summary: "HTTP output", steps: fluentbit },
];

/** Addresses for the snippets: the host the browser used, the ports the server listens on. */
export function targetFrom(
  page: { hostname: string; origin: string },
  info: { otlp_http_port: number; otlp_grpc_port: number } | undefined,
  key: string,
): Target {
  const host = page.hostname;
  return {
    host: host.replace(/^\[|\]$/g, ""),
    http: page.origin,
    otlpHttp: `http://${host}:${info?.otlp_http_port ?? 4318}`,
    otlpGrpc: `${host}:${info?.otlp_grpc_port ?? 4317}`,
    key,
  };
}
