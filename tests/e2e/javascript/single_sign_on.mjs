/** Logs in and out at a provider of another site, in the machine's Chromium; prints what the browser saw as JSON.
 *  node single_sign_on.mjs <address of Nexus> <user at the provider> */
import { createRequire } from "node:module";

const require = createRequire(new URL("../../../ui/package.json", import.meta.url));
const { chromium } = require("playwright-core");
const [base, user] = process.argv.slice(2);
const api = `${base}/api/nexus/v1`;
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"],
});
const context = await browser.newContext();
const page = await context.newPage();
const faults = [];
page.setDefaultTimeout(15_000);
page.on("pageerror", (error) => faults.push(String(error)));
page.on("console", (message) => {
  if (/Content.Security.Policy/i.test(message.text())) faults.push(message.text());
});
const session = () => page.evaluate(async (url) => (await fetch(url)).json(), `${api}/auth/session`);
const seen = {};

// As a link in a mail would: the first page is one of another site.
await page.goto(`${api}/auth/oidc/corp/start?next=${encodeURIComponent("/logs?query=level%3Aerror")}`);
seen.provider = new URL(page.url()).origin;
await page.fill("input[name=login]", user);
await Promise.all([page.waitForURL((url) => url.origin === base && url.pathname === "/logs"), page.click("button")]);
seen.landed = new URL(page.url()).pathname;
seen.session = await session();
seen.cookies = (await context.cookies(base)).map(({ name, httpOnly, sameSite }) => ({ name, httpOnly, sameSite }));
// Nothing of the page is readable by scripts that should not be there.
seen.readable = await page.evaluate(() => document.cookie);

// Reloaded, and opened again by a link of another site: Strict keeps the cookie back there, and the page asks for itself.
await page.reload();
seen.again = (await session()).authenticated;

// Logging out here leads to the provider, which asks, and back.
const done = await page.evaluate(
  async (url) => (await fetch(url, { method: "POST", headers: { "X-Nexus-Request": "1" } })).json(),
  `${api}/auth/logout`,
);
seen.redirect = new URL(done.redirect).origin;
await page.goto(done.redirect);
await Promise.all([
  page.waitForURL((url) => url.origin === base && url.pathname === "/login"),
  page.click("button[name=logout], button[autofocus], button"),
]);
seen.loggedOut = !(await session()).authenticated;

// The provider has forgotten him as well: it asks who it is. This time he clicks on the login page, which leads back to where he was.
await page.goto(`${base}/pipelines`);
await page.getByRole("link", { name: "Sign in with" }).click();
await page.waitForURL((url) => url.origin === seen.provider);
seen.asksAgain = await page.isVisible("input[name=login]");
await page.fill("input[name=login]", user);
await Promise.all([page.waitForURL((url) => url.origin === base && url.pathname === "/pipelines"), page.click("button")]);
seen.clicked = (await session()).username;
seen.faults = faults;
await browser.close();
console.log(JSON.stringify(seen));
