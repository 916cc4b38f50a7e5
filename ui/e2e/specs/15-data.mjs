import assert from "node:assert/strict";
import { BASE } from "../browser.mjs";
import { LogsPage } from "../pages/logs.mjs";
import { SettingsPage } from "../pages/settings.mjs";
import { Shell } from "../pages/shell.mjs";

async function retention({ page, world: { play: world } }) {
  const tenant = `${world.tenant}-keep`;
  await world.server.write(await world.server.key(tenant), [
    { message: "kept", service: "web", level: "info" },
    { message: "short", service: "web", level: "debug" },
  ]);
  await page.goto(`${BASE}/?tenant=${tenant}`);
  await new Shell(page).goTo("Settings");
  await new SettingsPage(page).goTo("Data");
  await page.getByText("No rules: one time for all records.").waitFor();
  const editor = (place) => page.getByRole("textbox", { name: `Query of rule ${place}` });
  const rule = async (place, query, days) => {
    await page.getByRole("button", { name: "Add rule" }).click();
    await editor(place).click();
    await page.keyboard.insertText(query);
    await page.keyboard.press("Escape");
    await page.getByLabel(`Days of rule ${place}`).fill(days);
  };
  await rule(1, "severity:info", "90");
  await rule(2, "severity:((", "x");
  await page.getByText("A whole number from 0 to 36,500.").waitFor();
  await page.getByLabel("Days of rule 2").fill("3");
  await page.getByRole("button", { name: "Save retention" }).click();
  await page
    .getByTestId("retention-problem")
    .getByText(/rule 2/i)
    .waitFor();
  await editor(2).click();
  await page.keyboard.press("Control+a");
  await page.keyboard.insertText("severity:debug");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Move rule 2", exact: true }).focus();
  await page.keyboard.press("Alt+ArrowUp");
  await page.getByLabel("All other records").fill("14");
  await page.getByRole("button", { name: "Save retention" }).click();
  await page.getByText("Applied to all stored records.").waitFor({ timeout: 30_000 });
  const stored = await world.server.get("retention", tenant);
  assert.deepEqual(stored.rules, [
    { query: "severity:debug", days: 3 },
    { query: "severity:info", days: 90 },
  ]);
  assert.equal(stored.days, 14);
  await new SettingsPage(page).goTo("Audit log");
  await page.getByTestId("audit-entry").filter({ hasText: "retention.changed" }).first().waitFor();
  await page.goBack();
  await page.getByTestId("retention-rule").nth(1).waitFor();
  assert.equal(await page.getByLabel("Days of rule 1").inputValue(), "3");
}

async function deletion({ page, world: { play: world } }) {
  const tenant = `${world.tenant}-delete`;
  await world.server.write(
    await world.server.key(tenant),
    Array.from({ length: 1234 }, (_, index) => ({
      message: `row ${index}`,
      service: index < 1100 ? "forget" : "stay",
      level: "info",
    })),
  );
  await page.goto(`${BASE}/settings/data?tenant=${tenant}`);
  await page.getByText("Nothing has been deleted in this tenant.").waitFor();
  await page.getByRole("button", { name: "Delete records" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Count records" }).click();
  await dialog.getByText("Type a query.").waitFor();
  const ask = async (query) => {
    await dialog.getByRole("textbox", { name: "Records to delete" }).click();
    await page.keyboard.press("Control+a");
    await page.keyboard.insertText(query);
    await page.keyboard.press("Control+Enter");
  };
  const remove = dialog.getByRole("button", { name: "Delete", exact: true });
  await ask("service:nobody");
  await dialog.getByText("No record matches, so there is nothing to delete.").waitFor();
  assert.ok(await remove.isDisabled());
  await ask("service:forget");
  await dialog.getByText("1,100 records match.").waitFor();
  await dialog.getByLabel("Reason").fill("asked for by the person");
  const typed = dialog.getByLabel("Type 1,100 to confirm");
  await typed.fill("110");
  assert.ok(await remove.isDisabled());
  await typed.fill("1100");
  await remove.click();
  await dialog.waitFor({ state: "detached" });
  const row = page.getByTestId("deletion").first();
  await row.getByText("asked for by the person").waitFor();
  await row.getByText("1,100").waitFor();
  await row.locator("[data-state=done]").waitFor({ timeout: 60_000 });

  await new SettingsPage(page).goTo("Audit log");
  const entry = page.getByTestId("audit-entry").filter({ hasText: "asked for by the person" });
  await entry.first().waitFor();
  await page
    .getByTestId("audit-entry")
    .filter({ hasText: "deletion.done" })
    .filter({ hasText: tenant })
    .first()
    .waitFor();

  const logs = new LogsPage(page);
  await logs.open(tenant);
  await logs.rows.first().waitFor();
  await logs.settled();
  assert.equal(await logs.count(), 134);
  await logs.search("service:forget");
  await page
    .getByText(/Nothing matches|No record matches/)
    .first()
    .waitFor();
}

async function refused({ page, world: { play: world } }) {
  for (const path of ["retention", "logs/deletions", "pipelines"])
    await page.route(`**/api/nexus/v1/${path}`, (route) =>
      route.fulfill({ status: 403, json: { error: { code: "permission_denied", message: "no." } } }),
    );
  await page.goto(`${BASE}/settings/data?tenant=${world.tenant}`);
  for (const permission of ["retention:read", "logs:delete"])
    await page.getByText(`lacks the permission ${permission}`).waitFor();
  await page.goto(`${BASE}/pipelines?tenant=${world.tenant}`);
  await page.getByText("lacks the permission pipelines:read").waitFor();
}

export default {
  "retention has rules in order, applied to what is stored": retention,
  "records are deleted once their number is typed, and are gone": deletion,
  "what may not be seen is said to be so": refused,
};
