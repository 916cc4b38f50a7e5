/** Tenants, keys, limits and the audit log. */
import assert from "node:assert/strict";
import { BASE } from "../browser.mjs";
import { SettingsPage } from "../pages/settings.mjs";

const count = (secret) =>
  fetch(`${BASE}/api/nexus/v1/logs/count`, {
    method: "POST",
    headers: { Authorization: `Bearer ${secret}` },
    body: "{}",
  });

async function tenants({ page, world }) {
  const name = `shop-${world.run}`;
  const settings = new SettingsPage(page);
  const { dialog, panel } = settings;
  await settings.open("tenants");
  await page.getByRole("button", { name: "New tenant" }).click();
  await dialog.getByRole("button", { name: "Create tenant" }).click();
  await dialog.getByText("Give the tenant a name.").waitFor();
  await dialog.getByLabel("Name").fill(name);
  await dialog.getByLabel("Description").fill("A shop of its own");
  await dialog.getByLabel("Days to keep records").fill("x");
  await dialog.getByText("A whole number from 0 to 36,500.").waitFor();
  await dialog.getByLabel("Days to keep records").fill("14");
  await dialog.getByRole("button", { name: "Create tenant" }).click();
  await page.getByLabel("Find a tenant").fill(name);
  const row = page.getByTestId("tenant").filter({ hasText: name });
  await row.getByText("14 days").waitFor();
  await row.getByRole("button", { name: `Edit ${name}` }).click();
  await dialog.getByLabel("Description").fill("A shop that moves");
  await dialog.getByRole("button", { name: "Save" }).click();
  await row.getByText("A shop that moves").waitFor();

  const secret = await world.server.key(name);
  await world.server.write(
    secret,
    Array.from({ length: 120 }, (_, index) => ({ message: `order ${index}`, service: "shop", level: "info" })),
  );
  await row.getByRole("button", { name: `Delete tenant ${name}` }).click();
  await settings.confirm(name, "Delete");
  await panel.getByRole("heading", { name: `Deletion of ${name}` }).waitFor();
  await panel.getByTestId("tenant-deletion-state").getByText("Gone, and proven").waitFor({ timeout: 60_000 });
  assert.ok((await panel.getByTestId("proof").getByRole("listitem").count()) > 0);
  await row.waitFor({ state: "detached" });
  assert.equal((await count(secret)).status, 401);
}

async function rotation({ page, world }) {
  const name = `turn-${world.run}`;
  const settings = new SettingsPage(page);
  const { dialog } = settings;
  await settings.open("keys", `?tenant=${world.tenant}`);
  await page.getByRole("button", { name: "New key" }).click();
  await dialog.getByLabel("Name", { exact: true }).fill(name);
  await dialog.getByText("A role", { exact: true }).click();
  await dialog.getByLabel("Role", { exact: true }).selectOption("viewer");
  await dialog.getByLabel("Expires").selectOption({ label: "in 30 days" });
  await dialog.getByRole("button", { name: "Create key" }).click();
  const first = await settings.secret();
  const row = page.getByTestId("api-key").filter({ hasText: name });
  await row.getByText("role viewer").waitFor();
  assert.equal((await count(first)).status, 200);
  await row.getByRole("button", { name: `Rotate ${name}` }).click();
  await dialog.getByLabel("The old secret works for").selectOption({ label: "an hour" });
  await dialog.getByRole("button", { name: "Rotate" }).click();
  const second = await settings.secret();
  assert.notEqual(first, second);
  await row.getByText("old secret works until").waitFor();
  assert.equal((await count(first)).status, 200);
  assert.equal((await count(second)).status, 200);
  await row.getByRole("button", { name: `Rotate ${name}` }).click();
  await dialog.getByLabel("The old secret works for").selectOption({ label: "no longer" });
  await dialog.getByRole("button", { name: "Rotate" }).click();
  const third = await settings.secret();
  assert.equal((await count(third)).status, 200);
  assert.equal((await count(second)).status, 401);
}

