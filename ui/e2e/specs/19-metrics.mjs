/** Metrics: found, looked at by their labels, asked with queries; charts, exemplars, and the logs beside them. */
import assert from "node:assert/strict";
import { open } from "../browser.mjs";
import { metered } from "../metered.mjs";
import { LoginPage } from "../pages/login.mjs";
import { MetricsPage } from "../pages/metrics.mjs";
import { Shell } from "../pages/shell.mjs";

const REQUESTS = "sum by (job) (rate(http_requests_total[5m]))";

async function browse({ page, world }) {
  await metered(world);
  const metrics = new MetricsPage(page);
  await metrics.open(world.tenant);
  await new Shell(page).goTo("Metrics");
  await metrics.metrics.first().waitFor();
  assert.ok(Number((await metrics.count.textContent()).match(/\d+/)[0]) > 100, "more than a page");
  // Only what is in view exists; the rest comes by scrolling.
  assert.ok((await metrics.metrics.count()) < 60);
  await page.getByTestId("metric-list").focus();
  await page.keyboard.press("End");
  await page.waitForFunction(() => document.querySelector("[data-testid=metric-list] [aria-rowindex='51']") !== null);
  await metrics.find.fill("requests served");
  await page.waitForFunction(() => document.querySelectorAll("[data-testid=metric]").length === 1);
  const found = metrics.metrics.first();
  assert.match(await found.textContent(), /http_requests_total.*Requests served.*counter/s);
  await page.getByTestId("metric-list").focus();
  await page.keyboard.press("Enter");
  await metrics.drawn();
  assert.equal(metrics.argument("metric"), "http_requests_total");
  await page.getByRole("combobox", { name: "Split by" }).click();
  await page.getByRole("option", { name: "job", exact: true }).click();
  const multiples = page.getByTestId("multiples");
  await multiples.getByTestId("chart").nth(4).waitFor();
  await page.waitForFunction(() => document.querySelectorAll("[data-drawn]").length === 5);
  // One cursor for all of them.
  await metrics.hover(0.5);
  await page.waitForFunction(
    () =>
      [...document.querySelectorAll("[data-testid=plot] > div[aria-hidden]")].filter(
        (one) => one.style.visibility === "visible",
      ).length === 5,
  );
  await multiples.getByRole("button", { name: /checkout/ }).click();
  await page.waitForURL((url) => url.searchParams.get("tab") === "query");
  assert.match(metrics.argument("q"), /job="[^"]*checkout"/);
  await metrics.drawn();
}

async function query({ page, world }) {
  await metered(world);
  const metrics = new MetricsPage(page);
  await metrics.open(world.tenant, { tab: "query" });
  await metrics.editor("A").click();
  await page.keyboard.type("sum by (job) (rate(http_requests", { delay: 5 });
  await page.locator(".cm-tooltip-autocomplete li").filter({ hasText: "http_requests_total" }).first().waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.type("{code=", { delay: 5 });
  await page.keyboard.type('"5');
  await page.locator(".cm-tooltip-autocomplete li").filter({ hasText: "500" }).first().waitFor();
  await page.keyboard.press("Tab");
  await metrics.type("A", REQUESTS);
  await page.keyboard.press("Enter");
  await metrics.drawn();
  assert.equal(metrics.argument("q"), REQUESTS);
  assert.equal(await metrics.legend.getByRole("rowheader").count(), 5);
  assert.match(await page.getByTestId("query-cost").textContent(), /reads about/);
  assert.match(await page.getByTestId("series-count").textContent(), /5 series/);
  await page.getByRole("button", { name: "Say in words what the query does" }).click();
  assert.match(await page.getByTestId("query-words").textContent(), /sum|Sum/);

  // Several, with legends, and an earlier period as dashes.
  await page.getByRole("button", { name: "Add query" }).click();
  await metrics.type("B", "sum(rate(http_requests_total[5m]))");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "More about query A" }).click();
  await page.getByRole("menuitem", { name: "Legend" }).click();
  await page.getByLabel("Legend of query A").fill("requests of {{job}}");
  await page.getByLabel("Legend of query A").press("Enter");
  await metrics
    .series(/requests of .*checkout/)
    .first()
    .waitFor();
  await page.getByRole("combobox", { name: "Compare" }).click();
  await page.getByRole("option", { name: "The span before" }).click();
  await page.waitForURL((url) => url.searchParams.get("vs") === "previous");
  await page.reload();
  await metrics.drawn();
  assert.equal(await metrics.rows.count(), 2);
  await page.getByRole("button", { name: "Hide" }).last().click();
  await page.waitForFunction(() => document.querySelectorAll("[data-testid=legend] tbody th").length < 11);
  await page.getByRole("radio", { name: "Table" }).click();
  await page.getByTestId("instant").getByRole("row").nth(3).waitFor();
  await page.getByTestId("instant").getByRole("button", { name: "Value" }).click();
}

