// Sends spans with the OpenTelemetry JavaScript SDK: node send_spans.mjs <endpoint> <key> <protobuf|json> <run>. Prints the trace id.
import { OTLPTraceExporter as JsonExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtobufExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";

const [endpoint, key, format, run] = process.argv.slice(2);
const Exporter = format === "json" ? JsonExporter : ProtobufExporter;
const exporter = new Exporter({ url: `${endpoint}/v1/traces`, headers: { authorization: `Bearer ${key}` } });
const provider = new BasicTracerProvider({
  resource: resourceFromAttributes({ "service.name": "js-shop", "host.name": "node-js" }),
  spanProcessors: [new BatchSpanProcessor(exporter)],
});
const tracer = provider.getTracer("checkout", "1.2.3");
const root = tracer.startSpan("POST /order", { kind: SpanKind.SERVER, attributes: { run, items: ["cup", "kettle"] } });
const context = trace.setSpan(ROOT_CONTEXT, root);
for (let item = 0; item < 20; item += 1) {
  const child = tracer.startSpan(`item ${item}`, { kind: SpanKind.CLIENT, attributes: { item, price: item + 0.5 } }, context);
  if (item === 7) {
    child.recordException(new RangeError("sold out"));
    child.setStatus({ code: SpanStatusCode.ERROR, message: "sold out" });
  }
  child.end();
}
root.end();
await provider.shutdown();
process.stdout.write(root.spanContext().traceId);
