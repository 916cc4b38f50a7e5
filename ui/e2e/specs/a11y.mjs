/** axe finds nothing serious, in both themes, on every page and in every dialog. */
import { administered } from "../administered.mjs";
import { check } from "../axe.mjs";
import { BASE, LOCAL } from "../browser.mjs";
import { operated } from "../operated.mjs";
import { LoginPage } from "../pages/login.mjs";
import { LogsPage } from "../pages/logs.mjs";
import { PipelinesPage } from "../pages/pipelines.mjs";
import { SettingsPage } from "../pages/settings.mjs";

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

async function exploring({ page, world }) {
  const logs = new LogsPage(page);
  await logs.open(world.tenant, { tab: "patterns" });
  await logs.patterns.nth(2).waitFor();
  await page.keyboard.press("j");
  await check(page, "patterns");
  await logs.open(world.tenant, { tab: "compare", q: "level:error", vs: "rest" });
  await page.getByTestId("compared-field").first().waitFor();
  await check(page, "compare");
  await page.getByText("Another query", { exact: true }).click();
  await page.getByLabel("Query of the other side").waitFor();
  // The former result is dimmed until the new one is there.
  await page.locator("[data-testid=compare] [data-stale]").waitFor({ state: "detached" });
  await check(page, "compare with another query");
  await logs.open(world.tenant, { q: "level:error" });
  await logs.rows.nth(3).waitFor();
  await logs.settled();
  await logs.select(0.5, 0.7);
  await page.getByRole("button", { name: "Compare with the rest" }).waitFor();
  await check(page, "a selected range");
  await page.keyboard.press("Escape");
  await logs.rows.nth(1).hover();
  await logs.facets.getByRole("button", { name: /^Statistics of the field http.status_code/ }).click();
  await page.getByTestId("field-statistics").waitFor();
  await check(page, "field statistics");
  await page.keyboard.press("Escape");
  await logs.grid.focus();
  await page.keyboard.press("j");
  await page.keyboard.press("c");
  await page.locator("[data-here]").waitFor();
  await check(page, "context");
}

async function keeping({ page, world }) {
  const logs = new LogsPage(page);
  await logs.open(world.tenant, { q: "level:error" });
  await logs.rows.nth(3).waitFor();
  await logs.settled();
  await page.getByRole("button", { name: "Export", exact: true }).click();
  await page.getByRole("link", { name: "Download" }).waitFor();
  await page.waitForTimeout(200);
  await check(page, "export");
  await page.keyboard.press("Escape");
  await page.keyboard.press("v");
  await page.getByTestId("views-menu").waitFor();
  await page.waitForTimeout(200);
  await check(page, "views");
  await page.getByRole("button", { name: "Save as a new view" }).click();
  await page.waitForTimeout(100);
  await check(page, "a new view");
  await page.goto(`${BASE}/v/nosuchlink`);
  await page.getByText("This link leads nowhere").waitFor();
  await check(page, "a link that leads nowhere");
}

async function live({ page, world }) {
  const logs = new LogsPage(page);
  await logs.open(world.tenant, { live: "1" });
  await logs.live.open();
  await logs.rows.nth(3).waitFor();
  await check(page, "live");
  await page.keyboard.press("Space");
  await logs.live.paused.waitFor();
  await check(page, "live, paused");
}

