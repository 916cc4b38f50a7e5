/** Signing in with everything there is, and one's own account, in a real browser. */
import assert from "node:assert/strict";
import { LOCAL } from "../browser.mjs";
import { LoginPage } from "../pages/login.mjs";
import { Shell } from "../pages/shell.mjs";
import { totp } from "../totp.mjs";

/** Signs in at the address that passkeys work at, and opens the profile. */
async function profileOf(page, name, password) {
  await page.goto(`${LOCAL}/login`);
  await new LoginPage(page).signIn(password, name);
  await arrived(page);
  await new Shell(page).menu("Account", "Profile");
  await page.getByRole("heading", { name: "Second factor" }).waitFor();
}

/** Signed in, wherever one was before. */
async function arrived(page) {
  await page.waitForURL((url) => url.pathname !== "/login");
  await new Shell(page).title.waitFor();
}

async function signOut(page) {
  await new Shell(page).menu("Account", "Sign out");
  await new LoginPage(page).password.waitFor();
}

async function setUp(page) {
  await page.getByRole("button", { name: "Set up", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("img", { name: /QR code/ }).waitFor();
  const secret = (await page.getByTestId("totp-secret").textContent()).replaceAll(" ", "");
  const field = dialog.getByLabel("Code that the app shows now");
  assert.equal(await field.getAttribute("autocomplete"), "one-time-code");
  await field.fill("000000");
  await dialog.getByRole("button", { name: "Turn on" }).click();
  await dialog.getByRole("alert").waitFor();
  const step = Math.floor(Date.now() / 30_000);
  const code = totp(secret, step);
  await field.fill(code);
  await dialog.getByRole("button", { name: "Turn on" }).click();
  await page.getByTestId("recovery-codes").waitFor();
  const codes = await page.getByTestId("recovery-codes").getByRole("listitem").allTextContents();
  const download = page.waitForEvent("download");
  await dialog.getByRole("button", { name: "Download" }).click();
  assert.equal((await download).suggestedFilename(), "nexus-recovery-codes.txt");
  const done = dialog.getByRole("button", { name: "Done" });
  assert.ok(await done.isDisabled(), "the codes have to be stored first");
  await dialog.getByLabel("I have stored them").check();
  await done.click();
  await dialog.waitFor({ state: "detached" });
  await page.getByTestId("totp-state").getByText("On", { exact: true }).waitFor();
  return { code, codes, next: totp(secret, step + 1) };
}

async function secondFactor({ page, world }) {
  const name = `tina-${world.run}`;
  const password = await world.server.user(name, [["viewer", world.tenant]]);
  const login = new LoginPage(page);
  await profileOf(page, name, password);
  const { code, codes, next } = await setUp(page);
  assert.ok(codes.length >= 8);

  await signOut(page);
  await login.signIn(password, name);
  await login.code.fill(code);
  await page.getByRole("button", { name: "Continue" }).click();
  await login.error.waitFor();
  // Clocks differ: the code of the next half minute counts already.
  await login.code.fill(next);
  await page.getByRole("button", { name: "Continue" }).click();
  await arrived(page);

  await signOut(page);
  await login.signIn(password, name);
  await page.getByRole("button", { name: "Use a recovery code" }).click();
  await login.recoveryCode.fill(codes[0]);
  await page.getByRole("button", { name: "Continue" }).click();
  await arrived(page);
  await page.goto(`${LOCAL}/profile`);
  await page
    .getByTestId("recovery-left")
    .getByText(`${codes.length - 1} left`)
    .waitFor();

  await signOut(page);
  await login.signIn(password, name);
  await page.getByRole("button", { name: "Use a recovery code" }).click();
  await login.recoveryCode.fill(codes[0]);
  await page.getByRole("button", { name: "Continue" }).click();
  await login.error.waitFor();
  await page.getByRole("button", { name: "Start again" }).click();
  await login.password.waitFor();
}
secondFactor.anonymous = true;

/** Chromium's own authenticator, as if a fingerprint reader were built in. */
async function authenticator(context, page) {
  const devtools = await context.newCDPSession(page);
  await devtools.send("WebAuthn.enable");
  const { authenticatorId } = await devtools.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  return {
    verified: (isUserVerified) => devtools.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified }),
    count: async () => (await devtools.send("WebAuthn.getCredentials", { authenticatorId })).credentials.length,
  };
}