async function charts({ page, world }) {
  await metered(world);
  const metrics = new MetricsPage(page);
  await metrics.ask(world.tenant, REQUESTS);
  await metrics.hover(0.5);
  await metrics.tip.waitFor();
  const { x, y } = await metrics.spot(0.5);
  await page.mouse.click(x, y);
  await page.getByRole("group", { name: "Pinned values" }).waitFor();
  await page.mouse.move(x + 120, y + 30);
  assert.equal(await metrics.tip.count(), 1);
  await page.getByRole("button", { name: "Unpin" }).click();

  const all = await metrics.legend.getByRole("rowheader").count();
  const names = await metrics.legend.getByRole("rowheader").allTextContents();
  await metrics.series(names[0]).click();
  assert.equal(await metrics.legend.locator("[aria-pressed=true]").count(), 1);
  await metrics.series(names[1]).click({ modifiers: ["Control"] });
  assert.equal(await metrics.legend.locator("[aria-pressed=true]").count(), 2);
  await metrics.legend.getByRole("button", { name: "Show all" }).click();
  assert.equal(await metrics.legend.locator("[aria-pressed=true]").count(), all);

  await metrics.brush(0.3, 0.6);
  await page.waitForURL((url) => /^\d{4}/.test(url.searchParams.get("from") ?? ""));
  const width = Date.parse(metrics.argument("to")) - Date.parse(metrics.argument("from"));
  assert.ok(Math.abs(width - 0.3 * 3_600_000) < 120_000, `zoomed to ${width} ms`);
  await metrics.drawn();
  await metrics.plot.dblclick({ position: { x: 300, y: 60 } });
  await page.waitForFunction((before) => {
    const { searchParams } = new URL(location.href);
    return Date.parse(searchParams.get("to")) - Date.parse(searchParams.get("from")) > before * 1.5;
  }, width);
  await page.goBack();
  await page.goBack();
  await page.waitForFunction(() => document.querySelector("[data-testid=range-label]")?.textContent === "Last hour");

  // The same with the keyboard.
  await metrics.drawn();
  await metrics.plot.focus();
  // Time went on since the samples were sent: the first steps of the hour have none.
  let shown = "";
  for (let press = 0; press < 60 && !/\/s/.test(shown); press += 1) {
    await page.keyboard.press("ArrowRight");
    shown = await metrics.tip.textContent();
  }
  assert.match(shown, /\/s/);
  for (let press = 0; press < 20; press += 1) await page.keyboard.press("Shift+ArrowRight");
  await page.keyboard.press("Enter");
  await page.waitForURL((url) => /^\d{4}/.test(url.searchParams.get("from") ?? ""));
  await page.getByRole("button", { name: "As a table" }).click();
  await page.getByTestId("chart-table").getByRole("row").nth(2).waitFor();
  const before = await page.evaluate(() => document.querySelector("canvas").toDataURL().length);
  await page.keyboard.press("Shift+D");
  await page.waitForFunction(() => document.querySelector("[data-theme=dark]") !== null);
  await metrics.drawn();
  assert.notEqual(await page.evaluate(() => document.querySelector("canvas").toDataURL().length), before);
}

async function mistakes({ page, world }) {
  await metered(world);
  const metrics = new MetricsPage(page);
  await metrics.open(world.tenant, { tab: "query" });
  await metrics.type("A", "rate(http_requests_total)");
  await metrics.problem.waitFor();
  await page.locator(".cm-problem").first().waitFor();
  assert.match(await metrics.problem.textContent(), /\[5m\]|range vector|range/);
  await page.keyboard.press("Enter");
  await page.getByText("Query A has a mistake").waitFor();
  await metrics.type("A", "rate(process_resident_memory_bytes[5m])");
  await page.keyboard.press("Enter");
  await page.getByTestId("infos").waitFor();
  assert.match(await page.getByTestId("infos").textContent(), /counter/);
}

