/** Pipelines of a tenant of its own, and what became of its records. */
export async function operated(world, name) {
  const tenant = `${world.tenant}-${name}`;
  const secret = await world.server.key(tenant);
  const records = [
    { message: "mail from bob@example.com, card 4111 1111 1111 1111", service: "pay", level: "info", "user.id": 7 },
    { message: '{"event":"login","user":7,"level":"warn"}', service: "web", level: "info" },
    { message: "GET /cart 200 in 12 ms", service: "web", level: "info" },
    { message: "cache hit for key product:4711", service: "web", level: "debug" },
  ];
  await world.server.write(secret, records);
  const step = (type, options = {}, when = "") => ({ type, options, when, name: "", enabled: true });
  const pipelines = [
    {
      name: "secrets",
      description: "Nothing of this may reach the disk.",
      steps: [step("redact", { patterns: { order: "\\bORD-\\d{6}\\b" } })],
    },
    {
      name: "web",
      when: "service:web",
      steps: [
        step("parse_json", { on_failure: "tag" }),
        {
          ...step("parse_severity", { field: "attributes.level", remove_source: true }, "attributes.level:*"),
          name: "Severity of the body",
        },
        step("drop", { query: "severity:debug" }),
        { ...step("throttle", { rate: 100, keys: ["service", "template_id"] }), enabled: false },
      ],
    },
    { name: "audit", enabled: false, steps: [step("set", { fields: { team: "payments" } })] },
  ];
  const known = await world.server.get("pipelines", tenant);
  if (known.pipelines.length === 0) await world.server.put("pipelines", { pipelines, version: known.version }, tenant);
  await world.server.write(secret, records);
  await world.server.put(
    "retention",
    {
      rules: [
        { query: "severity:debug", days: 3 },
        { query: "service:pay OR audit", days: 365 },
      ],
      days: null,
    },
    tenant,
  );
  await world.server.call("logs/deletions", { query: "user.id:7", reason: "asked for by the person" }, tenant);
  await world.server.call("logs/deletions", { query: "service:nobody", from: "now-7d", reason: "" }, tenant);
  return tenant;
}
