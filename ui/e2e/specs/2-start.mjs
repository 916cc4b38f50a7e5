import assert from "node:assert/strict";
import { BASE } from "../browser.mjs";

async function firstRun({ page, world }) {
  const tenant = `e2e-new-${world.run}`;
  await page.goto(`${BASE}/?tenant=${tenant}`);
  await page.getByRole("radio", { name: /curl/ }).click();
  const snippet = page.getByTestId("snippet").first();
  assert.match(await snippet.textContent(), /YOUR_KEY/);
  await page.getByRole("button", { name: "Create key" }).click();
  const secret = await page.getByTestId("secret").textContent();
  assert.ok((await snippet.textContent()).includes(secret), "the key is filled in");
  assert.ok((await snippet.textContent()).includes(BASE), "the address is filled in");
  for (const source of ["Python", "JavaScript", "Collector OTLP", "File nexus", "Vector", "Fluent Bit"]) {
    await page.getByRole("radio", { name: new RegExp(source) }).click();
    assert.ok((await page.getByTestId("snippet").allTextContents()).join("").includes(secret), `${source} has the key`);
  }
  const probe = page.getByTestId("probe");
  assert.match(await probe.textContent(), /Waiting for data/);
  await world.server.write(secret, [{ message: "hello from the first run", level: "info", service: "first" }]);
  await probe.getByText(/Data is arriving: 1 records/).waitFor();
  await probe.getByRole("link", { name: "Open the logs" }).click();
  await page.getByText("hello from the first run").first().waitFor();
}

async function never({ page, world }) {
  await page.goto(`${BASE}/logs?tenant=e2e-nothing-${world.run}`);
  await page.getByText("No logs have arrived yet").waitFor();
  await page.getByRole("main").getByRole("link", { name: "Get started" }).click();
  await page.getByText("Choose a source", { exact: true }).waitFor();
}

export default { "from nothing to the first record": firstRun, "no data ever leads to get started": never };
