/** Services: list, map, one service, and the jumps with their numbers. */
import assert from "node:assert/strict";
import { TracesPage } from "../pages/traces.mjs";
import { traced } from "../traced.mjs";

async function list({ page, world }) {
  const tenant = await traced(world);
  const traces = new TracesPage(page);
  await traces.services(tenant);
  const rows = page.getByTestId("service-row");
  await rows.filter({ hasText: "payment" }).waitFor();
  await page.getByRole("textbox", { name: "Find a service" }).fill("pay");
  await page.waitForFunction(() => document.querySelectorAll("[data-testid=service-row]").length === 1);
  await rows.first().click();
  const panel = page.getByTestId("service-panel");
  // All of them are counted: 240 and those that tests ask for by name.
  await panel
    .getByTestId("jump-traces")
    .getByText(/Traces 24\d/)
    .waitFor();
  await panel.getByTestId("jump-traces").click();
  await traces.panel.getByTestId("trace-row").first().waitFor();
  await page.getByRole("button", { name: "Back" }).click();
  await panel.getByRole("button", { name: "Open as a page" }).click();
  await page.waitForURL((url) => url.pathname === "/services/payment");
}

async function map({ page, world }) {
  const tenant = await traced(world);
  const traces = new TracesPage(page);
  await traces.services(tenant, "", { view: "map" });
  const nodes = page.getByTestId("map-node");
  await nodes.filter({ hasText: "checkout" }).waitFor();
  const all = await nodes.count();
  // Along the calls by keys, and one into the middle.
  const frontend = nodes.filter({ hasText: "frontend" }).first();
  await frontend.focus();
  await page.keyboard.press("ArrowRight");
  const focused = await page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? "");
  assert.match(focused, /^checkout/);
  await frontend.focus();
  await page.keyboard.press("f");
  await page.waitForURL((url) => url.searchParams.get("focus") === "frontend");
  await page.waitForFunction((count) => document.querySelectorAll("[data-testid=map-node]").length < count, all);
  await frontend.focus();
  await page.keyboard.press("Enter");
  await page.getByTestId("service-panel").waitFor();
}

async function twoClicks({ page, world }) {
  const tenant = await traced(world);
  const traces = new TracesPage(page);
  // One click on the service that fails, one on a request: the span that failed first, and the logs of its trace.
  await traces.services(tenant);
  await page.getByTestId("service-row").filter({ hasText: "payment" }).click();
  await page.getByTestId("blamed-error").getByTestId("trace-row").first().click();
  await traces.panel.getByTestId("span-details").getByText("POST /charge").first().waitFor();
  await traces.panel.getByTestId("span-logs").waitFor();
  assert.match(traces.argument("panel"), /^service:payment\ntrace:/);
  // From the page of the service: the slow ones with their number, the longest first, and where the time went.
  await traces.services(tenant, "/payment");
  await page
    .getByTestId("jump-slow")
    .getByText(/Slow [1-9]/)
    .waitFor();
  await page.getByTestId("jump-slow").click();
  await traces.panel.getByTestId("trace-row").first().click();
  await traces.panel.getByTestId("span-details").getByText("POST /charge").first().waitFor();
}

async function groups({ page, world }) {
  const tenant = await traced(world);
  const traces = new TracesPage(page);
  await traces.services(tenant, "", { view: "map", group: "namespace" });
  const shop = page.getByTestId("map-node").filter({ hasText: "shop" });
  await shop.waitFor();
  // A group opens into its services and those around them.
  await shop.click();
  await page.waitForURL((url) => url.searchParams.get("focus") === "namespace:shop");
  await page.getByTestId("map-node").filter({ hasText: "payment" }).waitFor();
  await traces.services(tenant, "", { view: "map", vs: "week" });
  await page.getByText("There were no calls then").waitFor();
  assert.match(await page.getByTestId("map-node").filter({ hasText: "payment" }).getAttribute("aria-label"), /, new$/);
}

async function service({ page, world }) {
  const tenant = await traced(world);
  const traces = new TracesPage(page);
  await traces.services(tenant, "/payment");
  await page.getByTestId("service-head").getByText("payment").waitFor();
  await page.getByTestId("jump-logs").waitFor();
  await page.getByRole("tab", { name: "Operations" }).click();
  await page.getByTestId("service-operations").getByText("POST /charge").waitFor();
  await page.getByRole("tab", { name: "Errors" }).click();
  const errors = page.getByTestId("service-errors");
  await errors.getByText("TimeoutError").first().waitFor();
  await errors.getByRole("button", { name: "One of its traces" }).first().click();
  await traces.panel.getByTestId("trace-head").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("tab", { name: "Deployments" }).click();
  const versions = page.getByTestId("service-versions");
  await versions.getByRole("row", { name: /2\.1\.0 was seen first/ }).waitFor();
  await page.getByRole("tab", { name: "Dependencies" }).click();
  await page.getByRole("button", { name: "checkout", exact: true }).waitFor();
  await page.getByRole("tab", { name: "Overview" }).click();
  await page.getByTestId("aggregate-path").locator("li").first().waitFor();
}

export default {
  "the list, the panel and its jumps": list,
  "the map by keys": map,
  "two clicks to the span to blame": twoClicks,
  "groups and the difference to another time": groups,
  "one service": service,
};
