/** Copy-paste snippets of the first run, filled with address and key. */

export type SourceId =
  | "remotewrite"
  | "otlpmetrics"
  | "otlptraces"
  | "scrape"
  | "python"
  | "javascript"
  | "curl"
  | "collector"
  | "alloy"
  | "promtail"
  | "vector"
  | "fluentbit"
  | "fluentd"
  | "filebeat"
  | "logstash"
  | "datadog"
  | "file"
  | "journald"
  | "syslog"
  | "docker"
  | "splunk"
  | "firehose"
  | "loki"
  | "elasticsearch";

export type SourceGroup = "apps" | "metrics" | "traces" | "agents" | "system" | "cloud";

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
  /** Written into the configuration of receivers that ask for no key. */
  tenant: string;
}

export interface Step {
  caption: string;
  language: "bash" | "python" | "javascript" | "yaml" | "toml" | "ini" | "json" | "text";
  code: string;
}

export interface Source {
  id: SourceId;
  group: SourceGroup;
  title: string;
  summary: string;
  /** Further words that find it. */
  words?: string;
  /** Sends without a key: the server has to be told whom to trust. */
  keyless?: boolean;
  /** What it sends; logs unless said otherwise. */
  signal?: "metrics" | "traces";
  steps(target: Target): Step[];
}

const otlpTraces = (target: Target): Step[] => [
  {
    caption: "Any OpenTelemetry SDK or agent",
    language: "bash",
    code: `export OTEL_SERVICE_NAME=my-service
export OTEL_RESOURCE_ATTRIBUTES=service.version=1.0.0
export OTEL_EXPORTER_OTLP_ENDPOINT=${target.otlpHttp}
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
export OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer%20${target.key}"
export OTEL_LOGS_EXPORTER=none
export OTEL_METRICS_EXPORTER=none`,
  },
  {
    caption: "Python, without changing the program",
    language: "bash",
    code: `pip install opentelemetry-distro opentelemetry-exporter-otlp-proto-http
opentelemetry-bootstrap --action=install
opentelemetry-instrument python app.py`,
  },
];

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
  {
    caption: "Or, where a sink for Elasticsearch is there already",
    language: "toml",
    code: `[sinks.nexus]
type = "elasticsearch"
inputs = ["my_source"]
endpoints = ["${withPort(target)}/elastic"]
bulk.index = "logs"
compression = "gzip"
auth.strategy = "basic"
auth.user = "nexus"
auth.password = "${target.key}"`,
  },
];

/** The port of the HTTP API, also where the address does not name it. */
function portOf(target: Target): string {
  const url = new URL(target.http);
  return url.port || (url.protocol === "https:" ? "443" : "80");
}

function isTls(target: Target): boolean {
  return target.http.startsWith("https:");
}

/** Address with its port, for clients that assume another one. */
function withPort(target: Target): string {
  const url = new URL(target.http);
  return `${url.protocol}//${url.hostname}:${portOf(target)}`;
}

const fluentbit = (target: Target): Step[] => [
  {
    caption: "Add to fluent-bit.conf",
    language: "ini",
    code: `[OUTPUT]
    Name             http
    Match            *
    Host             ${target.host}
    Port             ${portOf(target)}
    Tls              ${isTls(target) ? "On" : "Off"}
    URI              /api/nexus/v1/ingest/logs
    Format           json_lines
    Json_date_key    timestamp
    Json_date_format iso8601
    Compress         gzip
    Header           Authorization Bearer ${target.key}`,
  },
  {
    caption: "Or, where an output for Elasticsearch is there already",
    language: "ini",
    code: `[OUTPUT]
    Name               es
    Match              *
    Host               ${target.host}
    Port               ${portOf(target)}
    Tls                ${isTls(target) ? "On" : "Off"}
    Path               /elastic
    HTTP_User          nexus
    HTTP_Passwd        ${target.key}
    Suppress_Type_Name On
    Compress           gzip`,
  },
];

const fluentd = (target: Target): Step[] => [
  forwardConfig(target),
  {
    caption: "Add to fluent.conf",
    language: "text",
    code: `<match **>
  @type forward
  require_ack_response true
  <server>
    host ${target.host}
    port 24224
  </server>
</match>`,
  },
];

