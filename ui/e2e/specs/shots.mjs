/** Screenshots of every screen, both themes, two widths, into NEXUS_SHOTS. */
import { BASE } from "../browser.mjs";
import { operated } from "../operated.mjs";
import { LogsPage } from "../pages/logs.mjs";
import { PipelinesPage } from "../pages/pipelines.mjs";

async function screens({ page, world }, suffix) {
  if (!world.shots) return;
  const shot = async (name) => {
    await page.waitForTimeout(350);
    await page.screenshot({ path: `${world.shots}/${name}-${suffix}.png` });
  };
  const logs = new LogsPage(page);
  await logs.open(world.tenant);
  await logs.rows.nth(5).waitFor();
  await logs.settled();
  await page.waitForTimeout(300);
  await shot("logs");
  await logs.open(world.tenant, { q: "timeout severity:error NOT service:cart", cols: "http.method,http.status_code" });
  await logs.rows.nth(5).waitFor();
  await logs.settled();
  await shot("search");
  await logs.rows.nth(4).locator("[data-cell=body]").click();
  await logs.panel.getByTestId("record-detail").waitFor();
  await shot("panel");
  await page.keyboard.press("Escape");
  await logs.open(world.tenant, { q: "order currency" });
  await logs.rows.nth(2).locator("[data-act=toggle]").click();
  await shot("expanded");
  await page.keyboard.press("t");
  await page.getByLabel("Type a range").fill("±5m @ 14:03:22");
  await shot("time");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+k");
  await shot("palette");
  await page.keyboard.press("Escape");
  await page.waitForTimeout(200);
  await page.keyboard.press("?");
  await shot("keys-help");
  await logs.open(world.tenant, { q: "timeout severity:debug" });
  await page.getByText("Nothing matches").waitFor();
  await shot("empty-filtered");
  await logs.open(`e2e-nothing-${world.run}`);
  await page.getByText("No logs have").waitFor();
  await shot("empty-never");
  await logs.open(world.tenant, { q: "status:>=( AND" });
  await shot("error-syntax");
  await logs.open(world.tenant, { q: "service:bulk" });
  await logs.rows.nth(0).locator("[data-act=toggle]").click();
  await shot("huge-expanded");
  await page.keyboard.press("w");
  await shot("huge-wrapped");
  await page.keyboard.press("w");
  let held = Promise.resolve();
  await page.route("**/logs/*", async (route) => {
    await held;
    await route.continue().catch(() => undefined);
  });
  let release;
  held = new Promise((resolve) => {
    release = resolve;
  });
  await logs.open(world.tenant, { q: "timeout" });
  await page.waitForTimeout(1200);
  await shot("loading");
  release();
  await page.unroute("**/logs/*");
  await page.goto(`${BASE}/?tenant=${world.tenant}`);
  await page.getByText("Records stored").waitFor();
  await page.waitForTimeout(500);
  await shot("home");
  await page.goto(`${BASE}/start?tenant=${world.tenant}`);
  await page.getByRole("radio", { name: /curl/ }).click();
  await shot("start");
  await page.goto(`${BASE}/query?tenant=${world.tenant}`);
  await page.getByRole("button", { name: "Run" }).click();
  await page.getByTestId("result").waitFor();
  await shot("query");
  await page.goto(`${BASE}/settings/keys`);
  await page.getByRole("table").waitFor();
  await shot("keys");
}

async function exploring({ page, world }, suffix) {
  if (!world.shots) return;
  const shot = async (name) => {
    await page.waitForTimeout(350);
    await page.screenshot({ path: `${world.shots}/${name}-${suffix}.png` });
  };
  const logs = new LogsPage(page);
  await logs.open(world.tenant, { tab: "patterns" });
  await logs.patterns.nth(2).waitFor();
  await logs.settled();
  await logs.patterns.nth(1).hover();
  await shot("patterns");
  await logs.open(world.tenant, { tab: "patterns", fresh: "1", since: "now" });
  await page.getByText("No new patterns").waitFor();
  await shot("patterns-none-new");
  await logs.open(world.tenant, { q: "level:error", tab: "compare", vs: "rest" });
  await page.getByTestId("compared-field").first().waitFor();
  await logs.settled();
  await shot("compare");
  await logs.open(world.tenant, { q: "zzzz", tab: "compare" });
  await page.getByText("Nothing is selected").waitFor();
  await shot("compare-empty");
  await logs.open(world.tenant, { q: "level:error" });
  await logs.rows.nth(3).waitFor();
  await logs.settled();
  await logs.select(0.5, 0.7);
  await shot("range-selected");
  await page.keyboard.press("Escape");
  await logs.grid.focus();
  await page.keyboard.press("j");
  await page.keyboard.press("c");
  await page.locator("[data-here]").waitFor();
  await shot("context");
  await logs.open(world.tenant, { q: "level:error", stat: "http.status_code" });
  await page.getByTestId("field-statistics").waitFor();
  await shot("field");
  await page.route("**/logs/patterns", (route) =>
    route.fulfill({
      status: 422,
      json: {
        error: { code: "limit_exceeded", message: "the query read too much.", hint: "Narrow it.", query_id: "q-7" },
      },
    }),
  );
  await logs.open(world.tenant, { tab: "patterns" });
  await page.getByRole("alert").waitFor();
  await shot("patterns-error");
  await page.unroute("**/logs/patterns");
}

