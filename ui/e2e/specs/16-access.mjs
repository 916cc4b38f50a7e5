/** Users, teams, roles and service accounts: made, changed, tried, removed. */
import assert from "node:assert/strict";
import { BASE, open } from "../browser.mjs";
import { LoginPage } from "../pages/login.mjs";
import { LogsPage } from "../pages/logs.mjs";
import { SettingsPage } from "../pages/settings.mjs";

/** A tab of somebody else. */
async function as(browser, name, password) {
  const tab = await open(browser);
  tab.page.setDefaultTimeout(10_000);
  await tab.page.goto(`${BASE}/login`);
  await new LoginPage(tab.page).signIn(password, name);
  return tab;
}

async function users({ page, world, browser }) {
  const name = `bea-${world.run}`;
  const settings = new SettingsPage(page);
  const { dialog, panel } = settings;
  await settings.open("users", `?tenant=${world.tenant}`);
  await page.getByRole("button", { name: "New user" }).click();
  await dialog.getByRole("button", { name: "Create user" }).click();
  await dialog.getByText("Give the user a name.").waitFor();
  await dialog.getByLabel("User name").fill(name);
  await dialog.getByLabel("E-mail").fill(`${name}@example.com`);
  await dialog.getByRole("button", { name: "Add a role" }).click();
  await dialog.getByLabel("Role 1", { exact: true }).selectOption("viewer");
  await dialog.getByLabel("Tenant 1").selectOption(world.tenant);
  await dialog.getByRole("button", { name: "Create user" }).click();
  const given = await settings.secret();
  await panel.getByRole("heading", { name }).waitFor();
  assert.ok(!(await page.content()).includes(given), "the password is shown once");

  // It has to be replaced before anything else.
  const tab = await as(browser, name, given);
  await tab.page.getByRole("heading", { name: "Choose a new password" }).waitFor();
  await tab.page.goto(`${BASE}/logs`);
  await tab.page.getByLabel("Current password").fill(given);
  await tab.page.getByLabel("New password", { exact: true }).fill("password1234");
  await tab.page.getByLabel("New password again").fill("password1234");
  await tab.page.getByRole("button", { name: "Change the password" }).click();
  await tab.page.getByRole("alert").waitFor();
  const chosen = "seventeen green umbrellas";
  await tab.page.getByLabel("New password", { exact: true }).fill(chosen);
  await tab.page.getByLabel("New password again").fill(chosen);
  await tab.page.getByRole("button", { name: "Change the password" }).click();
  await tab.page.waitForURL((url) => url.pathname === "/logs");

  // Somebody who only reads has no settings of users, not even by address.
  await tab.page.goto(`${BASE}/settings/users`);
  const theirs = new SettingsPage(tab.page);
  await theirs.forbidden.getByText("users:read").waitFor();
  assert.equal(await tab.page.getByRole("link", { name: "Users", exact: true }).count(), 0);
  assert.equal(await tab.page.getByTestId("part-badge").count(), 0);

  await page.reload();
  await panel.getByRole("button", { name: "What can this person see?" }).click();
  await panel.getByTestId("preview").getByText("Every record, every field.").waitFor();
  await panel.getByText(`viewer in ${world.tenant}`).first().waitFor();
  await panel.getByTestId("session").waitFor();
  await panel.getByRole("button", { name: "End all sessions" }).click();
  await panel.getByText("Not signed in anywhere.").waitFor();
  await tab.page.reload();
  await new LoginPage(tab.page).password.waitFor();

  await panel.getByLabel("Sign-in allowed").click();
  await panel.getByRole("button", { name: "Save", exact: true }).click();
  await settings.row(name).getByText("disabled").waitFor();
  await new LoginPage(tab.page).signIn(chosen, name);
  await new LoginPage(tab.page).error.waitFor();
  await panel.getByRole("button", { name: "Delete user" }).click();
  await settings.confirm(name, "Delete user");
  await settings.row(name).waitFor({ state: "detached" });
  assert.deepEqual(tab.faults, []);
  await tab.context.close();
}

