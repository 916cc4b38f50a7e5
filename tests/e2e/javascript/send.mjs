// Sends records with the OpenTelemetry JavaScript SDK: node send.mjs <endpoint> <key> <protobuf|json> <run>.
import { OTLPLogExporter as JsonExporter } from "@opentelemetry/exporter-logs-otlp-http";
import { OTLPLogExporter as ProtobufExporter } from "@opentelemetry/exporter-logs-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchLogRecordProcessor, LoggerProvider } from "@opentelemetry/sdk-logs";

const [endpoint, key, format, run] = process.argv.slice(2);
const Exporter = format === "json" ? JsonExporter : ProtobufExporter;
const exporter = new Exporter({ url: `${endpoint}/v1/logs`, headers: { authorization: `Bearer ${key}` } });
const provider = new LoggerProvider({
  resource: resourceFromAttributes({ "service.name": "js-shop", "host.name": "node-js" }),
  processors: [new BatchLogRecordProcessor(exporter)],
});
const logger = provider.getLogger("checkout", "1.2.3");
for (let order = 0; order < 50; order += 1) {
  logger.emit({
    severityNumber: order % 10 === 0 ? 17 : 9,
    severityText: order % 10 === 0 ? "ERROR" : "INFO",
    body: `order ${order} placed`,
    attributes: { run, order, amount: order + 0.5, express: order % 2 === 0, items: ["cup", "kettle"] },
  });
}
await provider.shutdown();
