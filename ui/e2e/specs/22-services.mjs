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
  await panel.getByTestId("jump-traces").getByText(/\d/).waitFor();
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
  "one service": service,
};
