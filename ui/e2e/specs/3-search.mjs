import assert from "node:assert/strict";
import { LogsPage } from "../pages/logs.mjs";

async function search({ page, world }) {
  const logs = new LogsPage(page);
  await logs.open(world.tenant);
  await logs.rows.first().waitFor();
  await logs.settled();
  const all = await logs.count();
  assert.equal(all, 7002);
  await page.keyboard.press("/");
  await page.keyboard.type("timeout level:error");
  await page.keyboard.press("Control+Enter");
  await logs.settled();
  assert.equal(logs.query, "timeout level:error");
  await page.waitForFunction(() => /of/.test(document.querySelector("[data-testid=matched]")?.textContent ?? ""));
  const found = await logs.count();
  assert.ok(found > 50 && found < 500, `${found} errors`);
  for (const text of (await logs.rows.allTextContents()).slice(0, 10)) assert.match(text, /timeout/);
  assert.ok((await page.locator("mark").count()) > 5, "hits are marked");
  await page.goBack();
  await logs.settled();
  assert.equal(logs.query, "");
}

async function mistakes({ page, world }) {
  const logs = new LogsPage(page);
  await logs.open(world.tenant);
  await logs.editor.click();
  await page.keyboard.insertText('service:checkout "open');
  await page.locator(".cm-problem").waitFor();
  assert.equal((await page.locator(".cm-problem").first().textContent())[0], '"');
  assert.match(await page.getByRole("search").locator("xpath=following-sibling::*[1]").textContent(), /quote/);
  await page.keyboard.insertText('"');
  await page.locator(".cm-problem").waitFor({ state: "detached" });
}

async function completion({ page, world }) {
  const logs = new LogsPage(page);
  await logs.open(world.tenant);
  await logs.rows.first().waitFor();
  await logs.editor.click();
  await page.keyboard.type("serv");
  await page.locator(".cm-tooltip-autocomplete li", { hasText: /^service$/ }).waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.type("pay");
  await page.locator(".cm-tooltip-autocomplete li", { hasText: "payment" }).waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await logs.settled();
  assert.equal(logs.query, "service:payment");
  await page.getByRole("button", { name: "Recent queries" }).click();
  await page.getByRole("menuitem", { name: "service:payment" }).waitFor();
}

async function statistics({ page, world }) {
  const logs = new LogsPage(page);
  await logs.open(world.tenant, { q: "timeout" });
  await logs.rows.first().waitFor();
  await page.getByTitle("Query statistics").click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("Rows read").waitFor();
  await dialog.getByText("SQL that ran").waitFor();
  assert.match(await dialog.textContent(), /SELECT/i);
}

async function share({ page, world, context }) {
  const logs = new LogsPage(page);
  await logs.open(world.tenant, { q: "timeout" });
  await logs.rows.first().waitFor();
  await page.keyboard.press("s");
  await page.getByText("Link copied").waitFor();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  const other = await context.newPage();
  await other.goto(link);
  await other.waitForURL(/\/logs\?/);
  const url = new URL(other.url());
  assert.match(url.searchParams.get("from"), /^\d{4}-\d\d-\d\dT/);
  assert.equal(url.searchParams.get("q"), "timeout");
  await new LogsPage(other).rows.first().waitFor();
}

export default {
  "words and fields find records, the address follows": search,
  "mistakes are marked where they are": mistakes,
  "fields and values complete, queries are remembered": completion,
  "statistics show the SQL": statistics,
  "a shared link shows the same data": share,
};
