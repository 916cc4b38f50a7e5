import assert from "node:assert/strict";
import { LogsPage } from "../pages/logs.mjs";

async function verbs({ page, world }) {
  const logs = new LogsPage(page);
  await logs.open(world.tenant);
  await logs.rows.first().waitFor();
  await logs.facetAction("service", "payment", "Filter");
  assert.equal(logs.query, "service:payment");
  const payment = await logs.count();
  await logs.facetAction("severity", "debug", "Exclude");
  assert.equal(logs.query, "service:payment NOT severity:debug");
  assert.ok((await logs.count()) < payment);
  await logs.facetAction("severity", "info", "Only this");
  assert.equal(logs.query, "service:payment severity:info");
  await logs.chips.getByRole("button", { name: "Remove severity:info" }).click();
  await logs.settled();
  assert.equal(logs.query, "service:payment");
  await logs.chips.getByTitle("Exclude instead: service:payment").click();
  await logs.settled();
  assert.equal(logs.query, "NOT service:payment");
  assert.equal((await logs.count()) + payment, 7002, "a filter and its opposite share out the records");
}

async function columns({ page, world }) {
  const logs = new LogsPage(page);
  await logs.open(world.tenant);
  await logs.rows.first().waitFor();
  await logs.facet("http.status_code").getByRole("button", { name: "Add as a column" }).first().click();
  await page.getByRole("columnheader", { name: /http\.status_code/ }).waitFor();
  assert.match(page.url(), /cols=http\.status_code/);
  assert.match(await logs.rows.nth(4).textContent(), /200|404|500/);
  await page.getByRole("button", { name: "Remove the column: http.status_code" }).click();
  assert.doesNotMatch(page.url(), /cols=/);
}

async function searching({ page, world }) {
  const logs = new LogsPage(page);
  await logs.open(world.tenant);
  await logs.rows.first().waitFor();
  await logs.facet("service").getByRole("button", { name: "Search values of service" }).click();
  await logs.facet("service").getByRole("textbox").fill("inv");
  await page.waitForFunction(() => document.querySelectorAll("[aria-label=service] li").length === 1);
  await page.getByLabel("Find a field").fill("user");
  await page.getByRole("complementary", { name: "Fields" }).getByText("user.id").first().click();
  await logs.facet("user.id").waitFor();
}

async function numbers({ page, world }) {
  const logs = new LogsPage(page);
  await logs.open(world.tenant);
  await logs.rows.first().waitFor();
  await logs.facetAction("http.status_code", "500", "Filter");
  assert.equal(logs.query, "http.status_code:500");
  const found = await logs.count();
  assert.ok(found > 50 && found < 500, `${found}`);
}

export default {
  "filter, exclude, only, chips": verbs,
  "columns come and go": columns,
  "values and fields are searched": searching,
  "numbers stay numbers": numbers,
};
