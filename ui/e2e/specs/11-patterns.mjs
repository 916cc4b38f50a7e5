import assert from "node:assert/strict";
import { LogsPage } from "../pages/logs.mjs";

const amount = (text) => Number(/[\d,]+/.exec(text)[0].replaceAll(",", ""));

async function open({ page, world }, query = {}) {
  const logs = new LogsPage(page);
  await logs.open(world.tenant, { tab: "patterns", ...query });
  await logs.patterns.first().waitFor();
  await logs.settled();
  return logs;
}

async function adds({ page, world }) {
  const logs = await open({ page, world }, { q: "service:checkout" });
  const total = amount(await page.getByTestId("patterns-summary").textContent());
  await logs.tab("Rows").click();
  await logs.rows.first().waitFor();
  await logs.settled();
  assert.equal(await logs.count(), total, "the patterns add up to the count");
  await page.keyboard.press("2");
  await logs.patterns.first().waitFor();
  assert.match(page.url(), /tab=patterns/);
  const first = logs.patterns.first();
  assert.ok((await first.locator("svg path").first().getAttribute("d")).length > 10, "a sparkline");
  assert.match(await first.locator("[role=img][aria-label]").getAttribute("aria-label"), /info [\d,]+|debug [\d,]+/);
  assert.match(await first.textContent(), /\d+ %/);
}

async function filterAndExclude({ page, world }) {
  const logs = await open({ page, world });
  const target = logs.patterns.filter({ hasText: "payment gateway timeout" });
  await target.hover();
  await target.getByRole("button", { name: "Exclude it" }).click();
  await logs.settled();
  assert.match(logs.query, /^NOT template_id:\S+$/);
  await target.waitFor({ state: "detached" });
  await logs.search("");
  const all = logs.patterns.filter({ hasText: "payment gateway timeout" });
  await all.locator('[role=gridcell][title*="payment gateway"]').click();
  await logs.rows.first().waitFor();
  await logs.settled();
  assert.match(logs.query, /^template_id:\S+$/);
  assert.doesNotMatch(page.url(), /tab=/);
  for (const text of await logs.rows.locator("[data-cell=body]").allTextContents())
    assert.match(text, /^payment gateway timeout/);
  assert.equal(await logs.chips.getByText(/template_id/).count(), 1);
}

async function sample({ page, world }) {
  const logs = await open({ page, world });
  await logs.patterns.first().hover();
  await logs.patterns.first().getByRole("button", { name: "Open one of its records" }).click();
  await logs.panel.getByTestId("record-detail").waitFor();
  assert.match(page.url(), /tab=patterns/);
  await page.keyboard.press("Escape");
  await logs.panel.waitFor({ state: "detached" });
}

async function keyboard({ page, world }) {
  const logs = await open({ page, world });
  for (const key of ["j", "j", "k"]) await page.keyboard.press(key);
  assert.equal(await page.locator("[data-testid=pattern-row][data-active]").getAttribute("data-index"), "0");
  await page.keyboard.press("o");
  await logs.panel.getByTestId("record-detail").waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("x");
  await logs.settled();
  assert.match(logs.query, /^NOT template_id:/);
}

async function order({ page, world }) {
  const logs = await open({ page, world });
  const counts = async () => {
    const texts = await logs.patterns.locator("b").allTextContents();
    return texts.map((text) => Number(text.replaceAll(",", "")));
  };
  const most = await counts();
  assert.deepEqual(
    most,
    [...most].sort((a, b) => b - a),
  );
  await page.getByLabel("Sort").selectOption("fewest");
  await page.waitForURL(/porder=fewest/);
  await page.waitForFunction(
    (first) => document.querySelector("[data-testid=pattern-row] b")?.textContent !== first,
    String(most[0]),
  );
  await logs.settled();
  const fewest = await counts();
  assert.deepEqual(
    fewest,
    [...fewest].sort((a, b) => a - b),
  );
}

async function fresh({ page, world: { play: world } }) {
  const logs = new LogsPage(page);
  const old = new Date(Date.now() - 30 * 60_000).toISOString();
  await world.server.write(world.secret, [
    { timestamp: old, message: "an elder sort of line 17", level: "info", service: "novelty" },
    { message: "an elder sort of line 18", level: "info", service: "novelty" },
    { message: "brandnew kind of trouble 4711", level: "error", service: "novelty" },
  ]);
  await logs.open(world.tenant, { tab: "patterns", q: "service:novelty", from: "now-10m" });
  const elder = logs.patterns.filter({ hasText: "elder sort" });
  const novel = logs.patterns.filter({ hasText: "brandnew kind" });
  await novel.getByText("new", { exact: true }).waitFor();
  await elder.waitFor();
  assert.equal(await elder.getByText("new", { exact: true }).count(), 0);
  await page.getByLabel("Only new", { exact: true }).check();
  await elder.waitFor({ state: "detached" });
  await novel.waitFor();
  assert.match(page.url(), /fresh=1/);
  await page.getByLabel("New since").selectOption("now-1d");
  await elder.getByText("new", { exact: true }).waitFor();
}

async function empty({ page, world }) {
  const logs = new LogsPage(page);
  await logs.open(world.tenant, { tab: "patterns", q: "timeout level:debug" });
  await page.getByText("Nothing matches all of these terms").waitFor();
}

export default {
  "patterns add up to the records, with sparkline and severities": adds,
  "a click filters by a pattern, its minus excludes it": filterAndExclude,
  "a sample record opens in the panel": sample,
  "the keyboard does it all": keyboard,
  "most, fewest first": order,
  "new ones are marked and can be had alone": fresh,
  "an empty result names its cause": empty,
};