async function nothing({ page, world }) {
  await metered(world);
  const metrics = new MetricsPage(page);
  await metrics.open(world.tenant, { tab: "query", q: "no_such_metric" });
  await page.getByText("There is no metric no_such_metric").waitFor();
  await metrics.open(world.tenant, { tab: "query", q: 'http_requests_total{code="999"}' });
  await page.getByRole("button", { name: /^Remove code="999"/ }).click();
  await metrics.drawn();
  await metrics.open(world.tenant, { tab: "query", q: "http_requests_total", from: "now-30d", to: "now-29d" });
  await page.getByRole("button", { name: "Jump there" }).click();
  await metrics.drawn();
  await metrics.open(world.tenant, { tab: "query", q: "http_requests_total > 1e15" });
  await page.getByText("The query has no result").waitFor();
  await metrics.open(`e2e-nothing-${world.run}`, { tab: "query", q: "up" });
  await page.getByRole("main").getByText("No metrics have arrived yet").first().waitFor();
}

async function beside({ page, world }) {
  await metered(world);
  const metrics = new MetricsPage(page);
  await metrics.ask(world.tenant, 'rate(http_requests_total{job="checkout", code="200"}[5m])');
  await page.getByTestId("logs-beside").waitFor();
  const count = await page.getByTestId("logs-beside").textContent();
  await page.getByTestId("logs-beside").click();
  await metrics.panel.getByTestId("beside-lines").getByRole("listitem").nth(3).waitFor();
  assert.equal(await metrics.panel.getByTestId("beside-count").textContent(), count);
  assert.equal(metrics.argument("panel"), "logs");
  await page.keyboard.press("Escape");
  await metrics.panel.waitFor({ state: "detached" });

  await metrics.ask(
    world.tenant,
    "histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))",
    { ex: "1" },
  );
  await page.getByRole("button", { name: "As a table" }).click();
  await page
    .getByRole("button", { name: /^Exemplar/ })
    .first()
    .click();
  await metrics.panel.getByText("Trace 0af7651916cd43dd8448eb211c80319c").first().waitFor();
  assert.match(metrics.argument("panel"), /0af7651916cd43dd8448eb211c80319c/);
  await metrics.panel.getByTestId("beside-lines").getByRole("listitem").first().waitFor();
  await metrics.panel.getByRole("link", { name: "Open in Logs" }).click();
  await page.waitForURL((url) => url.pathname === "/logs" && url.searchParams.get("q").startsWith("trace_id:"));
  await page.getByTestId("log-row").first().waitFor();
}

const RPC = "sum(rate(rpc_client_duration_seconds[5m]))";
const BUCKETS = "sum by (le) (rate(http_request_duration_seconds_bucket[5m]))";

async function families({ page, world }) {
  await metered(world);
  const metrics = new MetricsPage(page);
  await metrics.open(world.tenant);
  // A histogram is one entry, found by the names of its series, too.
  await metrics.find.fill("duration_seconds_bucket");
  await page.waitForFunction(() => document.querySelectorAll("[data-testid=metric]").length === 1);
  assert.match(await metrics.metrics.first().textContent(), /^http_request_duration_seconds\D.*histogram.*seconds/s);
  await metrics.metrics.first().click();
  // A heatmap, and the quantiles below it.
  await metrics.colors.waitFor();
  await metrics.series("p99").waitFor();
  assert.equal(await page.locator("[data-drawn]").count(), 2);
  await metrics.hover(0.5);
  await page.waitForFunction(
    () =>
      [...document.querySelectorAll("[data-testid=plot] > div[aria-hidden]")].filter(
        (one) => one.style.visibility === "visible",
      ).length === 2,
  );
  const places = await page
    .locator("[data-testid=plot] .u-over")
    .evaluateAll((all) => all.map((one) => Math.round(one.getBoundingClientRect().left)));
  assert.equal(places[0], places[1], "both charts begin at one place");
  await page.getByRole("button", { name: "Open as a query" }).click();
  await page.waitForURL((url) => url.searchParams.get("style") === "heatmap");
  await metrics.colors.waitFor();
  await metrics
    .series("p95")
    .or(page.getByRole("button", { name: "C · p95" }))
    .first()
    .waitFor();
  assert.equal(await metrics.rows.count(), 4);
}