async function limits({ page, world }) {
  const settings = new SettingsPage(page);
  const { dialog } = settings;
  await settings.open("limits");
  await page.getByRole("heading", { name: "Defaults" }).waitFor();
  await page.getByRole("button", { name: "Add limits" }).click();
  await dialog.getByLabel("Who").fill(world.tenant);
  const field = dialog.getByLabel(/^ingest_records \(/);
  await field.fill("lots");
  await dialog.getByText("A number, such as 500, 10k or 5 MiB.").waitFor();
  await field.fill("50k");
  await dialog.getByLabel(/^ingest_bytes \(/).fill("64 MiB");
  await dialog.getByRole("button", { name: "Save" }).click();
  const row = page.getByTestId("limit-set").filter({ hasText: world.tenant });
  await row.first().getByText("ingest_records: 50 k records/s").waitFor();
  await row.first().getByText("ingest_bytes: 64 MiB/s").waitFor();
  await row
    .first()
    .getByRole("button", { name: `Edit the limits of ${world.tenant}` })
    .click();
  assert.equal(await dialog.getByLabel(/^ingest_bytes \(/).inputValue(), "64 MiB");
  await page.keyboard.press("Escape");
  await world.server.write(world.secret, [{ message: "counted", service: "bulk", level: "info" }]);
  await page.getByTestId("limit-use").first().waitFor();
  await row
    .first()
    .getByRole("button", { name: `Remove limits: ${world.tenant}` })
    .click();
  await settings.confirm(world.tenant, "Remove limits");
  await page.getByText("ingest_records: 50 k records/s").waitFor({ state: "detached" });
}

async function audit({ page, world }) {
  const name = `watched-${world.run}`;
  const settings = new SettingsPage(page);
  await world.server.user(name, [["viewer", world.tenant]]);
  await world.server.call(`users/${name}`, { roles: [{ role: "editor", tenant: world.tenant }] }, "", "PATCH");
  await settings.open("audit");
  const entries = page.getByTestId("audit-entry");
  await entries.first().waitFor();
  await page.getByLabel("Subject", { exact: true }).fill(name);
  await page.waitForURL((url) => url.searchParams.get("subject") === name);
  const changed = entries.filter({ hasText: "user.changed" }).filter({ hasText: name });
  await changed.waitFor();
  await changed.getByRole("button", { name: /^Show entry/ }).click();
  const detail = page.getByTestId("audit-detail");
  await detail.getByText(`viewer in ${world.tenant}`).waitFor();
  await detail.getByText(`editor in ${world.tenant}`).waitFor();

  // What is filtered by is in the address.
  await page.reload();
  await changed.waitFor();
  assert.equal(await page.getByLabel("Subject", { exact: true }).inputValue(), name);
  await page.getByLabel("Action").selectOption("user.created");
  await changed.waitFor({ state: "detached" });
  await entries.filter({ hasText: "user.created" }).waitFor();
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Export" }).click();
  await page.getByRole("menuitem", { name: "CSV" }).click();
  const file = await (await download).createReadStream();
  let text = "";
  for await (const part of file) text += part;
  assert.match(text, new RegExp(`user.created.*${name}|${name}.*user.created`));
  await page.getByRole("button", { name: "Clear filters" }).click();
  await page.waitForURL((url) => !url.searchParams.has("action"));

  await page.getByRole("button", { name: "Verify" }).click();
  await page
    .getByTestId("audit-report")
    .getByText(/^Sound: /)
    .waitFor({ timeout: 30_000 });
  // What a verification of a log that was touched would show.
  await page.route("**/audit/verify", async (route) => {
    const answer = await route.fetch();
    const problems = [{ number: 3, problem: "is missing." }];
    await route.fulfill({ response: answer, json: { ...(await answer.json()), sound: false, problems } });
  });
  await page.getByRole("button", { name: "Verify" }).click();
  await page.getByTestId("audit-report").getByText("Not sound: 1 problem found.").waitFor();
  await page.getByTestId("audit-report").getByText("Entry 3").waitFor();
}

export default {
  "a tenant is made, described, and deleted with proof": tenants,
  "a key of a role is rotated with an overlap, then without": rotation,
  "limits are set with units, used, removed": limits,
  "the audit log is filtered, opened, exported, verified": audit,
};
