/** Screenshots of every screen, both themes, two widths, into NEXUS_SHOTS. */
import { administered } from "../administered.mjs";
import { BASE, LOCAL } from "../browser.mjs";
import { metered } from "../metered.mjs";
import { operated } from "../operated.mjs";
import { LoginPage } from "../pages/login.mjs";
import { LogsPage } from "../pages/logs.mjs";
import { MetricsPage } from "../pages/metrics.mjs";
import { PipelinesPage } from "../pages/pipelines.mjs";
import { SettingsPage } from "../pages/settings.mjs";
import { TracesPage } from "../pages/traces.mjs";
import { totp } from "../totp.mjs";
import { NAMED, traced } from "../traced.mjs";

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

async function administering({ page, world }, suffix) {
  if (!world.shots) return;
  const shot = async (name) => {
    await page.waitForTimeout(400);
    await page.screenshot({ path: `${world.shots}/${name}-${suffix}.png` });
  };
  const { names, role } = await administered(world);
  const settings = new SettingsPage(page);
  const here = `?tenant=${world.tenant}`;
  await settings.open("users", here);
  await page.getByTestId("user").first().waitFor();
  await shot("users");
  await settings.open("users", `${here}&user=${names[0]}`);
  await page.getByRole("button", { name: "What can this person see?" }).click();
  await page.getByTestId("preview").waitFor();
  await shot("users-panel");
  await page.getByRole("button", { name: "Delete user" }).click();
  await shot("users-delete");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "New user" }).click();
  await settings.dialog.getByRole("button", { name: "Add a role" }).click();
  await shot("users-new");
  await settings.open("teams", here);
  await page.getByTestId("team").first().waitFor();
  await shot("teams");
  await page.getByRole("button", { name: `Edit Checkout ${world.run}` }).click();
  await shot("teams-edit");
  await settings.open("roles", here);
  await page.getByRole("columnheader", { name: /^admin/ }).waitFor();
  await shot("roles");
  await settings.open("roles", `${here}&preview=${role}`);
  await page.getByTestId("preview").waitFor();
  await shot("roles-preview");
  await settings.open("roles", `${here}&role=${role}`);
  await page.getByRole("button", { name: "Try the draft" }).click();
  await page.getByTestId("preview").waitFor();
  await shot("roles-editor");
  await settings.open("accounts", here);
  await page.getByTestId("account").first().waitFor();
  await shot("accounts");
  await settings.open("keys", here);
  await page.getByTestId("api-key").first().waitFor();
  await shot("api-keys");
  await page.getByRole("button", { name: "New key" }).click();
  await settings.dialog.getByText("Permissions", { exact: true }).click();
  await shot("api-keys-new");
  await settings.open("tenants", here);
  await page.getByTestId("tenant").first().waitFor();
  await shot("tenants");
  const gone = `gone-${suffix}-${world.run}`;
  await world.server.write(await world.server.key(gone), [{ message: "short-lived", service: "x", level: "info" }]);
  await world.server.call(`tenants/${gone}/delete`, { confirm: gone });
  await settings.open("tenants", `${here}&deletion=${gone}`);
  await page.getByText("Gone, and proven").waitFor({ timeout: 60_000 });
  await shot("tenants-deletion");
  await settings.open("limits", here);
  await page.getByTestId("limit-set").first().waitFor();
  await shot("limits");
  await page.getByRole("button", { name: "Add limits" }).click();
  await shot("limits-add");
  await settings.open("audit", here);
  await page.getByTestId("audit-entry").first().waitFor();
  await page.getByLabel("Action").selectOption("user.changed");
  await page.waitForTimeout(500);
  await page
    .getByRole("button", { name: /^Show entry/ })
    .first()
    .click();
  await page.getByRole("button", { name: "Verify" }).click();
  await page.getByTestId("audit-report").waitFor();
  await shot("audit");
}