async function keeping({ page, world }, suffix) {
  if (!world.shots) return;
  const shot = async (name) => {
    await page.waitForTimeout(350);
    await page.screenshot({ path: `${world.shots}/${name}-${suffix}.png` });
  };
  const logs = new LogsPage(page);
  for (const [name, shared] of [
    ["Checkout errors", true],
    ["Payments, slow", false],
  ])
    await world.server.call("views", { name: `${name} ${suffix}`, state: "q=level:error", shared }, world.tenant);
  await logs.open(world.tenant, { q: "level:error" });
  await logs.rows.nth(3).waitFor();
  await logs.settled();
  await page.keyboard.press("v");
  await page.getByTestId("views-menu").getByText("only you").first().waitFor();
  await shot("views");
  await page.getByRole("button", { name: "Save as a new view" }).click();
  await shot("views-save");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Export", exact: true }).click();
  await shot("export");
  await page.goto(`${BASE}/v/nosuchlink`);
  await page.getByText("This link leads nowhere").waitFor();
  await shot("link-gone");
}

async function live({ page, world: { play: world } }, suffix) {
  if (!world.shots) return;
  const shot = async (name) => {
    await page.waitForTimeout(350);
    await page.screenshot({ path: `${world.shots}/${name}-${suffix}.png` });
  };
  const logs = new LogsPage(page);
  await logs.open(world.tenant, { live: "1" });
  await logs.live.open();
  await logs.rows.nth(3).waitFor();
  const esc = "\u001b";
  const message = `${esc}[32mready${esc}[0m in ${esc}[1;33m12 ms${esc}[0m`;
  const some = Array.from({ length: 60 }, (_, index) => ({
    message,
    level: index % 9 ? "info" : "error",
    service: "web",
  }));
  await world.server.write(world.secret, some);
  await page.waitForTimeout(1200);
  await shot("live");
  await page.keyboard.press("j");
  await logs.live.paused.waitFor();
  await world.server.write(world.secret, some);
  await logs.live.paused.getByText("60 new").waitFor();
  await shot("live-paused");
  await logs.open(world.tenant, { live: "1", q: "service:nobody-at-all" });
  await page.getByText("Waiting for records").waitFor();
  await shot("live-waiting");
}

async function operating({ page, world: { play: world } }, suffix) {
  if (!world.shots) return;
  const shot = async (name) => {
    await page.waitForTimeout(350);
    await page.screenshot({ path: `${world.shots}/${name}-${suffix}.png` });
  };
  const pipes = new PipelinesPage(page);
  await pipes.open(`e2e-nothing-${world.run}`);
  await page.getByText("No pipelines yet").waitFor();
  await shot("pipelines-empty");
  const tenant = await operated(world, `shots-${suffix}`);
  await pipes.open(tenant);
  await pipes.tried.nth(3).waitFor();
  await page.getByTestId("step-figures").first().waitFor();
  await pipes.tried.filter({ hasText: "login" }).first().click();
  await page.waitForTimeout(3200);
  await shot("pipelines");
  await page.getByRole("button", { name: /^web/ }).first().click();
  await pipes.tried.filter({ hasText: "cache" }).first().click();
  await shot("pipelines-dropped");
  await page.getByRole("button", { name: /^2\. Severity/ }).click();
  await page.getByLabel("Name 1 of words").fill("ACHTUNG");
  await page.getByLabel("Value 1 of words").fill("nonsense");
  await page.getByTestId("fault").waitFor();
  await shot("pipelines-fault");
  await page.getByRole("button", { name: "Undo" }).click();
  const box = await pipes.handle("Drop records or fields").boundingBox();
  await page.mouse.move(box.x + 8, box.y + 8);
  await page.mouse.down();
  await page.mouse.move(box.x + 8, box.y - 70, { steps: 5 });
  await shot("pipelines-drag");
  await page.mouse.up();
  await page.getByRole("link", { name: "Home", exact: true }).click();
  await page.getByText("Leave without saving?").waitFor();
  await shot("pipelines-leave");
  await page.getByRole("button", { name: "Leave and lose changes" }).click();
  await page.goto(`${BASE}/settings/data?tenant=${tenant}`);
  await page.locator("[data-state=done]").nth(1).waitFor({ timeout: 60_000 });
  await shot("data");
  await page.getByRole("button", { name: "Delete records" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("textbox", { name: "Records to delete" }).click();
  await page.keyboard.insertText("service:web");
  await page.keyboard.press("Control+Enter");
  await dialog.getByText("Type 5 to confirm").waitFor();
  await shot("data-delete");
}

async function login({ page, world }, suffix) {
  if (!world.shots) return;
  await page.goto(`${BASE}/login`);
  await page.waitForTimeout(400);
  await page.screenshot({ path: `${world.shots}/login-${suffix}.png` });
}

const tests = {};
for (const theme of ["light", "dark"]) {
  for (const [width, height] of [
    [1280, 800],
    [1920, 1080],
  ]) {
    const suffix = `${theme}-${width}`;
    const options = { theme, width, height };
    tests[suffix] = Object.assign((context) => screens(context, suffix), { options });
    tests[`exploring ${suffix}`] = Object.assign((context) => exploring(context, suffix), { options });
    tests[`keeping ${suffix}`] = Object.assign((context) => keeping(context, suffix), { options });
    tests[`tail ${suffix}`] = Object.assign((context) => live(context, suffix), { options });
    tests[`operating ${suffix}`] = Object.assign((context) => operating(context, suffix), { options });
    tests[`login ${suffix}`] = Object.assign((context) => login(context, suffix), { options, anonymous: true });
  }
}
export default tests;
