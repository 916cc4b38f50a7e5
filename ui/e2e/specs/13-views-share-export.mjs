import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { BASE } from "../browser.mjs";
import { LogsPage } from "../pages/logs.mjs";
import { Shell } from "../pages/shell.mjs";

async function views({ page, world }) {
  const logs = new LogsPage(page);
  const name = `Checkout errors ${world.run}`;
  await logs.open(world.tenant, { q: "level:error service:checkout", cols: "http.method" });
  await logs.rows.first().waitFor();
  await page.keyboard.press("v");
  await page.getByText("No saved views yet").waitFor();
  await page.getByRole("button", { name: "Save as a new view" }).click();
  await page.keyboard.press("Enter");
  await page.getByText("Give the view a name.").waitFor();
  await page.getByRole("textbox", { name: "Name", exact: true }).fill(name);
  await page.keyboard.press("Enter");
  await page.waitForURL(/view=/);
  const button = page.getByTestId("views-button");
  await button.getByText(name).waitFor();

  await logs.search("level:error");
  await button.getByText("changed").waitFor();
  await button.click();
  await page.getByRole("button", { name: `Update “${name}”` }).click();
  await button.getByText("changed").waitFor({ state: "detached" });

  await logs.open(world.tenant);
  await logs.rows.first().waitFor();
  await page.keyboard.press("v");
  const menu = page.getByTestId("views-menu");
  await menu.getByLabel("Find a view").fill("check err");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.waitForURL(/q=level/);
  assert.equal(logs.query, "level:error");
  assert.match(page.url(), /cols=http.method/);
  assert.match(page.url(), new RegExp(`tenant=${world.tenant}`));
  await logs.rows.first().waitFor();

  await page.keyboard.press("Escape");
  await page.keyboard.press("v");
  await menu.getByRole("button", { name: `Rename or share: ${name}` }).click();
  await page.getByRole("textbox", { name: "Name", exact: true }).fill(`${name} again`);
  await page.getByLabel("Everybody in the tenant sees it").uncheck();
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await menu.getByText(`${name} again`).waitFor();
  await menu.getByText("only you").waitFor();
  await menu.getByRole("button", { name: `Delete: ${name} again` }).click();
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByText("No saved views yet").waitFor();
}

async function share({ page, world }) {
  const logs = new LogsPage(page);
  const shell = new Shell(page);
  await logs.open(world.tenant, { q: "level:error", order: "asc" });
  await logs.rows.first().waitFor();
  await page.keyboard.press("s");
  await shell.toast.getByText("Link copied").waitFor();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  assert.match(link, new RegExp(`^${BASE}/v/[\\w-]+$`));
  await page.goto(`${BASE}/`);
  await page.goto(link);
  await page.waitForURL(/\/logs\?/);
  await logs.rows.first().waitFor();
  const parameters = new URL(page.url()).searchParams;
  assert.equal(parameters.get("q"), "level:error");
  assert.equal(parameters.get("order"), "asc");
  assert.equal(parameters.get("tenant"), world.tenant);
  assert.match(parameters.get("from"), /^\d{4}-.*Z$/, "absolute");
  await page.keyboard.press("s");
  await page.waitForTimeout(300);
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), link, "the same page has the same link");
  await shell.menu("Share link", "Copy short link with the relative range");
  await page.waitForFunction(async (old) => (await navigator.clipboard.readText()) !== old, link);
}

async function gone({ page }) {
  await page.goto(`${BASE}/v/nosuchlink`);
  await page.getByText("This link leads nowhere").waitFor();
  await page.getByRole("link", { name: "Go to logs" }).click();
  await page.waitForURL(/\/logs/);
}

async function lines(path) {
  const found = [];
  for await (const line of createInterface({ input: createReadStream(path) })) found.push(line);
  return found;
}

async function exported({ page, world }) {
  const logs = new LogsPage(page);
  await logs.open(world.tenant, { q: "level:error", cols: "http.method" });
  await logs.rows.first().waitFor();
  await logs.settled();
  const count = await logs.count();
  const open = () => page.getByRole("button", { name: "Export", exact: true }).click();
  const download = async () => {
    const [file] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("link", { name: "Download" }).click(),
    ]);
    return { name: file.suggestedFilename(), path: await file.path() };
  };
  await open();
  await page
    .getByTestId("export-count")
    .getByText(`${count.toLocaleString("en-US")} records will be written.`)
    .waitFor();
  const json = await download();
  assert.match(json.name, /^logs.*\.ndjson$/);
  const records = (await lines(json.path)).map((line) => JSON.parse(line));
  assert.equal(records.length, count);
  assert.ok(records.every((record) => record.severity === "error"));

  await open();
  await page.getByText("CSV", { exact: true }).click();
  await page.getByText("As shown", { exact: true }).click();
  await page.getByLabel("At most").fill("5");
  await page
    .getByTestId("export-count")
    .getByText(/^The first 5 of/)
    .waitFor();
  const csv = await download();
  assert.match(csv.name, /\.csv$/);
  const rows = await lines(csv.path);
  assert.equal(rows.length, 6, "a head and five records");
  assert.match(rows[0], /timestamp.*service.*severity.*http\.method.*body/);

  await open();
  await page.getByText("Parquet", { exact: true }).click();
  const parquet = await download();
  assert.match(parquet.name, /\.parquet$/);
  const head = await new Promise((resolve) => createReadStream(parquet.path, { end: 3 }).on("data", resolve));
  assert.equal(String(head), "PAR1");

  await open();
  await page.getByLabel("At most").fill("many");
  await page.getByText("A whole number from 1").waitFor();
}

export default {
  "views are saved, opened, updated, renamed and deleted": views,
  "a short link leads to the same data": share,
  "an unknown link says so": gone,
  "an export is a download in three formats": exported,
};