async function passkey({ page, context, world }) {
  const name = `pia-${world.run}`;
  const password = await world.server.user(name, [["viewer", world.tenant]]);
  const login = new LoginPage(page);
  const keys = await authenticator(context, page);
  await profileOf(page, name, password);
  await page.getByText("None yet.").waitFor();
  await page.getByRole("button", { name: "Add a passkey" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  await dialog.getByText("Give it a name, so that you recognise it later.").waitFor();
  await dialog.getByLabel("Name of the passkey").fill("Test laptop");
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByTestId("recovery-codes").waitFor();
  await page.getByLabel("I have stored them").check();
  await page.getByRole("dialog").getByRole("button", { name: "Done" }).click();
  await page.getByTestId("passkey").filter({ hasText: "Test laptop" }).waitFor();
  assert.equal(await keys.count(), 1);

  // Alone: nothing is typed.
  await signOut(page);
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await arrived(page);

  // After a password: the second step.
  await signOut(page);
  await login.signIn(password, name);
  await page.getByRole("heading", { name: "One more step" }).waitFor();
  await page.getByRole("button", { name: "Use a passkey" }).click();
  await arrived(page);

  await page.goto(`${LOCAL}/profile`);
  await page.getByRole("button", { name: "Remove Test laptop" }).click();
  await dialog.getByLabel("Type Test laptop to confirm").fill("Test laptop");
  await dialog.getByRole("button", { name: "Remove", exact: true }).click();
  await page.getByText("None yet.").waitFor();
  await signOut(page);
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await login.error.waitFor();
}
passkey.anonymous = true;

async function account({ page, browser, world }) {
  const name = `nora-${world.run}`;
  const password = await world.server.user(name, [["editor", world.tenant]]);
  await profileOf(page, name, password);
  const other = await browser.newContext({ userAgent: "Mozilla/5.0 (Windows NT 10.0) Firefox/150.0" });
  const elsewhere = await other.newPage();
  await elsewhere.goto(`${LOCAL}/login`);
  await new LoginPage(elsewhere).signIn(password, name);
  await elsewhere.waitForURL((url) => url.pathname === "/");

  await page.reload();
  const sessions = page.getByTestId("session");
  await sessions.filter({ hasText: "Firefox on Windows" }).waitFor();
  await sessions.filter({ hasText: "this one" }).getByText("Chrome on Linux").waitFor();
  await page.getByText(`editor in ${world.tenant}`).waitFor();
  await page.getByLabel("Name", { exact: true }).fill("Nora N.");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await new Shell(page).toast.getByText("Profile saved").waitFor();
  await page.getByRole("button", { name: "Account" }).click();
  await page.getByRole("menu").getByText("Nora N.", { exact: false }).waitFor();
  await page.keyboard.press("Escape");

  // A new password ends every other session.
  const chosen = "eleven quiet lighthouses";
  await page.getByRole("button", { name: "Change the password" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Current password").fill("not this one");
  await dialog.getByLabel("New password", { exact: true }).fill(chosen);
  await dialog.getByLabel("New password again").fill(chosen);
  await dialog.getByRole("button", { name: "Change the password" }).click();
  await dialog.getByRole("alert").waitFor();
  await dialog.getByLabel("Current password").fill(password);
  await dialog.getByRole("button", { name: "Change the password" }).click();
  await dialog.waitFor({ state: "detached" });
  await sessions.filter({ hasText: "Firefox on Windows" }).waitFor({ state: "detached" });
  await elsewhere.reload();
  await new LoginPage(elsewhere).password.waitFor();
  await new LoginPage(elsewhere).signIn(password, name);
  await new LoginPage(elsewhere).error.waitFor();
  await new LoginPage(elsewhere).signIn(chosen, name);
  await elsewhere.waitForURL((url) => url.pathname === "/");
  await page.reload();
  await page.getByRole("button", { name: /^End the session on Firefox/ }).click();
  await sessions.filter({ hasText: "Firefox on Windows" }).waitFor({ state: "detached" });
  await other.close();
}
account.anonymous = true;

/** What is secret in a link is gone from the address before anything else happens. */
async function links({ page }) {
  await page.goto(`${LOCAL}/login#reset=certainly-no-token`);
  await page.getByRole("heading", { name: "Choose a new password" }).waitFor();
  assert.equal(page.url(), `${LOCAL}/login`);
  await page.getByLabel("New password", { exact: true }).fill("seven unrelated words");
  await page.getByLabel("New password again").fill("seven unrelated words");
  await page.getByRole("button", { name: "Set the password" }).click();
  await page.getByRole("alert").waitFor();
  await page.goto(`${LOCAL}/login?x#link=certainly-no-token`);
  await page.getByRole("heading", { name: "Sign in with a link" }).waitFor();
  assert.ok(!page.url().includes("token"));
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").waitFor();
}
links.anonymous = true;

export default {
  "an authenticator app is set up, asked for, and a recovery code works once": secondFactor,
  "a passkey is added, signs in alone and as the second step, is removed": passkey,
  "name, password and sessions of one's own account": account,
  "secrets of links leave the address at once": links,
};
