/** axe finds nothing serious on the pages of metrics and targets, in both themes. */
import { check } from "../axe.mjs";
import { BASE } from "../browser.mjs";
import { metered } from "../metered.mjs";
import { MetricsPage } from "../pages/metrics.mjs";

async function metering({ page, world }) {
  await metered(world);
  const metrics = new MetricsPage(page);
  await metrics.open(world.tenant, { metric: "http_requests_total", by: "job" });
  await page.getByTestId("multiples").getByTestId("chart").nth(4).waitFor();
  await metrics.drawn();
  await check(page, "metrics by a label");
  const lines = [
    { q: "sum by (job) (rate(http_requests_total[5m]))", l: "{{job}}" },
    { q: "sum(rate(http_requests_total[5m]))" },
  ];
  await metrics.ask(world.tenant, JSON.stringify(lines), { ex: "1", vs: "previous", line: "5" });
  await page.getByRole("button", { name: "Say in words what the query does" }).first().click();
  await page.getByTestId("query-words").waitFor();
  await page.getByRole("button", { name: "As a table" }).click();
  await metrics.hover(0.4);
  const { x, y } = await metrics.spot(0.4);
  await page.mouse.click(x, y);
  await page.getByRole("group", { name: "Pinned values" }).waitFor();
  await check(page, "queries");
  await metrics.open(world.tenant, { tab: "query", view: "table", q: "http_requests_total" });
  await page.getByTestId("instant").getByRole("row").nth(3).waitFor();
  await check(page, "instant values");
  await metrics.open(world.tenant, { metric: "http_request_duration_seconds" });
  await metrics.colors.waitFor();
  await metrics.series("p99").waitFor();
  await metrics.hover(0.4);
  await check(page, "a histogram");
  await metrics.ask(world.tenant, "sum(rate(rpc_client_duration_seconds[5m]))", { ex: "1" });
  await metrics.colors.waitFor();
  await page.getByRole("button", { name: "As a table" }).click();
  await page.getByTestId("chart-table").waitFor();
  await metrics.plot.focus();
  await page.keyboard.press("e");
  await check(page, "a heatmap with an exemplar");
  await page.keyboard.press("Control+k");
  await page.getByPlaceholder(/^Search pages, metrics/).fill("duration");
  await page.getByRole("button", { name: /^rpc_client_duration_seconds/ }).waitFor();
  await check(page, "metrics in the palette");
  await page.keyboard.press("Escape");
  await metrics.open(world.tenant, { tab: "query", q: "rate(http_requests_total" });
  await metrics.problem.waitFor();
  await check(page, "a mistake in a query");
  await metrics.open(world.tenant, { tab: "query", panel: "logs", q: 'http_requests_total{job="checkout"}' });
  await page.getByTestId("beside-lines").waitFor();
  await check(page, "logs beside metrics");
  await page.goto(`${BASE}/targets`);
  await page.waitForTimeout(700);
  await check(page, "targets");
  if ((await page.getByTestId("target").count()) > 0) {
    await page
      .getByRole("button", { name: /^Details of/ })
      .first()
      .click();
    await page.getByTestId("target-panel").waitFor();
    await page.waitForTimeout(300);
    await check(page, "a target");
  }
}

export default {
  "light theme": metering,
  "dark theme": Object.assign((context) => metering(context), { options: { theme: "dark" } }),
};