async function operating({ page, world: { play: world } }) {
  const pipes = new PipelinesPage(page);
  await pipes.open(`e2e-nothing-${world.run}`);
  await page.getByText("No pipelines yet").waitFor();
  await check(page, "no pipelines");
  const tenant = await operated(world, "a11y");
  await pipes.open(tenant);
  await pipes.tried.nth(3).waitFor();
  await page.getByTestId("step-figures").first().waitFor();
  await check(page, "a redacting step");
  await page.getByRole("button", { name: /^web/ }).first().click();
  await pipes.tried.filter({ hasText: "cache" }).first().click();
  await check(page, "a pipeline");
  for (const step of [/^2\. Severity/, /^4\. Throttle/, /^1\. Set fields/]) {
    await page.getByRole("button", { name: step }).click();
    await check(page, String(step));
  }
  await page.getByRole("button", { name: "Actions for web" }).click();
  await page.getByRole("menu").waitFor();
  await page.waitForTimeout(200);
  await check(page, "actions of a pipeline");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: /^2\. Severity/ }).click();
  await page.getByLabel("Name 1 of words").fill("ACHTUNG");
  await page.getByLabel("Value 1 of words").fill("nonsense");
  await page.getByTestId("fault").waitFor();
  await check(page, "a step at fault");
  await page.getByRole("link", { name: "Home", exact: true }).click();
  await page.getByRole("dialog").waitFor();
  await page.waitForTimeout(200);
  await check(page, "leaving");
  await page.getByRole("button", { name: "Leave and lose changes" }).click();
  await page.goto(`${BASE}/settings/data?tenant=${tenant}`);
  await page.getByTestId("deletion").first().waitFor();
  await check(page, "data");
  await page.getByRole("button", { name: "Delete records" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("textbox", { name: "Records to delete" }).click();
  await page.keyboard.insertText("service:web");
  await page.keyboard.press("Control+Enter");
  await dialog.getByLabel(/to confirm$/).waitFor();
  await page.waitForTimeout(200);
  await check(page, "deleting");
}

async function administering({ page, world }) {
  const { names, role } = await administered(world);
  const settings = new SettingsPage(page);
  const here = `?tenant=${world.tenant}`;
  const dialog = async (button, where) => {
    await page.getByRole("button", { name: button }).first().click();
    await settings.dialog.waitFor();
    await page.waitForTimeout(250);
    await check(page, where);
    await page.keyboard.press("Escape");
    await settings.dialog.waitFor({ state: "detached" });
  };
  await settings.open("users", `${here}&user=${names[0]}`);
  await page.getByRole("button", { name: "What can this person see?" }).click();
  await page.getByTestId("preview").waitFor();
  await check(page, "a user");
  await dialog("Delete user", "deleting a user");
  await dialog("New user", "a new user");
  await settings.open("teams", here);
  await page.getByTestId("team").first().waitFor();
  await check(page, "teams");
  await dialog(/^Edit Checkout/, "a team");
  await settings.open("roles", `${here}&preview=${role}`);
  await page.getByTestId("preview").waitFor();
  await check(page, "roles");
  await settings.open("roles", `${here}&role=${role}`);
  await page.getByRole("button", { name: "Try the draft" }).click();
  await page.getByTestId("preview").waitFor();
  await check(page, "a role");
  await settings.open("accounts", here);
  await page.getByTestId("account").first().waitFor();
  await check(page, "service accounts");
  await settings.open("keys", here);
  await page.getByTestId("api-key").first().waitFor();
  await check(page, "API keys");
  await dialog("New key", "a new key");
  await dialog(/^Rotate /, "rotating a key");
  await settings.open("tenants", here);
  await page.getByTestId("tenant").first().waitFor();
  await check(page, "tenants");
  await dialog("New tenant", "a new tenant");
  await settings.open("limits", here);
  await page.getByTestId("limit-set").first().waitFor();
  await check(page, "limits");
  await dialog("Add limits", "limits of somebody");
  await settings.open("audit", here);
  await page.getByTestId("audit-entry").first().waitFor();
  await page
    .getByRole("button", { name: /^Show entry/ })
    .first()
    .click();
  await page.getByRole("button", { name: "Verify" }).click();
  await page.getByTestId("audit-report").waitFor();
  await check(page, "the audit log");
  await page.goto(`${BASE}/profile`);
  await page.getByTestId("session").first().waitFor();
  await check(page, "the profile");
  await page.getByRole("button", { name: "Set up", exact: true }).click();
  await page.getByTestId("totp-secret").waitFor();
  await page.waitForTimeout(250);
  await check(page, "setting up an authenticator app");
}

async function limited({ page, world }) {
  const { member, password } = await administered(world);
  await page.goto(`${LOCAL}/login`);
  await new LoginPage(page).signIn(password, member);
  await page.getByTestId("part-badge").waitFor();
  await page.goto(`${LOCAL}/settings/users`);
  await page.getByTestId("forbidden").waitFor();
  await check(page, "a page that may not be opened");
}
limited.anonymous = true;

async function pagesDark(context) {
  await pages(context);
}
pagesDark.options = { theme: "dark" };

const dark = (test) => Object.assign((context) => test(context), { options: { theme: "dark" } });

async function login({ page }) {
  await page.goto(`${BASE}/login`);
  await page.waitForTimeout(400);
  await check(page, "login");
}
login.anonymous = true;

export default {
  "light theme": pages,
  "dark theme": pagesDark,
  "patterns, comparison, context, light": exploring,
  "patterns, comparison, context, dark": dark(exploring),
  "views, links, export, light": keeping,
  "views, links, export, dark": dark(keeping),
  "live tail, light": live,
  "live tail, dark": dark(live),
  "pipelines and data, light": operating,
  "pipelines and data, dark": dark(operating),
  "settings and profile, light": administering,
  "settings and profile, dark": dark(administering),
  "what may not be opened": limited,
  login,
};