async function identity({ page, world }, suffix) {
  if (!world.shots) return;
  const shot = async (name) => {
    await page.waitForTimeout(400);
    await page.screenshot({ path: `${world.shots}/${name}-${suffix}.png` });
  };
  const { member, password } = await administered(world);
  const name = `pictured-${suffix}-${world.run}`;
  await world.server.user(name, [["viewer", world.tenant]]);
  const signIn = new LoginPage(page);
  await page.goto(`${LOCAL}/login`);
  await signIn.signIn("certainly wrong", "nobody");
  await signIn.error.waitFor();
  await shot("login-wrong");
  await signIn.signIn(password, member);
  await page.getByTestId("part-badge").waitFor();
  await page.goto(`${LOCAL}/settings/users`);
  await page.getByTestId("forbidden").waitFor();
  await shot("forbidden");
  await page.goto(`${LOCAL}/logs`);
  await page.getByTestId("log-row").first().waitFor();
  await page.getByRole("button", { name: "Account" }).click();
  await shot("part-of-the-records");
  await page.getByRole("menu").getByText("Sign out").click();
  await signIn.signIn(password, name);
  await page.waitForURL((url) => url.pathname !== "/login");
  await page.goto(`${LOCAL}/profile`);
  await page.getByRole("button", { name: "Set up", exact: true }).click();
  await page.getByTestId("totp-secret").waitFor();
  await shot("profile-totp");
  const secret = (await page.getByTestId("totp-secret").textContent()).replaceAll(" ", "");
  await page.getByLabel("Code that the app shows now").fill(totp(secret));
  await page.getByRole("button", { name: "Turn on" }).click();
  await page.getByTestId("recovery-codes").waitFor();
  await shot("profile-codes");
  await page.getByLabel("I have stored them").check();
  await page.getByRole("button", { name: "Done" }).click();
  await page.getByTestId("totp-state").getByText("On", { exact: true }).waitFor();
  await shot("profile");
  await page.getByRole("button", { name: "Account" }).click();
  await page.getByRole("menu").getByText("Sign out").click();
  await signIn.signIn(password, name);
  await signIn.code.waitFor();
  await shot("login-second-step");
  await page.goto(`${LOCAL}/login#reset=no-token`);
  await page.getByRole("heading", { name: "Choose a new password" }).waitFor();
  await shot("login-reset");
}

async function metering({ page, world }, suffix) {
  if (!world.shots) return;
  await metered(world);
  const shot = async (name) => {
    await page.waitForTimeout(400);
    await page.screenshot({ path: `${world.shots}/${name}-${suffix}.png` });
  };
  const metrics = new MetricsPage(page);
  await metrics.open(world.tenant, { metric: "http_requests_total", by: "job" });
  await page.getByTestId("multiples").getByTestId("chart").nth(4).waitFor();
  await metrics.drawn();
  await shot("metrics");
  const lines = [
    { q: "sum by (job) (rate(http_requests_total[5m]))", l: "{{job}}" },
    { q: 'sum by (job) (rate(http_requests_total{code="500"}[5m]))', l: "{{job}} errors" },
  ];
  await metrics.ask(world.tenant, JSON.stringify(lines), { vs: "previous", line: "40" });
  await page.getByRole("button", { name: "Say in words what the query does" }).first().click();
  await metrics.hover(0.6);
  await shot("metrics-queries");
  await metrics.ask(
    world.tenant,
    "histogram_quantile(0.95, sum by (le, job) (rate(http_request_duration_seconds_bucket[5m])))",
    { ex: "1", panel: 'logs:{"job":"payment"}' },
  );
  await page.getByTestId("beside-lines").waitFor();
  await shot("metrics-beside");
  await metrics.open(world.tenant, { metric: "rpc_client_duration_seconds" });
  await metrics.colors.waitFor();
  await metrics.series("p99").waitFor();
  await metrics.hover(0.6);
  await shot("metrics-heatmap");
  await metrics.ask(world.tenant, "process_resident_memory_bytes", { style: "stacked" });
  await metrics.hover(0.4);
  await shot("metrics-stacked");
  await metrics.open(world.tenant, { tab: "query", view: "table", q: "http_requests_total" });
  await page.getByTestId("instant").getByRole("row").nth(3).waitFor();
  await shot("metrics-table");
  await metrics.open(world.tenant, { tab: "query", q: "rate(http_requests_total)" });
  await metrics.problem.waitFor();
  await shot("metrics-mistake");
  await metrics.open(world.tenant, { tab: "query", q: 'http_requests_total{code="999"}' });
  await page.getByRole("button", { name: /^Remove/ }).waitFor();
  await shot("metrics-empty");
  await page.goto(`${BASE}/targets`);
  await page.waitForTimeout(800);
  await shot("targets");
  const details = page.getByRole("button", { name: /^Details of/ });
  if ((await details.count()) > 0) {
    await details.last().click();
    await page.getByTestId("target-panel").waitFor();
    await shot("targets-one");
  }
}

