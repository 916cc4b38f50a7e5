/** axe finds nothing serious, in both themes, on every page and in every dialog. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { BASE } from "../browser.mjs";
import { LogsPage } from "../pages/logs.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

async function check(page, where) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() =>
    window.axe.run(document, {
      resultTypes: ["violations"],
      runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"],
    }),
  );
  const serious = violations.filter((violation) => ["serious", "critical"].includes(violation.impact));
  if (serious.length > 0) {
    throw new Error(
      serious
        .map(
          (violation) =>
            `${where}: ${violation.id} (${violation.impact}): ${violation.help}\n${violation.nodes
              .slice(0, 4)
              .map((node) => `  ${node.html.slice(0, 160)}\n  ${node.failureSummary.split("\n").slice(1, 3).join(" ")}`)
              .join("\n")}`,
        )
        .join("\n"),
    );
  }
  const other = violations.map((violation) => `${violation.id} (${violation.impact})`);
  if (other.length > 0) console.log(`     ${where}: ${other.join(", ")}`);
}

async function pages({ page, world }) {
  const logs = new LogsPage(page);
  for (const path of ["/", "/start", "/query", "/settings/keys"]) {
    await page.goto(`${BASE}${path}?tenant=${world.tenant}`);
    await page.waitForTimeout(700);
    await check(page, path);
  }
  await logs.open(world.tenant, { q: "timeout NOT service:cart", cols: "http.method" });
  await logs.rows.nth(3).waitFor();
  await check(page, "/logs");
  await logs.rows.nth(1).locator("[data-act=toggle]").click();
  await logs.rows.nth(3).locator("[data-cell=body]").click();
  await logs.panel.getByTestId("record-detail").waitFor();
  await check(page, "/logs with a record");
  await page.keyboard.press("Escape");
  await page.keyboard.press("t");
  await page.getByLabel("Type a range").waitFor();
  await page.waitForTimeout(200);
  await check(page, "time picker");
  await page.keyboard.press("Escape");
  await page.keyboard.press("?");
  await page.getByRole("dialog").waitFor();
  await page.waitForTimeout(200);
  await check(page, "key help");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.keyboard.press("Control+k");
  await page.getByPlaceholder(/paste a trace id/).waitFor();
  await page.waitForTimeout(200);
  await check(page, "palette");
  await logs.open(world.tenant, { q: "zzzz severity:debug" });
  await page.waitForTimeout(700);
  await check(page, "empty");
}
async function pagesDark(context) {
  await pages(context);
}
pagesDark.options = { theme: "dark" };

async function login({ page }) {
  await page.goto(`${BASE}/login`);
  await page.waitForTimeout(400);
  await check(page, "login");
}
login.anonymous = true;

export default { "light theme": pages, "dark theme": pagesDark, login };
