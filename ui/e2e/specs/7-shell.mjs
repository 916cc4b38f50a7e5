import assert from "node:assert/strict";
import { BASE } from "../browser.mjs";
import { LogsPage } from "../pages/logs.mjs";
import { SettingsPage } from "../pages/settings.mjs";
import { Shell } from "../pages/shell.mjs";

async function time({ page, world }) {
  const logs = new LogsPage(page);
  const shell = new Shell(page);
  await logs.open(world.tenant);
  await logs.rows.first().waitFor();
  await shell.typeRange("15m");
  await page.waitForURL(/from=now-15m/);
  assert.equal(await shell.range.textContent(), "Last 15 minutes");
  await shell.typeRange("2026-11-20");
  await page.waitForURL(/from=2026-11-/);
  await shell.typeRange("±5m @ now-20m");
  await page.waitForFunction(() => /–/.test(document.querySelector("[data-testid=range-label]").textContent));
  const before = new URL(page.url()).searchParams.get("from");
  await page.keyboard.press("[");
  await page.waitForFunction((old) => new URL(location.href).searchParams.get("from") !== old, before);
  const stepped = new URL(page.url()).searchParams;
  assert.equal(Date.parse(before) - Date.parse(stepped.get("from")), 600_000);
  await page.keyboard.press("z");
  await page.waitForFunction((old) => new URL(location.href).searchParams.get("from") !== old, stepped.get("from"));
  const zoomed = new URL(page.url()).searchParams;
  assert.equal(Date.parse(zoomed.get("to")) - Date.parse(zoomed.get("from")), 1_200_000);
  await page.keyboard.press("t");
  await page.getByLabel("Type a range").fill("lunch time");
  await page.getByText(/is not a time range/).waitFor();
  await page.keyboard.press("Escape");
}

async function refreshing({ page, world }) {
  const logs = new LogsPage(page);
  await logs.open(world.tenant, { refresh: "5s" });
  await logs.rows.first().waitFor();
  const marker = `fresh-${Date.now()}`;
  await world.server.write(world.secret, [{ message: marker, level: "info", service: "refresh" }]);
  await page.getByText(marker).first().waitFor({ timeout: 60_000 });
  await page.locator('[data-index="4"] [data-act=toggle]').click();
  await page.getByText("Refreshing is paused while you read.").waitFor();
  await page.keyboard.press("Space");
  await page.waitForFunction(() => !location.search.includes("refresh"));
}

async function themes({ page, world }) {
  const shell = new Shell(page);
  await page.goto(`${BASE}/logs?tenant=${world.tenant}`);
  await shell.title.waitFor();
  assert.equal(await shell.theme, "light");
  await page.keyboard.press("Shift+D");
  assert.equal(await shell.theme, "dark");
  await page.reload();
  await shell.title.waitFor();
  assert.equal(await shell.theme, "dark");
  await shell.menu("Theme", "System");
  assert.equal(await shell.theme, "light");
}

async function keys({ page, world }) {
  const shell = new Shell(page);
  const logs = new LogsPage(page);
  await page.goto(`${BASE}/logs?tenant=${world.tenant}`);
  await shell.title.waitFor();
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.keyboard.press("g");
  await page.keyboard.press("q");
  await page.waitForURL(/\/query/);
  assert.match(page.url(), /tenant=/, "the context goes along");
  await page.keyboard.press("Escape");
  await page.keyboard.press("g");
  await page.keyboard.press("l");
  await page.waitForURL(/\/logs/);
  await logs.editor.click();
  await page.keyboard.type("gh?bz");
  assert.equal(await logs.editor.textContent(), "gh?bz");
  assert.match(page.url(), /\/logs/);
  await page.keyboard.press("Escape");
  await shell.menu("Account", "Single-key shortcuts");
  await page.keyboard.press("Escape");
  await page.waitForTimeout(200);
  await page.keyboard.press("?");
  await page.waitForTimeout(200);
  assert.equal(await page.getByRole("dialog").count(), 0, "switched off");
}

async function palette({ page, world }) {
  const shell = new Shell(page);
  await page.goto(`${BASE}/?tenant=${world.tenant}`);
  await shell.title.waitFor();
  await page.keyboard.press("Control+k");
  const input = page.getByPlaceholder(/paste a trace id/);
  await input.fill("0AF7651916CD43DD8448EB211C80319C");
  await page.getByText(/^Trace 0af7/).waitFor();
  await page.getByText(/Logs of trace 0af7/).click();
  await page.waitForURL(/q=trace_id/);
  const logs = new LogsPage(page);
  await logs.rows.first().waitFor();
  await logs.settled();
  assert.equal(await logs.count(), 14);
  await page.keyboard.press("Control+k");
  await input.fill("api k");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/settings\/keys/);
}

async function rail({ page, world }) {
  const shell = new Shell(page);
  await page.goto(`${BASE}/?tenant=${world.tenant}`);
  await shell.title.waitFor();
  const wide = (await shell.rail.boundingBox()).width;
  await page.keyboard.press("b");
  assert.ok((await shell.rail.boundingBox()).width < wide);
  for (const name of ["Logs", "Query", "Get started", "Home"]) {
    await shell.goTo(name);
    await page.waitForFunction((title) => document.querySelector("header h1")?.textContent === title, name);
  }
  await shell.goTo("Settings");
  const settings = new SettingsPage(page);
  for (const name of [
    "Teams",
    "Roles",
    "Service accounts",
    "API keys",
    "Tenants",
    "Limits",
    "Data",
    "Audit log",
    "Users",
  ]) {
    await settings.goTo(name);
    await page.waitForFunction((title) => document.querySelector("header h1")?.textContent === title, name);
  }
  await page.goto(`${BASE}/settings/nowhere`);
  await page.getByRole("heading", { level: 2, name: "There is no such page" }).waitFor();
}

export default {
  "typed ranges, stepping, zooming": time,
  "auto-refresh shows new records and pauses while reading": refreshing,
  "themes switch and stay": themes,
  "keys work, not while typing, and can be switched off": keys,
  "the palette finds traces and pages": palette,
  "every page is one click away": rail,
};
