import assert from "node:assert/strict";
import { LogsPage } from "../pages/logs.mjs";
import { Shell } from "../pages/shell.mjs";

async function zoom({ page, world }) {
  const logs = new LogsPage(page);
  const shell = new Shell(page);
  await logs.open(world.tenant);
  await logs.rows.first().waitFor();
  await logs.settled();
  const all = await logs.count();
  await logs.brush(0.3, 0.6);
  const url = new URL(page.url());
  assert.match(url.searchParams.get("from"), /^\d{4}/);
  const width = Date.parse(url.searchParams.get("to")) - Date.parse(url.searchParams.get("from"));
  assert.ok(Math.abs(width - 0.3 * 3_600_000) < 60_000, `zoomed to ${width} ms`);
  const part = await logs.count();
  assert.ok(part > 0 && part < all, `${part} of ${all}`);
  await logs.histogram.dblclick({ position: { x: 300, y: 40 } });
  await logs.settled();
  assert.ok((await logs.count()) > part, "zoomed out");
  await page.goBack();
  await page.goBack();
  await page.waitForFunction(() => document.querySelector("[data-testid=range-label]")?.textContent === "Last hour");
  assert.equal(await shell.range.textContent(), "Last hour");
}

async function keyboard({ page, world }) {
  const logs = new LogsPage(page);
  await logs.open(world.tenant);
  await logs.rows.first().waitFor();
  await logs.histogram.focus();
  for (let press = 0; press < 12; press += 1) await page.keyboard.press("ArrowRight");
  for (let press = 0; press < 10; press += 1) await page.keyboard.press("Shift+ArrowRight");
  await page.keyboard.press("Enter");
  await logs.settled();
  assert.match(new URL(page.url()).searchParams.get("from") ?? "", /^\d{4}/);
}

async function legend({ page, world }) {
  const logs = new LogsPage(page);
  await logs.open(world.tenant);
  await logs.rows.first().waitFor();
  const figure = page.getByRole("figure", { name: "Records over time" });
  const info = figure.getByRole("button", { name: /^info/ });
  // Rows and histogram are two answers: the legend comes with the second.
  await info.waitFor();
  const before = await logs.histogram.locator("path").count();
  assert.ok(before > 1, `${before} series are drawn`);
  await info.click();
  assert.equal(await info.getAttribute("aria-pressed"), "false");
  assert.equal(await logs.histogram.locator("path").count(), before - 1);
  await figure.getByRole("button", { name: "As a table" }).click();
  await figure.getByRole("columnheader", { name: "error" }).waitFor();
  await page.getByRole("combobox", { name: "Stack by" }).selectOption("service");
  await figure.getByRole("button", { name: /^checkout/ }).waitFor();
  assert.match(page.url(), /by=service/);
}

export default {
  "dragging zooms, a double click zooms out": zoom,
  "the keyboard zooms too": keyboard,
  "the legend hides, the table tells, the stack changes": legend,
};
