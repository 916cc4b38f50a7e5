import assert from "node:assert/strict";
import { BASE } from "../browser.mjs";
import { LogsPage } from "../pages/logs.mjs";

async function range({ page, world }) {
  const logs = new LogsPage(page);
  await logs.open(world.tenant, { q: "timeout", from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z" });
  await page.getByText("No matching records in this range").waitFor();
  await page.getByText(/The last matching record is from/).waitFor();
  await page.getByRole("button", { name: "Jump there" }).click();
  await logs.rows.first().waitFor();
}

async function filtered({ page, world }) {
  const logs = new LogsPage(page);
  await logs.open(world.tenant, { q: "timeout severity:debug" });
  await page.getByText("Nothing matches all of these terms").waitFor();
  await page.getByRole("button", { name: /^Remove severity:debug \(\d/ }).click();
  await logs.rows.first().waitFor();
  assert.equal(logs.query, "timeout");
}

async function nothing({ page, world }) {
  const logs = new LogsPage(page);
  await logs.open(world.tenant, { q: "zzzqqqzzz" });
  await page
    .getByText("No record matches, in this range or any other")
    .or(page.getByRole("button", { name: /^Remove zzzqqqzzz/ }))
    .first()
    .waitFor();
}

async function failure({ page, world }) {
  const logs = new LogsPage(page);
  await page.route("**/logs/search", (route) =>
    route.fulfill({
      status: 422,
      contentType: "application/json",
      body: JSON.stringify({
        error: {
          code: "limit_exceeded",
          message: "The query read more than it may.",
          hint: "Narrow the range.",
          query_id: "q-42",
        },
      }),
    }),
  );
  await logs.open(world.tenant);
  const alert = page.getByRole("alert");
  await alert.getByText("The query read more than it may.").waitFor();
  assert.match(await alert.textContent(), /Narrow the range.*q-42/s);
  await page.unroute("**/logs/search");
  await alert.getByRole("button", { name: "Try again" }).click();
  await logs.rows.first().waitFor();
}

async function forbidden({ page, world }) {
  await page.route("**/logs/search", (route) =>
    route.fulfill({
      status: 403,
      contentType: "application/json",
      body: JSON.stringify({ error: { code: "permission_denied", message: "No." } }),
    }),
  );
  await new LogsPage(page).open(world.tenant);
  await page.getByText("You may not read these logs").waitFor();
}

async function offline({ page, world }) {
  const logs = new LogsPage(page);
  await logs.open(world.tenant);
  await logs.rows.first().waitFor();
  await page.route("**/api/**", (route) => route.abort());
  await page.keyboard.press("r");
  await page.getByRole("img", { name: "The server cannot be reached" }).waitFor({ timeout: 15_000 });
}

async function cancel({ page, world }) {
  const logs = new LogsPage(page);
  await page.route("**/logs/search", async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 3000));
    await route.continue().catch(() => undefined);
  });
  await logs.open(world.tenant);
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByText("The query was cancelled.").waitFor();
}

async function missing({ page }) {
  await page.goto(`${BASE}/logs?sel=nonsense`);
  await page.getByTestId("side-panel").getByRole("alert").waitFor();
}

offline.faulty = true;

export default {
  "none in range offers the jump": range,
  "filtered out offers to drop a term": filtered,
  "nothing at all": nothing,
  "an error names cause, query and next step": failure,
  "no permission is said": forbidden,
  "an unreachable server shows": offline,
  "a running query can be cancelled": cancel,
  "a record that is gone": missing,
};