const loki = (target: Target): Step[] => [
  {
    caption: "Any client of Loki's push API",
    language: "bash",
    code: `curl -sS ${target.http}/loki/api/v1/push \\
  -H 'Authorization: Bearer ${target.key}' -H 'Content-Type: application/json' \\
  -d '{"streams": [{"stream": {"service_name": "my-service"}, "values": [["'$(date +%s%N)'", "hello from Loki push"]]}]}'`,
  },
];

const alloy = (target: Target): Step[] => [
  {
    caption: "Add to config.alloy",
    language: "text",
    code: `loki.write "nexus" {
  endpoint {
    url          = "${target.http}/loki/api/v1/push"
    bearer_token = "${target.key}"
  }
}

local.file_match "logs" {
  path_targets = [{"__path__" = "/var/log/*.log"}]
}

loki.source.file "logs" {
  targets    = local.file_match.logs.targets
  forward_to = [loki.write.nexus.receiver]
}`,
  },
];

const promtail = (target: Target): Step[] => [
  {
    caption: "Add to promtail.yaml",
    language: "yaml",
    code: `clients:
  - url: ${target.http}/loki/api/v1/push
    bearer_token: ${target.key}`,
  },
];

const elasticsearch = (target: Target): Step[] => [
  {
    caption: "Any client of Elasticsearch's bulk API",
    language: "bash",
    code: `printf '{"create":{}}\\n{"message":"hello from bulk"}\\n' | curl -sS ${target.http}/elastic/my-service/_bulk \\
  -H 'Authorization: Bearer ${target.key}' -H 'Content-Type: application/x-ndjson' --data-binary @-`,
  },
];

const filebeat = (target: Target): Step[] => [
  {
    caption: "filebeat.yml",
    language: "yaml",
    code: `output.elasticsearch:
  hosts: ["${withPort(target)}/elastic"]
  username: nexus
  password: "${target.key}"
  allow_older_versions: true

setup.ilm.enabled: false
setup.template.enabled: false`,
  },
];

const logstash = (target: Target): Step[] => [
  {
    caption: "Add to the pipeline",
    language: "text",
    code: `output {
  elasticsearch {
    hosts           => ["${withPort(target)}"]
    path            => "/elastic"
    user            => "nexus"
    password        => "${target.key}"
    index           => "logs"
    manage_template => false
    ilm_enabled     => false
    data_stream     => false
  }
}`,
  },
];

const datadog = (target: Target): Step[] => [
  {
    caption: "datadog.yaml of the agent",
    language: "yaml",
    code: `api_key: ${target.key}
logs_enabled: true
logs_config:
  force_use_http: true
  logs_dd_url: "${target.host}:${portOf(target)}"
  logs_no_ssl: ${isTls(target) ? "false" : "true"}`,
  },
];

const splunk = (target: Target): Step[] => [
  {
    caption: "Any client of the HTTP Event Collector",
    language: "bash",
    code: `curl -sS ${target.http}/services/collector/event \\
  -H 'Authorization: Splunk ${target.key}' \\
  -d '{"event": "hello from HEC", "host": "web-1", "sourcetype": "my-service"}'`,
  },
];

const firehose = (target: Target): Step[] => [
  {
    caption: "HTTP endpoint destination of the stream; Firehose delivers to HTTPS addresses only",
    language: "text",
    code: `HTTP endpoint URL   https://${target.host}/aws/firehose
Access key          ${target.key}
Content encoding    GZIP`,
  },
];

const journald = (target: Target): Step[] => [
  {
    caption: "What the journal holds of the last hour",
    language: "bash",
    code: `journalctl -o export --since -1h | curl -sS ${target.http}/api/nexus/v1/ingest/journald \\
  -H 'Authorization: Bearer ${target.key}' \\
  -H 'Content-Type: application/vnd.fdo.journal' --data-binary @-`,
  },
  {
    caption: "What it gets from now on",
    language: "bash",
    code: `journalctl -o json -f | NEXUS_TOKEN=${target.key} nexus ingest --url ${target.http} -`,
  },
];

function forwardConfig(target: Target): Step {
  return {
    caption: "Let Nexus listen: add to its configuration and restart it",
    language: "yaml",
    code: `receivers:
  forward:
    - tenant: ${target.tenant}
      networks: [10.0.0.0/8]
      port: 24224`,
  };
}

