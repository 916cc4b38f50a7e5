/** People, roles, teams, accounts, keys, tenants and limits for pictures and for axe; made once a run. */
let made;

async function make({ server, run, tenant }) {
  const names = ["ana", "bob", "carla", "dmitri", "elif"].map((name) => `${name}-${run}`);
  for (const [index, name] of names.entries())
    await server.user(name, index === 4 ? [] : [[["viewer", "editor", "operator", "auditor"][index], tenant]]);
  await server.call(`users/${names[3]}`, { disabled: true, display_name: "Dmitri Example" }, "", "PATCH");
  const role = `payments-only-${run}`;
  await server.put(`roles/${role}`, {
    description: "Payments without the people",
    grants: [
      { permission: "logs:read", resource: "*" },
      { permission: "pipelines:write", resource: "pipeline:web-*" },
    ],
    policy: "service:payment",
    masked: ["user.id"],
  });
  const member = `frida-${run}`;
  const password = await server.user(member, [[role, tenant]]);
  await server.call("teams", {
    name: `Checkout ${run}`,
    description: "Everybody of checkout",
    members: names.slice(0, 3),
    roles: [{ role: "editor", tenant }],
  });
  const account = await server.call("accounts", {
    name: `deployer-${run}`,
    description: "Rolls out from CI",
    roles: [{ role: "operator", tenant }],
  });
  await server.call("keys", { name: `ci-${run}`, tenant, account: account.id, expires_in: 2_592_000 });
  const turned = await server.call("keys", { name: `turned-${run}`, tenant, permissions: ["logs:read", "sql:read"] });
  await server.call(`keys/${turned.key.id}/rotate`, { overlap: 86_400 });
  await server.put(`limits/tenant/${tenant}`, { limits: { ingest_records: 5000, ingest_bytes: 5_242_880 } });
  await server.put("limits/user/*", { limits: { query_running: 4 } });
  return { names, role, member, password };
}

export function administered(world) {
  made ??= make(world);
  return made;
}