async function roles({ page, world, browser }) {
  const role = `payments-${world.run}`;
  const settings = new SettingsPage(page);
  await settings.open("roles", `?tenant=${world.tenant}`);
  await page.getByRole("columnheader", { name: /^admin/ }).waitFor();
  await page.getByRole("button", { name: "New role", exact: true }).click();
  const form = page.getByRole("form", { name: "New role" });
  await form.getByRole("button", { name: "Save" }).click();
  await form.getByText(/beginning with a letter/).waitFor();
  await form.getByLabel("Name").fill(role);
  await form.getByLabel("Description").fill("Payments without the people");
  const policy = form.getByRole("textbox", { name: "Only records that match" });
  await policy.click();
  await page.keyboard.insertText("service:((");
  await form.getByRole("alert").first().waitFor();
  await page.keyboard.press("Control+a");
  await page.keyboard.insertText("service:payment");
  await page.keyboard.press("Escape");
  await form.getByLabel("Masked fields").fill("user.id");
  await page.keyboard.press("Enter");
  await form.getByRole("listitem").filter({ hasText: "user.id" }).waitFor();
  await form.getByLabel(/^logs:read/).check();
  await form.getByLabel(/^pipelines:write/).check();
  await form.getByLabel("Resources of pipelines:write").fill("web");
  await form.getByText(/^Each is a kind and a name/).waitFor();
  await form.getByLabel("Resources of pipelines:write").fill("pipeline:web-*");

  // What the draft would show, before anybody has it.
  await page.getByRole("button", { name: "Try the draft" }).click();
  const preview = page.getByTestId("preview");
  const counted = /^([\d,]+) of ([\d,]+) records$/.exec(await preview.getByTestId("preview-count").textContent());
  assert.ok(counted, "the preview counts");
  const [visible, total] = counted.slice(1).map((text) => Number(text.replaceAll(",", "")));
  assert.ok(visible > 0 && visible < total);
  const samples = preview.getByTestId("preview-samples");
  await samples.getByText("masked").first().waitFor();
  assert.ok(!/user\.id: \d/.test(await samples.textContent()));
  await form.getByRole("button", { name: "Save" }).click();
  await page.getByRole("columnheader", { name: new RegExp(role) }).waitFor();
  await page.getByRole("cell", { name: "pipeline:web-*" }).first().waitFor();

  const name = `paul-${world.run}`;
  const password = await world.server.user(name, [[role, world.tenant]]);
  const tab = await as(browser, name, password);
  await tab.page.waitForURL((url) => url.pathname === "/");
  await tab.page.getByTestId("part-badge").waitFor();
  const logs = new LogsPage(tab.page);
  await logs.open(world.tenant);
  await logs.rows.nth(3).waitFor();
  await logs.settled();
  assert.equal(await logs.count(), visible);
  await logs.search("NOT service:payment");
  await tab.page
    .getByText(/Nothing matches|No record matches/)
    .first()
    .waitFor();
  assert.deepEqual(tab.faults, []);
  await tab.context.close();

  await page.getByRole("button", { name: `Edit role ${role}` }).click();
  await page.getByRole("button", { name: "Delete role" }).click();
  await settings.dialog.getByText(/loses it at once/).waitFor();
  await settings.confirm(role, "Delete role");
  await page.getByRole("columnheader", { name: new RegExp(role) }).waitFor({ state: "detached" });
}

async function teams({ page, world }) {
  const [team, member] = [`crew-${world.run}`, `tom-${world.run}`];
  await world.server.user(member, []);
  const settings = new SettingsPage(page);
  const { dialog } = settings;
  await settings.open("teams");
  await page.getByRole("button", { name: "New team" }).click();
  await dialog.getByLabel("Name", { exact: true }).fill(team);
  await dialog.getByLabel("Members").fill(member.slice(0, 6));
  await page.getByRole("option", { name: member }).click();
  await dialog.getByRole("listitem").filter({ hasText: member }).waitFor();
  await dialog.getByRole("button", { name: "Add a role" }).click();
  await dialog.getByLabel("Role 1", { exact: true }).selectOption("editor");
  await dialog.getByRole("button", { name: "Create team" }).click();
  const row = page.getByTestId("team").filter({ hasText: team });
  await row.getByText("1 member").waitFor();
  await row.getByText("editor", { exact: true }).waitFor();
  await settings.goTo("Users");
  await page.getByLabel("Find a user").fill(member);
  await page.getByTestId("user").filter({ hasText: team }).waitFor();
  await settings.goTo("Teams");
  await row.getByRole("button", { name: `Delete team ${team}` }).click();
  await settings.confirm(team, "Delete team");
  await row.waitFor({ state: "detached" });
}

async function accounts({ page, world }) {
  const name = `robot-${world.run}`;
  const settings = new SettingsPage(page);
  const { dialog } = settings;
  await settings.open("accounts");
  await page.getByRole("button", { name: "New service account" }).first().click();
  await dialog.getByLabel("Name", { exact: true }).fill(name);
  await dialog.getByRole("button", { name: "Add a role" }).click();
  await dialog.getByLabel("Role 1", { exact: true }).selectOption("viewer");
  await dialog.getByLabel("Tenant 1").selectOption(world.tenant);
  await dialog.getByRole("button", { name: "Create service account" }).click();
  const row = page.getByTestId("account").filter({ hasText: name });
  await row.waitFor();
  await settings.open("keys", `?tenant=${world.tenant}`);
  await page.getByRole("button", { name: "New key" }).click();
  await dialog.getByLabel("Name", { exact: true }).fill(`key-of-${name}`);
  await dialog.getByText("A service account", { exact: true }).click();
  await dialog.getByLabel("Service account", { exact: true }).selectOption({ label: name });
  await dialog.getByRole("button", { name: "Create key" }).click();
  const secret = await settings.secret();
  await settings.row(`key-of-${name}`).getByText(`account ${name}`).waitFor();
  const count = (headers) => fetch(`${BASE}/api/nexus/v1/logs/count`, { method: "POST", headers, body: "{}" });
  assert.equal((await count({ Authorization: `Bearer ${secret}` })).status, 200);
  await settings.open("accounts");
  await row.getByRole("button", { name: `Delete service account ${name}` }).click();
  await settings.dialog.getByText("1 key is revoked at once.").waitFor();
  await settings.confirm(name, "Delete service account");
  await row.waitFor({ state: "detached" });
  assert.equal((await count({ Authorization: `Bearer ${secret}` })).status, 401);
}

export default {
  "a user is made, must choose a password, is looked at, disabled, deleted": users,
  "a role with a policy and masks: tried as a draft, held by somebody": roles,
  "a team gives roles to its members": teams,
  "a service account has keys": accounts,
};
