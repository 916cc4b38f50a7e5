import assert from "node:assert/strict";
import { BASE } from "../browser.mjs";
import { SettingsPage } from "../pages/settings.mjs";

async function sql({ page, world }) {
  await page.goto(`${BASE}/query?tenant=${world.tenant}`);
  const editor = page.getByRole("textbox", { name: "SQL" });
  const type = async (text) => {
    await editor.click();
    await page.keyboard.press("Control+a");
    await page.keyboard.insertText(text);
    await page.keyboard.press("Control+Enter");
  };
  await type("SELECT severity, count() AS records FROM logs GROUP BY severity ORDER BY records DESC");
  const result = page.getByTestId("result");
  await result.getByRole("gridcell", { name: "info" }).first().waitFor();
  assert.match(await page.getByTestId("sql-status").textContent(), /rows/);
  await page.getByRole("button", { name: "SQL that ran" }).click();
  await page
    .getByRole("dialog")
    .getByText(/SELECT/i)
    .first()
    .waitFor();
  await page.keyboard.press("Escape");
  await type("SELECT * FORM logs");
  await page.getByRole("alert").waitFor();
  await page.locator(".cm-problem").waitFor();
  await type("SELECT number FROM system.numbers LIMIT 3");
  await page.getByRole("alert").waitFor();
  await page.getByRole("button", { name: "Examples" }).click();
  await page.getByRole("menuitem", { name: "The newest records" }).click();
  await result.getByRole("row").nth(20).waitFor();
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download CSV" }).click();
  await page.getByRole("menuitem", { name: "Download CSV" }).click();
  assert.equal((await download).suggestedFilename(), "result.csv");
}

async function keys({ page, world }) {
  const name = `key-${world.run}`;
  const settings = new SettingsPage(page);
  await settings.open("keys");
  await page.getByRole("button", { name: "New key" }).click();
  const { dialog } = settings;
  await dialog.getByRole("button", { name: "Create key" }).click();
  await dialog.getByText("Give the key a name.").waitFor();
  await dialog.getByLabel("Name").fill(name);
  await dialog.getByText("Permissions", { exact: true }).click();
  await dialog.getByLabel("Search logs").check();
  await dialog.getByRole("button", { name: "Create key" }).click();
  const secret = await settings.secret();
  const row = page.getByRole("row", { name: new RegExp(name) });
  await row.waitFor();
  assert.ok(!(await page.content()).includes(secret), "the secret is shown once");
  const allowed = await fetch(`${BASE}/api/nexus/v1/logs/count`, {
    method: "POST",
    headers: { Authorization: `Bearer ${secret}` },
    body: "{}",
  });
  assert.equal(allowed.status, 200);
  await row.getByRole("button", { name: `Revoke ${name}` }).click();
  await settings.confirm(name, "Revoke");
  await row.waitFor({ state: "detached" });
  const refused = await fetch(`${BASE}/api/nexus/v1/logs/count`, {
    method: "POST",
    headers: { Authorization: `Bearer ${secret}` },
    body: "{}",
  });
  assert.equal(refused.status, 401);
}

async function home({ page, world }) {
  await page.goto(`${BASE}/?tenant=${world.tenant}`);
  await page.getByText("Records stored").waitFor();
  await page.getByRole("link", { name: /checkout/ }).click();
  await page.waitForURL(/q=service(:|%3A)checkout/);
  await page.getByTestId("log-row").first().waitFor();
}

export default {
  "SQL runs, fails with a place, downloads": sql,
  "keys are made, shown once, revoked": keys,
  "home leads on": home,
};
