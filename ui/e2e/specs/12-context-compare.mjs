import assert from "node:assert/strict";
import { LogsPage } from "../pages/logs.mjs";

async function openContext({ page, world }, query) {
  const logs = new LogsPage(page);
  await logs.open(world.tenant, { q: query });
  await logs.rows.nth(3).waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  const message = await page.locator('[data-index="1"] [data-cell=body]').textContent();
  await page.keyboard.press("c");
  await page.locator("[data-here]").waitFor();
  return { logs, message };
}

async function context({ page, world }) {
  const { logs, message } = await openContext({ page, world }, "level:error service:checkout");
  assert.match(page.url(), /ctx=/);
  const here = page.locator("[data-here]");
  assert.match(await here.textContent(), new RegExp(message.slice(0, 30).replace(/[^\w ]/g, ".")));
  assert.match(await here.textContent(), /this record/);
  const said = await page.getByTestId("context-dropped").textContent();
  assert.match(said, /query does not apply here: level:error service:checkout is left out/);
  const marks = new Set(await page.getByTestId("context-row").locator("[aria-label]").allTextContents());
  assert.ok(marks.size > 1, "other severities than that of the query are there");
  const distances = await page.getByTestId("context-row").locator("[title=Distance]").allTextContents();
  assert.ok(distances.some((text) => text.startsWith("−")) && distances.some((text) => text.startsWith("+")));
  const box = await here.boundingBox();
  const grid = await page.getByTestId("context-grid").boundingBox();
  assert.ok(box.y > grid.y && box.y < grid.y + grid.height, "the record is in view");
  await page.keyboard.press("Escape");
  await logs.rows.first().waitFor();
  assert.equal(logs.query, "level:error service:checkout", "the search is as it was");
}

async function more({ page, world }) {
  await openContext({ page, world }, "level:error service:frontend");
  const grid = page.getByTestId("context-grid");
  const rows = async () => Number(await grid.getAttribute("aria-rowcount"));
  const before = await rows();
  const place = async () => (await page.locator("[data-here]").boundingBox()).y;
  const at = await place();
  await page.getByRole("button", { name: "Earlier: 200 more" }).click();
  await page.waitForFunction(
    (count) => Number(document.querySelector("[data-testid=context-grid]").getAttribute("aria-rowcount")) > count,
    before,
  );
  assert.ok(Math.abs((await place()) - at) < 3, "lines above do not move what is read");
  const between = await rows();
  const later = page.getByRole("button", { name: "Later: 200 more" });
  if (await later.count()) {
    await later.click();
    await page.waitForFunction(
      (count) => Number(document.querySelector("[data-testid=context-grid]").getAttribute("aria-rowcount")) > count,
      between,
    );
  }
  await page.getByLabel("Find in these lines").fill("gateway timeout");
  await page.keyboard.press("Enter");
  await page
    .getByTestId("context")
    .getByText(/^\d+ of \d+$/)
    .waitFor();
  await page.locator("[data-testid=context-row][data-active] mark").first().waitFor();
}

async function sameService({ page, world }) {
  const { logs } = await openContext({ page, world }, "service:cart");
  await page.getByText("Same service", { exact: true }).click();
  await page.waitForURL(/same=service/);
  await page.locator("[data-here]").waitFor();
  await page.locator("[data-here]").click();
  await logs.panel.getByTestId("record-detail").waitFor();
  await page.reload();
  await page.locator("[data-here]").waitFor();
  await page.getByRole("button", { name: "Back to the search" }).click();
  await logs.rows.first().waitFor();
}

/** Back from the context, the search is where it was left. */
async function keepsPlace({ page, world }) {
  const logs = new LogsPage(page);
  await logs.open(world.tenant);
  await logs.rows.nth(5).waitFor();
  await logs.settled();
  await logs.grid.evaluate((grid) => {
    grid.scrollTop = 1500;
  });
  await page.locator('[data-index="80"]').locator("[data-cell=body]").click();
  await logs.panel.waitFor();
  await logs.panel.getByRole("button", { name: "Context" }).click();
  await page.locator("[data-here]").waitFor();
  await page.keyboard.press("Escape");
  await logs.context.waitFor({ state: "detached" });
  assert.equal(await logs.grid.evaluate((grid) => grid.scrollTop), 1500);
}

async function contextGone({ page, world }) {
  const logs = new LogsPage(page);
  await logs.open(world.tenant, { ctx: "0000000000000000-00000000" });
  await logs.context.getByRole("heading", { name: /no longer there|went wrong/ }).waitFor();
  await logs.context.getByRole("button", { name: "Back to the search" }).first().click();
  await logs.rows.first().waitFor();
}