async function heatmap({ page, world }) {
  await metered(world);
  const metrics = new MetricsPage(page);
  // Native histograms are heatmaps by themselves.
  await metrics.ask(world.tenant, RPC);
  await metrics.colors.waitFor();
  assert.equal(await metrics.legend.count(), 0);
  await metrics.hover(0.6);
  await metrics.tip.getByText("All buckets").waitFor();
  assert.match(await metrics.tip.textContent(), /ms – .*\/s/);
  const painted = await page.evaluate(() => {
    const canvas = document.querySelector("canvas");
    const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    const colors = new Set();
    for (let at = 0; at < data.length; at += 4)
      if (data[at + 3] > 0) colors.add((data[at] << 16) | (data[at + 1] << 8) | data[at + 2]);
    return colors.size;
  });
  assert.ok(painted > 20, `${painted} colours`);
  await metrics.plot.focus();
  for (let press = 0; press < 3; press += 1) await page.keyboard.press("ArrowLeft");
  await page.getByTestId("chart-tip").getByText("All buckets").waitFor();
  await page.getByRole("button", { name: "As a table" }).click();
  assert.ok((await page.getByTestId("chart-table").getByRole("columnheader").count()) > 10);
  await page.getByRole("button", { name: "As a table" }).click();
  await metrics.brush(0.3, 0.6);
  await page.waitForURL((url) => /^\d{4}/.test(url.searchParams.get("from") ?? ""));

  // Buckets of a classic one offer it; other series say what is missing.
  await metrics.ask(world.tenant, BUCKETS);
  await metrics.legend.waitFor();
  await page.getByRole("button", { name: "Show as a heatmap" }).click();
  await metrics.colors.waitFor();
  assert.equal(await metrics.legend.count(), 0);
  await metrics.ask(world.tenant, REQUESTS, { style: "heatmap" });
  await page.getByText("No query has buckets").waitFor();
}

async function exemplars({ page, world }) {
  await metered(world);
  const metrics = new MetricsPage(page);
  await metrics.ask(world.tenant, RPC, { ex: "1" });
  await metrics.colors.waitFor();
  await metrics.plot.focus();
  const card = page.getByRole("group", { name: /^Exemplar/ });
  for (let press = 0; press < 40 && (await card.count()) === 0; press += 1) {
    await page.keyboard.press("e");
    await page.waitForTimeout(50);
  }
  const said = await card.textContent();
  assert.match(said, /80 ms.*trace_id.*0af7651916cd43dd8448eb211c80319c/s);
  await page.keyboard.press("Enter");
  await metrics.panel.getByTestId("beside-lines").getByRole("listitem").first().waitFor();
  await page.keyboard.press("Escape");
  await metrics.panel.waitFor({ state: "detached" });
  // The same with the pointer: it is where the ring of the keyboard was.
  await metrics.plot.focus();
  await page.keyboard.press("e");
  await card.waitFor();
  const ring = await page.getByTestId("exemplar-ring").boundingBox();
  await page.keyboard.press("Escape");
  await page.mouse.click(ring.x + ring.width / 2, ring.y + ring.height / 2);
  await metrics.panel.getByText("Trace 0af7651916cd43dd8448eb211c80319c").first().waitFor();

  const bare = { t: Date.now() / 1000 - 600, v: 0.5, l: { user: "ada" }, s: { job: "checkout" } };
  await metrics.ask(world.tenant, RPC, { panel: `exemplar:${JSON.stringify({ ...bare, id: "" })}` });
  await metrics.panel.getByText("carries no trace id").waitFor();
  await metrics.ask(world.tenant, RPC, { panel: `exemplar:${JSON.stringify({ ...bare, id: "ab".repeat(16) })}` });
  await metrics.panel.getByText("No logs carry this trace id in this time").waitFor();
}

async function palette({ page, world }) {
  await metered(world);
  const metrics = new MetricsPage(page);
  await metrics.open(world.tenant, { tab: "query" });
  await metrics.rows.first().waitFor();
  await page.keyboard.press("Control+k");
  const search = page.getByPlaceholder(/^Search pages, metrics/);
  await search.fill("long calls of others");
  await page.getByRole("button", { name: /^rpc_client_duration_seconds/ }).waitFor();
  await page.keyboard.press("Enter");
  await page.waitForURL((url) => url.searchParams.get("metric") === "rpc_client_duration_seconds");
  await metrics.colors.waitFor();
  await page.keyboard.press("Control+k");
  await search.fill("down");
  await page.getByRole("button", { name: "Targets that are down" }).click();
  await page.waitForURL((url) => url.pathname === "/targets" && url.searchParams.get("health") === "down");
}

