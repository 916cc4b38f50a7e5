import assert from "node:assert/strict";
import { BASE, PASSWORD } from "../browser.mjs";
import { LoginPage } from "../pages/login.mjs";
import { Shell } from "../pages/shell.mjs";

async function wrongThenRight({ page, world }) {
  await page.goto(`${BASE}/logs?q=timeout&tenant=${world.tenant}`);
  const login = new LoginPage(page);
  await login.signIn("certainly wrong");
  await login.error.waitFor();
  assert.match(await login.error.textContent(), /\w+/);
  await login.signIn(PASSWORD);
  await page.waitForURL((url) => url.pathname === "/logs" && url.searchParams.get("q") === "timeout");
}
wrongThenRight.anonymous = true;

async function signOut({ page, context }) {
  await page.goto(BASE);
  await new LoginPage(page).signIn(PASSWORD);
  const shell = new Shell(page);
  await shell.title.waitFor();
  await shell.menu("Account", "Sign out");
  await new LoginPage(page).password.waitFor();
  const left = (await context.cookies()).filter((cookie) => cookie.value.length > 20);
  assert.equal(left.length, 0, "the session cookie is gone");
}
signOut.anonymous = true;

async function expired({ page, context, world }) {
  await page.goto(BASE);
  const login = new LoginPage(page);
  await login.signIn(PASSWORD);
  const shell = new Shell(page);
  await shell.goTo("Logs");
  await page.getByTestId("matched").waitFor();
  await context.clearCookies();
  // A request that was still on its way may have led to the login already.
  await page
    .getByRole("button", { name: "Refresh", exact: true })
    .click({ timeout: 3000 })
    .catch(() => undefined);
  await login.password.waitFor();
  assert.match(await page.textContent("main"), /session has ended/);
  await login.signIn(PASSWORD);
  await page.waitForURL((url) => url.pathname === "/logs");
  assert.ok(world);
}
expired.anonymous = true;

export default {
  "a wrong password is refused, the right one leads back": wrongThenRight,
  "signing out ends the session": signOut,
  "an ended session asks again and goes on": expired,
};
