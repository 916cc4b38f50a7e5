/** Traces: search by text and form, the heatmap, the panel; one trace by mouse and keys; jumps from logs and the palette. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BASE } from "../browser.mjs";
import { TracesPage } from "../pages/traces.mjs";
import { NAMED, otlp, shopTraces, traced } from "../traced.mjs";

async function search({ page, world }) {
  const tenant = await traced(world);
  const traces = new TracesPage(page);
  await traces.open(tenant);
  await traces.rows.nth(10).waitFor();
  assert.match(await traces.count.textContent(), /50\+ traces/);
  // The form edits the query, and shows what was typed.
  await page.getByRole("combobox", { name: "Service" }).click();
  await page.getByRole("option", { name: "payment" }).click();
  await page.waitForURL((url) => /service.name = "payment"/.test(url.searchParams.get("q") ?? ""));
  await page.getByRole("textbox", { name: "At least" }).fill("400ms");
  await page.keyboard.press("Enter");
  await page.waitForURL((url) => /duration >= 400ms/.test(url.searchParams.get("q") ?? ""));
  await traces.rows.first().waitFor();
  await traces.run("{ status = error && name = `POST /charge` }");
  await page.waitForURL((url) => /POST \/charge/.test(url.searchParams.get("q") ?? ""));
  await traces.rows.first().getByText("error").first().waitFor();
  // A mistake is marked, and said.
  await traces.run("{ status = ");
  await page.getByRole("alert").first().waitFor();
  await page.locator(".cm-problem").waitFor();
  // What is not there says why.
  await traces.run('{ name = "nothing is called so" }');
  await page.getByText("No traces match").waitFor();
  await page.getByRole("button", { name: "Clear the query" }).last().click();
  await traces.rows.nth(3).waitFor();
}

/** Escape, as the button, ends the search on the server too: a proxy may keep a request alive that the page gave up. */
async function cancelling({ page, world }) {
  const tenant = await traced(world);
  const traces = new TracesPage(page);
  const held = [];
  await page.route("**/traces/search", (route) => held.push(route.request().postDataJSON().query_id));
  await traces.open(tenant);
  await page.getByRole("button", { name: "Cancel", exact: true }).waitFor();
  const asked = page.waitForRequest(
    (request) => request.method() === "DELETE" && held.some((id) => request.url().endsWith(`/queries/${id}`)),
  );
  await page.keyboard.press("Escape");
  await asked;
  await page.getByText("The query was cancelled").waitFor();
  await page.unroute("**/traces/search");
  await page.getByRole("tabpanel").getByRole("button", { name: "Run" }).click();
  await traces.rows.nth(3).waitFor();
}

async function facetsAndPanel({ page, world }) {
  const tenant = await traced(world);
  const traces = new TracesPage(page);
  await traces.open(tenant, { order: "errors" });
  await traces.rows.first().waitFor();
  await page
    .getByRole("complementary", { name: "Attributes" })
    .getByRole("button", { name: /^checkout/ })
    .first()
    .click();
  await page.waitForURL((url) => /checkout/.test(url.searchParams.get("q") ?? ""));
  await traces.rows.first().click();
  await traces.panel.getByTestId("trace-head").waitFor();
  assert.match(traces.argument("panel"), /^trace:[0-9a-f]{32}/);
  await traces.panel.getByTestId("span-row").nth(2).click();
  await traces.panel.getByTestId("span-details").waitFor();
  // A verb on an attribute edits the query of the page behind.
  const value = traces.panel.getByRole("group", { name: "kind: server" }).first();
  await value.hover();
  await value.getByRole("button", { name: "Filter" }).click();
  await page.waitForURL((url) => /kind = server/.test(url.searchParams.get("q") ?? ""));
  await page.goBack();
  await page.keyboard.press("Escape");
}