async function hidden({ world, browser }) {
  const role = `only-logs-${world.run}`;
  await world.server.put(`roles/${role}`, { grants: [{ permission: "logs:read", resource: "*" }] });
  const name = `logger-${world.run}`;
  const password = await world.server.user(name, [[role, world.tenant]]);
  const tab = await open(browser);
  const shell = new Shell(tab.page);
  await tab.page.goto(`${process.env.NEXUS_URL}/login`);
  await new LoginPage(tab.page).signIn(password, name);
  await shell.rail.getByRole("link", { name: "Logs", exact: true }).waitFor();
  assert.equal(await shell.rail.getByRole("link", { name: "Metrics", exact: true }).count(), 0);
  assert.equal(await shell.rail.getByRole("link", { name: "Targets", exact: true }).count(), 0);
  await tab.page.goto(`${process.env.NEXUS_URL}/metrics`);
  await tab.page.getByTestId("forbidden").getByText("metrics:read").waitFor();
  await tab.context.close();
}

/** A chart of three series with a million points each: from the numbers to the painted frame. */
async function millions({ page, world }) {
  const metrics = new MetricsPage(page);
  const points = 1_000_000;
  const end = Math.floor(Date.now() / 1000) * 1000;
  await page.route("**/api/nexus/v1/metrics/query", (route) => {
    const series = [1, 2, 3].map((factor) => {
      let text = "";
      for (let at = 0; at < points; at += 1)
        text += `${at ? "," : ""}${at % 50_000 < 400 ? "null" : Math.round(500 + 400 * Math.sin(at / 60_000 + factor) + (at % 7) * factor * 9)}`;
      return `{"labels":{"job":"job ${factor}"},"values":[${text}],"last":1,"min":1,"max":2,"mean":1.5}`;
    });
    const step = 3_600_000 / points;
    return route.fulfill({
      contentType: "application/json",
      body: `{"type":"matrix","start":${end - 3_600_000},"step":${step},"points":${points},"series":[${series.join(",")}],"total":3,"unit":"","text":"","warnings":[],"infos":[],"statistics":{"query_id":"q","elapsed_ms":1,"series":3,"samples":3,"peak_samples":3,"bytes_read":3}}`,
    });
  });
  await metrics.ask(world.tenant, "big");
  const times = await page.evaluate(() =>
    ["nexus-chart-frame", "nexus-chart-model", "nexus-chart-draw"].map(
      (name) => performance.getEntriesByName(name).at(-1)?.duration ?? -1,
    ),
  );
  const total = times.reduce((sum, one) => sum + one, 0);
  console.log(
    `     3 x 1 M points: ${times.map((one) => one.toFixed(0)).join(" + ")} = ${total.toFixed(0)} ms to the first frame`,
  );
  assert.ok(
    times.every((one) => one >= 0),
    "measured",
  );
  assert.ok(total < 1000, `the first frame took ${total} ms`);
  await metrics.hover(0.5);
  await metrics.tip.waitFor();

  // Hovering and brushing: how long frames take.
  const [from, to] = [await metrics.spot(0.1), await metrics.spot(0.9)];
  await page.evaluate(() => {
    window.frames_ = [];
    let last = performance.now();
    const tick = (now) => {
      window.frames_.push(now - last);
      last = now;
      window.tick_ = requestAnimationFrame(tick);
    };
    window.tick_ = requestAnimationFrame(tick);
  });
  for (let at = 0; at <= 60; at += 1)
    await page.mouse.move(from.x + ((to.x - from.x) * at) / 60, from.y + (at % 7) * 8);
  await page.mouse.down();
  for (let at = 60; at >= 0; at -= 1) await page.mouse.move(from.x + ((to.x - from.x) * at) / 60, from.y);
  const frames = await page.evaluate(() => {
    cancelAnimationFrame(window.tick_);
    return window.frames_.slice(1).sort((a, b) => a - b);
  });
  const share = (part) => frames[Math.min(frames.length - 1, Math.floor(frames.length * part))];
  console.log(
    `     hovering and brushing: ${frames.length} frames, median ${share(0.5).toFixed(0)}, 95 % ${share(0.95).toFixed(0)}, longest ${frames.at(-1).toFixed(0)} ms`,
  );
  assert.ok(share(0.95) < 100, `one frame in twenty took more than ${share(0.95)} ms`);
}

export default {
  "find a metric and look at it by a label": browse,
  "ask with completion, several queries, words, compare, table": query,
  "zoom, pin, isolate, keyboard, theme": charts,
  "mistakes are marked with the fix, notes are shown": mistakes,
  "nothing found says why": nothing,
  "logs beside it, and an exemplar with its trace": beside,
  "a histogram is one metric: a heatmap and its quantiles": families,
  "heatmaps of native and classic histograms": heatmap,
  "exemplars by keyboard and pointer": exemplars,
  "metrics and targets in the palette": palette,
  "hidden without the permission": hidden,
  "three million points": millions,
};
