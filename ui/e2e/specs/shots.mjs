/** Screenshots of every screen, both themes, two widths, into NEXUS_SHOTS. */
import { BASE } from "../browser.mjs";
import { LogsPage } from "../pages/logs.mjs";

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
    tests[`login ${suffix}`] = Object.assign((context) => login(context, suffix), { options, anonymous: true });
  }
}
export default tests;
