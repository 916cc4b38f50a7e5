/**
 * End-to-end tests against a running server: `NEXUS_URL=… NEXUS_PASSWORD=… npm run e2e [-- name …]`.
 * Every run writes into tenants of its own. With NEXUS_SHOTS=folder screenshots are taken too.
 */
import { readdirSync } from "node:fs";
import { BASE, launch, open, PASSWORD } from "./browser.mjs";
import { LoginPage } from "./pages/login.mjs";
import { Server, shopRecords } from "./server.mjs";

process.env.NEXUS_URL = BASE;
const wanted = process.argv.slice(2);
const run = Date.now().toString(36);
const server = new Server();
await server.signIn();
const world = { server, run, tenant: `e2e-${run}`, shots: process.env.NEXUS_SHOTS ?? "" };
world.secret = await server.key(world.tenant);
const records = shopRecords(7000);
for (let at = 0; at < records.length; at += 2000) await server.write(world.secret, records.slice(at, at + 2000));
await server.write(world.secret, [
  {
    timestamp: new Date(Date.now() - 30_000).toISOString(),
    level: "warn",
    service: "bulk",
    message: `huge ${"x ".repeat(500_000)}end`,
  },
  {
    timestamp: new Date(Date.now() - 31_000).toISOString(),
    level: "fatal",
    service: "bulk",
    message: `hostile <script>alert(1)</script> <img src=x onerror=alert(2)> ${"y".repeat(3000)}`,
  },
]);

// Tests that write do so in a tenant of their own: what the others count stays as it is.
const play = `${world.tenant}-play`;
world.play = { ...world, tenant: play, secret: await server.key(play) };
await server.write(world.play.secret, shopRecords(300));

const browser = await launch();
const first = await open(browser);
await first.page.goto(`${BASE}/login`);
await new LoginPage(first.page).signIn(PASSWORD);
await first.page.waitForURL((url) => url.pathname === "/");
world.session = await first.context.storageState();
await first.context.close();

let passed = 0;
let failed = 0;
for (const file of readdirSync(new URL("./specs", import.meta.url)).sort()) {
  const { default: tests } = await import(`./specs/${file}`);
  for (const [name, test] of Object.entries(tests)) {
    const title = `${file.replace(".mjs", "")}: ${name}`;
    if (wanted.length > 0 && !wanted.some((word) => title.includes(word))) continue;
    const started = performance.now();
    const tab = await open(browser, { storage: test.anonymous ? undefined : world.session, ...test.options });
    tab.page.setDefaultTimeout(10_000);
    try {
      await test({ ...tab, world, browser });
      if (tab.faults.length > 0 && !test.faulty) throw new Error(`the page reported:\n${tab.faults.join("\n")}`);
      passed += 1;
      console.log(`ok   ${title} (${Math.round(performance.now() - started)} ms)`);
    } catch (error) {
      failed += 1;
      console.log(`FAIL ${title}\n${String(error.stack ?? error).replace(/^/gm, "     ")}`);
      if (process.env.NEXUS_FAILURES)
        await tab.page.screenshot({ path: `${process.env.NEXUS_FAILURES}/${title.replace(/\W+/g, "-")}.png` });
    }
    await tab.context.close();
  }
}
await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
