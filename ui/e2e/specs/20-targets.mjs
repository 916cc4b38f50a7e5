/** What is scraped: states, errors, relabelling steps, reloading; and the first metrics of a new tenant. */
import assert from "node:assert/strict";
import { BASE } from "../browser.mjs";
import { shopMetrics } from "../metered.mjs";

async function targets({ page, world }) {
  await page.goto(`${BASE}/targets`);
  const answer = await world.server.get("targets");
  if (!answer.configured) {
    await page.getByText("Nothing is scraped yet").waitFor();
    assert.match((await page.getByTestId("snippet").allTextContents()).join(""), /scrape:\s+file:.*scrape_configs/s);
    return;
  }
  await page.getByTestId("target").first().waitFor();
  // One lives, one is not there: see test_browsers.py.
  await page
    .getByTestId("health-down")
    .locator("b")
    .filter({ hasText: /^[1-9]/ })
    .waitFor({ timeout: 30_000 });
  await page.getByTestId("health-down").click();
  const row = page.getByTestId("target");
  assert.equal(await row.count(), 1);
  assert.match(await row.textContent(), /refused|connect/i);
  await page.getByTestId("health-down").click();
  await page
    .getByTestId("health-up")
    .locator("b")
    .filter({ hasText: /^[1-9]/ })
    .waitFor({ timeout: 30_000 });
  await page.getByRole("textbox", { name: /Find a target/ }).fill("nexus");
  await page
    .getByRole("button", { name: /^Details of/ })
    .first()
    .click();
  const panel = page.getByTestId("target-panel");
  await panel.getByTestId("relabel-step").first().waitFor();
  assert.match(await panel.textContent(), /zone/);
  await page.keyboard.press("Escape");
  await panel.waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Reload configuration" }).click();
  await page.getByText(/^Reloaded: \d+ pools?/).waitFor();
}

async function first({ page, world }) {
  const tenant = `e2e-newmetrics-${world.run}`;
  await page.goto(`${BASE}/start?tenant=${tenant}&source=remotewrite`);
  await page.getByTestId("snippet").first().waitFor();
  assert.match((await page.getByTestId("snippet").allTextContents()).join(""), /remote_write:.*\/api\/v1\/write/s);
  await page.getByRole("button", { name: "Create key" }).click();
  const secret = await page.getByTestId("secret").textContent();
  await page.getByRole("radio", { name: /OTLP metrics/ }).click();
  assert.ok((await page.getByTestId("snippet").allTextContents()).join("").includes(secret), "the key is filled in");
  await page.getByRole("radio", { name: /A prometheus.yml/ }).click();
  assert.match((await page.getByTestId("snippet").allTextContents()).join(""), /scrape_configs/);
  await page.getByRole("radio", { name: /OTLP metrics/ }).click();
  const probe = page.getByTestId("probe");
  assert.match(await probe.textContent(), /Waiting for data/);
  const answer = await fetch(`${BASE}/v1/metrics`, {
    method: "POST",
    headers: { Authorization: `Bearer ${secret}`, "Content-Type": "application/json" },
    body: JSON.stringify(shopMetrics()),
  });
  assert.equal(answer.status, 200, await answer.text());
  await probe.getByText(/Data is arriving: [\d,]+ samples/).waitFor();
  await probe.getByRole("link", { name: "Open the metrics" }).click();
  await page.getByTestId("metric").first().waitFor();
}

export default { "state, errors, relabelling, reload": targets, "the first metrics": first };