async function heatmap({ page, world }) {
  const tenant = await traced(world);
  const traces = new TracesPage(page);
  await traces.open(tenant, { q: '{ resource.service.name = "payment" }' });
  await page.locator("[data-testid=heatmap-plot][data-cells]").waitFor();
  await traces.drag(traces.heatmap, [0.05, 0.02], [0.95, 0.35]);
  await page.getByTestId("heatmap-box").getByRole("button", { name: "Compare with the rest" }).click();
  const compared = page.getByTestId("traces-compare");
  await compared.getByTestId("compared-tag").first().waitFor();
  assert.match(await compared.textContent(), /user\.tier/);
  // By keys: a cell, a box, zoom.
  await traces.open(tenant);
  await page.locator("[data-testid=heatmap-plot][data-cells]").waitFor();
  await traces.heatmap.focus();
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("Shift+ArrowLeft");
  await page.keyboard.press("Shift+ArrowUp");
  await page.getByTestId("heatmap-box").waitFor();
  await page.keyboard.press("Enter");
  await page.waitForURL((url) => url.searchParams.has("from"));
}

async function metrics({ page, world }) {
  const tenant = await traced(world);
  const traces = new TracesPage(page);
  await traces.open(tenant, { tab: "metrics" });
  await page.getByRole("button", { name: "Rate", exact: true }).click();
  await page.getByTestId("trace-metrics").locator("[data-drawn]").waitFor();
  assert.match(traces.argument("q"), /rate\(\)/);
}

async function trace({ page, world }) {
  const tenant = await traced(world);
  const traces = new TracesPage(page);
  await traces.trace(tenant, NAMED.plain);
  await traces.spans.nth(3).waitFor();
  assert.match(await page.getByTestId("trace-head").textContent(), /frontend.*POST \/checkout.*19 spans/s);
  // Repeated calls are one row until they are opened.
  const group = traces.spans.filter({ hasText: "×14" });
  assert.equal(await group.getAttribute("aria-expanded"), "false");
  const before = await traces.spans.count();
  await group.getByRole("button", { name: "Unfold SELECT products" }).click();
  await page.waitForFunction(
    (count) => document.querySelectorAll("[data-testid=span-row]").length === count,
    before + 14,
  );
  // Keys: find, next, previous, fold, open.
  await page.keyboard.press("/");
  await page.keyboard.type("payment");
  await traces.hits.filter({ hasText: /^\d/ }).waitFor();
  await page.keyboard.press("Enter");
  await traces.details.waitFor();
  assert.match(await traces.hits.textContent(), /1 of 2/);
  await traces.waterfall.focus();
  await page.keyboard.press("n");
  await traces.hits.filter({ hasText: "2 of 2" }).waitFor();
  await page.keyboard.press("Shift+N");
  await traces.hits.filter({ hasText: "1 of 2" }).waitFor();
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowLeft");
  await page.waitForFunction(() => document.querySelectorAll("[data-testid=span-row]").length === 1);
  await page.keyboard.press("ArrowRight");
  // Zoom by the minimap and back.
  await traces.drag(traces.minimap, [0.3, 0.5], [0.6, 0.5]);
  await page.waitForURL((url) => url.searchParams.has("zoom"));
  await page.getByRole("button", { name: "Whole trace" }).click();
  await page.waitForURL((url) => !url.searchParams.has("zoom"));
  for (const [name, id] of [
    ["Flame graph", "flame"],
    ["Spans", "spans"],
    ["Operations", "operations"],
  ]) {
    await page.getByText(name, { exact: true }).click();
    await page.getByTestId(id).waitFor();
  }
  await page.reload();
  await page.getByTestId("operations").waitFor();
}

async function logsInline({ page, world }) {
  const tenant = await traced(world);
  const traces = new TracesPage(page);
  await traces.trace(tenant, NAMED.failed);
  await traces.waterfall.waitFor();
  await traces.waterfall.focus();
  await page.keyboard.press("e");
  await page.keyboard.press("Enter");
  await traces.details.waitFor();
  assert.match(await traces.details.textContent(), /the bank did not answer/);
  assert.match(await traces.details.textContent(), /exception\.type/);
  // The number first, the lines when they are asked for.
  const logs = page.getByTestId("span-logs");
  await logs.getByText("Of this span (1)").waitFor();
  await logs.getByText(/Of the whole trace \(\d+\)/).click();
  await logs.getByTestId("beside-lines").locator("li").nth(3).waitFor();
}