const docker = (target: Target): Step[] => [
  forwardConfig(target),
  {
    caption: "Run a container with the fluentd log driver",
    language: "bash",
    code: `docker run --log-driver fluentd \\
  --log-opt fluentd-address=${target.host}:24224 --log-opt fluentd-async=true --log-opt tag=my-service \\
  hello-world`,
  },
];

const syslog = (target: Target): Step[] => [
  {
    caption: "Let Nexus listen: add to its configuration and restart it",
    language: "yaml",
    code: `receivers:
  syslog:
    - tenant: ${target.tenant}
      networks: [10.0.0.0/8]
      protocol: tcp
      port: 5514`,
  },
  {
    caption: "/etc/rsyslog.d/60-nexus.conf",
    language: "text",
    code: `action(type="omfwd" target="${target.host}" port="5514" protocol="tcp"
       TCP_Framing="octet-counted" template="RSYSLOG_SyslogProtocol23Format"
       queue.type="LinkedList" action.resumeRetryCount="-1")`,
  },
];

const remoteWrite = (target: Target): Step[] => [
  {
    caption: "Add to prometheus.yml and reload Prometheus",
    language: "yaml",
    code: `remote_write:
  - url: ${target.http}/api/v1/write
    authorization:
      credentials: ${target.key}
    # Smaller requests and histograms as they are; Prometheus from 2.54 on.
    protobuf_message: io.prometheus.write.v2.Request
    send_native_histograms: true`,
  },
  {
    caption: "Or with promtool, a few samples by hand",
    language: "bash",
    code: `printf '# TYPE demo_requests_total counter\\ndemo_requests_total{job="demo"} 42\\n' \\
  | promtool push metrics --header='Authorization=Bearer ${target.key}' ${target.http}/api/v1/write`,
  },
];

const otlpMetrics = (target: Target): Step[] => [
  {
    caption: "Every OpenTelemetry SDK reads these variables",
    language: "bash",
    code: `export OTEL_METRICS_EXPORTER=otlp
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
export OTEL_EXPORTER_OTLP_ENDPOINT=${target.otlpHttp}
export OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer%20${target.key}"
export OTEL_SERVICE_NAME=my-service`,
  },
  {
    caption: "Or add to the Collector's configuration",
    language: "yaml",
    code: `exporters:
  otlphttp/nexus:
    endpoint: ${target.otlpHttp}
    headers:
      Authorization: Bearer ${target.key}
service:
  pipelines:
    metrics:
      receivers: [otlp]
      exporters: [otlphttp/nexus]`,
  },
];

/** The part of Nexus' configuration that names the file, and the tenant that the samples are for. */
export function scrapeConfig(tenant: string): string {
  return `scrape:
  file: /etc/prometheus/prometheus.yml
  tenant: ${tenant}`;
}

export const scrapeExample = `global:
  scrape_interval: 15s
scrape_configs:
  - job_name: node
    static_configs:
      - targets: ["127.0.0.1:9100"]`;

const scrape = (target: Target): Step[] => [
  {
    caption: "Name the file in the configuration of Nexus and restart it",
    language: "yaml",
    code: scrapeConfig(target.tenant),
  },
  { caption: "The prometheus.yml that you have, or this one", language: "yaml", code: scrapeExample },
];

