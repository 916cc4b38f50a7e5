// Sends records with @fluent-org/logger, each call waiting for its acknowledgement:
// node forward.mjs <port> <mode> <run> [<options as JSON>].
import { readFileSync } from "node:fs";
import { FluentClient } from "@fluent-org/logger";

const [port, eventMode, run, more] = process.argv.slice(2);
const { authority, security } = more ? JSON.parse(more) : {};
const client = new FluentClient("shop", {
  eventMode,
  socket: { host: "localhost", port: Number(port), timeout: 5000, ...(authority ? { tls: { ca: readFileSync(authority) } } : {}) },
  ...(security ? { security } : {}),
  ack: { ackTimeout: 20000 },
  milliseconds: true,
  flushInterval: 10,
});
client.socketOn("error", (error) => console.error("client:", error));
await Promise.all(
  Array.from({ length: 50 }, (_, order) =>
    client.emit("orders", {
      message: `${run} order ${order}`,
      level: order % 10 === 0 ? "error" : "info",
      order: { id: order, express: order % 2 === 0 },
    }),
  ),
);
await client.disconnect();
