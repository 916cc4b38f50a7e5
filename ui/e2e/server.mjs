/** Talks to the server under test as a program would: makes keys and writes records. */
import { BASE, PASSWORD } from "./browser.mjs";

const API = `${BASE}/api/nexus/v1`;

export const USER_PASSWORD = "plenty of unrelated words";

export class Server {
  async signIn() {
    const answer = await fetch(`${API}/auth/login`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Nexus-Request": "1" },
      body: JSON.stringify({ username: "admin", password: PASSWORD }),
    });
    if (!answer.ok) throw new Error(`signing in at ${BASE} answered ${answer.status}: check NEXUS_PASSWORD`);
    this.cookie = answer.headers
      .getSetCookie()
      .map((cookie) => cookie.split(";")[0])
      .join("; ");
  }

  async call(path, body, tenant = "", method = "POST") {
    const answer = await fetch(`${API}/${path}`, {
      method,
      headers: {
        "Content-Type": "application/json",
        "X-Nexus-Request": "1",
        Cookie: this.cookie,
        ...(tenant && { "X-Scope-OrgID": tenant }),
      },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
    return answer.json();
  }

  get(path, tenant) {
    return this.call(path, undefined, tenant, "GET");
  }

  put(path, body, tenant) {
    return this.call(path, body, tenant, "PUT");
  }

  /** A user with a password of his own, and these roles: [role, tenant] each. */
  async user(name, roles, password = USER_PASSWORD) {
    await this.call("users", {
      name,
      email: `${name}@example.com`,
      password,
      roles: roles.map(([role, tenant]) => ({ role, tenant })),
    });
    return password;
  }

  async key(tenant) {
    return (await this.call("keys", { name: `e2e-${tenant}`, tenant, permissions: ["logs:write"] })).secret;
  }

  async write(secret, records) {
    const answer = await fetch(`${API}/ingest/logs`, {
      method: "POST",
      headers: { Authorization: `Bearer ${secret}`, "Content-Type": "application/x-ndjson" },
      body: records.map((record) => JSON.stringify(record)).join("\n"),
    });
    if (!answer.ok) throw new Error(`ingest answered ${answer.status}: ${await answer.text()}`);
    return answer.json();
  }
}

/** A small shop's last fifty minutes, the same on every run but for the clock. */
export function shopRecords(count, now = Date.now()) {
  let seed = 7;
  const random = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 2 ** 32;
  };
  const services = ["checkout", "frontend", "payment", "cart", "inventory"];
  return Array.from({ length: count }, (_, index) => {
    const draw = random();
    const status = draw < 0.03 ? 500 : draw < 0.08 ? 404 : 200;
    const level = status === 500 ? "error" : status === 404 ? "warn" : random() < 0.2 ? "debug" : "info";
    const order = Math.floor(random() * 9000) + 1000;
    const message =
      level === "error"
        ? `payment gateway timeout after ${Math.floor(random() * 9000)} ms, order ${order}`
        : level === "warn"
          ? `product ${order} not found`
          : level === "debug"
            ? `cache hit for key product:${order}`
            : index % 40 === 0
              ? JSON.stringify({
                  event: "order",
                  id: order,
                  lines: [{ sku: `A-${order}`, count: 2 }],
                  total: { amount: 12.5, currency: "EUR" },
                })
              : `GET /api/products/${order} ${status} in ${Math.floor(random() * 90)} ms`;
    return {
      timestamp: new Date(now - 60_000 - Math.floor((index / count) * 2_940_000)).toISOString(),
      level,
      message,
      service: services[Math.floor(random() * random() * services.length)],
      "http.method": random() < 0.7 ? "GET" : "POST",
      "http.status_code": status,
      "user.id": Math.floor(random() * 300),
      ...(index % 500 === 0 && { trace_id: "0af7651916cd43dd8448eb211c80319c", span_id: "b7ad6b7169203331" }),
    };
  });
}