export const SOURCES: readonly Source[] = [
  { id: "python", group: "apps", title: "Python", summary: "OpenTelemetry SDK", words: "otlp", steps: python },
  {
    id: "javascript",
    group: "apps",
    title: "JavaScript",
    summary: "OpenTelemetry SDK",
    words: "otlp node typescript",
    steps: javascript,
  },
  { id: "curl", group: "apps", title: "curl", summary: "JSON lines over HTTP", words: "ndjson shell", steps: curl },
  {
    id: "remotewrite",
    group: "metrics",
    title: "Prometheus",
    summary: "Remote write",
    words: "metrics remote_write promtool vmagent alloy mimir",
    signal: "metrics",
    steps: remoteWrite,
  },
  {
    id: "otlpmetrics",
    group: "metrics",
    title: "OpenTelemetry",
    summary: "OTLP metrics",
    words: "metrics otlp otel collector sdk",
    signal: "metrics",
    steps: otlpMetrics,
  },
  {
    id: "otlptraces",
    group: "traces",
    title: "OpenTelemetry",
    summary: "OTLP traces",
    words: "traces spans otlp otel apm instrumentation",
    signal: "traces",
    steps: otlpTraces,
  },
  {
    id: "scrape",
    group: "metrics",
    title: "Scraping",
    summary: "A prometheus.yml as it is",
    words: "metrics scrape exporter node_exporter prometheus.yml targets",
    keyless: true,
    signal: "metrics",
    steps: scrape,
  },
  {
    id: "collector",
    group: "agents",
    title: "Collector",
    summary: "OTLP over gRPC or HTTP",
    words: "opentelemetry otel",
    steps: collector,
  },
  { id: "alloy", group: "agents", title: "Alloy", summary: "Loki push", words: "grafana agent", steps: alloy },
  { id: "promtail", group: "agents", title: "Promtail", summary: "Loki push", words: "grafana", steps: promtail },
  { id: "vector", group: "agents", title: "Vector", summary: "HTTP or Elasticsearch sink", steps: vector },
  {
    id: "fluentbit",
    group: "agents",
    title: "Fluent Bit",
    summary: "HTTP or Elasticsearch output",
    words: "kubernetes",
    steps: fluentbit,
  },
  {
    id: "fluentd",
    group: "agents",
    title: "Fluentd",
    summary: "Forward protocol",
    words: "fluent",
    keyless: true,
    steps: fluentd,
  },
  {
    id: "filebeat",
    group: "agents",
    title: "Filebeat",
    summary: "Elasticsearch output",
    words: "elastic beats",
    steps: filebeat,
  },
  {
    id: "logstash",
    group: "agents",
    title: "Logstash",
    summary: "Elasticsearch output",
    words: "elastic",
    steps: logstash,
  },
  { id: "datadog", group: "agents", title: "Datadog agent", summary: "Logs over HTTP", words: "dd", steps: datadog },
  { id: "file", group: "system", title: "File", summary: "nexus ingest", words: "tail stdin pipe", steps: file },
  {
    id: "journald",
    group: "system",
    title: "journald",
    summary: "Journal export",
    words: "systemd linux",
    steps: journald,
  },
  {
    id: "syslog",
    group: "system",
    title: "syslog",
    summary: "rsyslog, routers, firewalls",
    words: "rfc5424 rfc3164 syslog-ng network",
    keyless: true,
    steps: syslog,
  },
  {
    id: "docker",
    group: "system",
    title: "Docker",
    summary: "fluentd log driver",
    words: "container forward",
    keyless: true,
    steps: docker,
  },
  { id: "loki", group: "cloud", title: "Loki clients", summary: "Push API", words: "grafana", steps: loki },
  {
    id: "elasticsearch",
    group: "cloud",
    title: "Elasticsearch clients",
    summary: "Bulk API",
    words: "opensearch",
    steps: elasticsearch,
  },
  {
    id: "splunk",
    group: "cloud",
    title: "Splunk clients",
    summary: "HTTP Event Collector",
    words: "hec",
    steps: splunk,
  },
  {
    id: "firehose",
    group: "cloud",
    title: "Amazon Data Firehose",
    summary: "HTTP endpoint",
    words: "aws kinesis cloudwatch",
    steps: firehose,
  },
];

/** Sources whose name, summary or further words hold every typed word. */
export function findSources(typed: string): Source[] {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  return SOURCES.filter((source) => {
    const text = `${source.title} ${source.summary} ${source.words ?? ""} ${source.id}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/** Addresses for the snippets: the host the browser used, the ports the server listens on. */
export function targetFrom(
  page: { hostname: string; origin: string },
  info: { otlp_http_port: number; otlp_grpc_port: number } | undefined,
  key: string,
  tenant = "default",
): Target {
  const host = page.hostname;
  return {
    host: host.replace(/^\[|\]$/g, ""),
    http: page.origin,
    otlpHttp: `http://${host}:${info?.otlp_http_port ?? 4318}`,
    otlpGrpc: `${host}:${info?.otlp_grpc_port ?? 4317}`,
    key,
    tenant: tenant || "default",
  };
}