async function tracing({ page, world }, suffix) {
  if (!world.shots) return;
  const tenant = await traced(world);
  const shot = async (name) => {
    await page.waitForTimeout(700);
    await page.screenshot({ path: `${world.shots}/${name}-${suffix}.png` });
  };
  const traces = new TracesPage(page);
  await traces.open(tenant);
  await traces.rows.nth(5).waitFor();
  await page.locator("[data-testid=heatmap-plot][data-cells]").waitFor();
  await shot("traces");
  await traces.open(tenant, { tab: "compare", q: "{ status = error }" });
  await page.getByTestId("compared-tag").first().waitFor();
  await shot("traces-compare");
  await traces.open(tenant, { q: '{ name = "nothing is called so" }' });
  await page.getByText("No traces match").waitFor();
  await shot("traces-empty");
  await traces.open(tenant, { q: "{ status = " });
  await page.locator(".cm-problem").waitFor();
  await shot("traces-mistake");
  await traces.trace(tenant, NAMED.odd, { span: "error" });
  await traces.spans.nth(3).waitFor();
  await shot("trace");
  await traces.trace(tenant, NAMED.large, { view: "flame" });
  await page.getByTestId("flame").waitFor();
  await shot("trace-flame");
  await traces.services(tenant);
  const rows = page.getByTestId("service-row");
  await rows.first().waitFor();
  await shot("services");
  await rows.filter({ hasText: "payment" }).click();
  await page.getByTestId("blamed-error").getByTestId("trace-row").first().waitFor();
  await shot("service-panel");
  await page.getByTestId("blamed-error").getByTestId("trace-row").first().click();
  await traces.panel.getByTestId("span-logs").waitFor();
  await shot("service-blame");
  await traces.services(tenant, "", { view: "map" });
  await page.getByTestId("map-node").first().waitFor();
  await shot("service-map");
  await traces.services(tenant, "", { view: "map", vs: "previous" });
  await page.getByTestId("map-node").first().waitFor();
  await shot("service-map-difference");
  await traces.services(`e2e-nothing-${world.run}`);
  await page.getByText("No services yet").waitFor();
  await shot("services-empty");
  for (const tab of ["overview", "operations", "errors", "deployments"]) {
    await traces.services(tenant, "/payment", { tab });
    await page.getByTestId("service-head").waitFor();
    await page.waitForTimeout(1200);
    await shot(`service-${tab}`);
  }
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
    tests[`administering ${suffix}`] = Object.assign((context) => administering(context, suffix), { options });
    tests[`metering ${suffix}`] = Object.assign((context) => metering(context, suffix), { options });
    tests[`tracing ${suffix}`] = Object.assign((context) => tracing(context, suffix), { options });
    tests[`identity ${suffix}`] = Object.assign((context) => identity(context, suffix), { options, anonymous: true });
    tests[`login ${suffix}`] = Object.assign((context) => login(context, suffix), { options, anonymous: true });
  }
}
export default tests;