async function oddities({ page, world }) {
  const tenant = await traced(world);
  const traces = new TracesPage(page);
  await traces.trace(tenant, NAMED.odd);
  const said = page.getByTestId("oddities");
  await said.waitFor();
  assert.match(await said.textContent(), /1 span names a parent that is not stored/);
  assert.match(await said.textContent(), /outside of its parent/);
  await said.getByRole("button", { name: /names a parent/ }).click();
  await traces.details.getByText("POST /mail").first().waitFor();
  await traces.trace(tenant, "0123456789abcdef0123456789abcdef");
  await page.getByText("This trace is not stored").waitFor();
}

async function difference({ page, world }) {
  const tenant = await traced(world);
  const traces = new TracesPage(page);
  await traces.trace(tenant, NAMED.plain, { view: "diff" });
  await page.getByRole("textbox", { name: "Compare with" }).fill(NAMED.failed);
  await page.keyboard.press("Enter");
  await page.getByTestId("diff-summary").waitFor();
  assert.match(await page.getByTestId("diff-summary").textContent(), /fails there/);
}

async function files({ page, world }) {
  const tenant = await traced(world);
  const traces = new TracesPage(page);
  await traces.trace(tenant, NAMED.plain);
  await traces.spans.first().waitFor();
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Details", exact: true }).click();
  await page.getByRole("menuitem", { name: "Download as OTLP JSON" }).click();
  assert.equal((await download).suggestedFilename(), `trace-${NAMED.plain}.json`);
  const path = join(tmpdir(), `nexus-trace-${world.run}.json`);
  writeFileSync(path, JSON.stringify(otlp(shopTraces()[3].spans)));
  const chooser = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: "Details", exact: true }).click();
  await page.getByRole("menuitem", { name: "Open a file" }).click();
  await (await chooser).setFiles(path);
  await page.getByText("From a file").waitFor();
  await traces.spans.nth(2).click();
  await traces.details.getByText("user.tier").first().waitFor();
}

async function large({ page, world }) {
  const tenant = await traced(world);
  const traces = new TracesPage(page);
  await traces.trace(tenant, NAMED.large, { repeated: "0" });
  await traces.spans.nth(10).waitFor();
  assert.equal(await traces.waterfall.getAttribute("data-rows"), "20000");
  assert.ok((await traces.spans.count()) < 120, "only what is visible is rendered");
  // Scrolling through all of it holds no frame up.
  const worst = await traces.waterfall.evaluate(async (element) => {
    let slowest = 0;
    for (let step = 0; step < 40; step += 1) {
      const started = performance.now();
      element.scrollTop += 12_000;
      await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
      slowest = Math.max(slowest, performance.now() - started);
    }
    return slowest;
  });
  assert.ok(worst < 250, `a frame took ${Math.round(worst)} ms`);
}

async function jumps({ page, world }) {
  const tenant = await traced(world);
  const traces = new TracesPage(page);
  await page.goto(`${BASE}/logs?${new URLSearchParams({ tenant, q: `trace_id:${NAMED.failed}` })}`);
  await page.getByTestId("log-row").first().locator("[data-cell=body]").click();
  const button = page.getByTestId("open-trace");
  await button.getByText(/Trace, \d+ spans/).waitFor();
  await button.click();
  await traces.panel.getByTestId("trace-head").waitFor();
  await page.keyboard.press("Control+k");
  await page.getByPlaceholder(/^Search pages/).fill(NAMED.plain);
  await page.getByRole("button", { name: `Trace ${NAMED.plain}`, exact: true }).click();
  await page.waitForURL((url) => url.pathname === `/traces/${NAMED.plain}`);
  await page.getByPlaceholder(/^Search pages/).waitFor({ state: "detached" });
  await page.keyboard.press("g");
  await page.keyboard.press("t");
  await page.waitForURL((url) => url.pathname === "/traces");
}

export default {
  "search by text and form, mistakes, nothing found": search,
  "Escape cancels a search here and on the server": cancelling,
  "attributes and the panel, whose verbs edit the query": facetsAndPanel,
  "a box of the heatmap is compared and zoomed to": heatmap,
  "TraceQL metrics are charts": metrics,
  "a trace by mouse and keys": trace,
  "a failed span and its logs": logsInline,
  "what is odd is said": oddities,
  "two traces are told apart": difference,
  "a trace goes out as a file and comes in": files,
  "twenty thousand spans stay smooth": large,
  "logs and the palette lead to a trace": jumps,
};