/** A burst of errors from one place: comparison has to name it. */
async function burst(world) {
  const now = Date.now();
  const usual = Array.from({ length: 300 }, (_, index) => ({
    timestamp: new Date(now - 3_000_000 + index * 9000).toISOString(),
    level: "info",
    message: `handled request ${index}`,
    service: "burst",
    host: `node-${index % 4}`,
    zone: index % 2 ? "a" : "b",
  }));
  const bad = Array.from({ length: 120 }, (_, index) => ({
    timestamp: new Date(now - 400_000 + index * 1000).toISOString(),
    level: "error",
    message: `refused request ${index}`,
    service: "burst",
    host: "node-3",
    zone: index % 2 ? "a" : "b",
  }));
  await world.server.write(world.secret, [...usual, ...bad]);
}

async function compare({ page, world: { play: world } }) {
  await burst(world);
  const logs = new LogsPage(page);
  await logs.open(world.tenant, { q: "service:burst" });
  await logs.rows.first().waitFor();
  await logs.settled();
  await logs.select(0.88, 0.93);
  await page.getByRole("button", { name: "Compare with the rest" }).click();
  const fields = page.getByTestId("compared-field");
  await fields.first().waitFor();
  await logs.settled();
  assert.match(page.url(), /tab=compare/);
  await page.getByTestId("chosen-range").waitFor();
  const host = fields.filter({ has: page.locator("b", { hasText: /^(attributes\.|resource\.)?host$/ }) });
  const row = host.locator("tbody tr", { hasText: "node-3" });
  await row.waitFor();
  assert.match(await row.textContent(), /\+\d/);
  const names = await fields.locator("b").allTextContents();
  assert.ok(!names.some((name) => /zone$/.test(name)), "a field that does not differ is not named");
  await row.getByRole("button", { name: "Filter: node-3" }).click();
  await logs.settled();
  assert.match(logs.query, /host:node-3/);
}

async function compareKinds({ page, world }) {
  const logs = new LogsPage(page);
  await logs.open(world.tenant, { q: "level:error", tab: "compare" });
  await page.getByTestId("compare").waitFor();
  await page.getByText("The rest", { exact: true }).click();
  await page.waitForURL(/vs=rest/);
  const fields = page.getByTestId("compared-field");
  await fields.first().waitFor();
  await page.getByRole("region", { name: "Compared with" }).getByText("NOT (level:error)").waitFor();
  await page.getByText("Another query", { exact: true }).click();
  await page.getByLabel("Query of the other side").fill("level:warn");
  await page.keyboard.press("Enter");
  await page.waitForURL(/other=level/);
  await fields.first().waitFor();
  await page.getByLabel("Range of the other side").fill("lunch time");
  await page.keyboard.press("Enter");
  await page.getByText(/is not a time range/).waitFor();
  await page.reload();
  await fields.first().waitFor();
  assert.match(page.url(), /vs=query/);
}

async function compareEmpty({ page, world }) {
  const logs = new LogsPage(page);
  await logs.open(world.tenant, { q: "zzzz", tab: "compare" });
  await page.getByText("Nothing is selected").waitFor();
}

async function fieldStatistics({ page, world }) {
  const logs = new LogsPage(page);
  await logs.open(world.tenant, { q: "service:checkout" });
  await logs.rows.first().waitFor();
  await logs.settled();
  const facet = logs.facets.getByRole("region", { name: /http\.status_code$/ });
  await facet.getByRole("button", { name: /^Statistics of the field/ }).click();
  const body = page.getByTestId("field-statistics");
  await body.waitFor();
  await body.getByText("Median").waitFor();
  assert.match(await body.textContent(), /Smallest200/);
  assert.match(await body.textContent(), /Largest500/);
  await body.getByRole("button", { name: "Filter: 500" }).click();
  await logs.settled();
  assert.match(logs.query, /http\.status_code:500/);
  await page.keyboard.press("Escape");
  await body.waitFor({ state: "detached" });
}

export default {
  "context shows the stream around a record and says that the query is left out": context,
  "more lines load both ways, and text is found in them": more,
  "the same service instead of the same stream": sameService,
  "the search keeps its place meanwhile": keepsPlace,
  "the context of a record that is gone": contextGone,
  "a brushed range is compared with the rest": compare,
  "a query is compared with the rest and with another one": compareKinds,
  "a comparison of nothing says so": compareEmpty,
  "statistics of a field": fieldStatistics,
};
