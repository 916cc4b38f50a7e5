/**
 * Row L5 in a browser: opens the Logs page of NEXUS_URL in live mode, says "ready", and after a line on standard input
 * answers with when records arrived in the page and when they were on the screen, as JSON: {arrived, shown, dropped}, the
 * first two pairs of [number of the record or, shown, of its request, ms since the epoch].
 */
import { createInterface } from "node:readline";
import { BASE, launch, open, PASSWORD } from "../ui/e2e/browser.mjs";
import { LoginPage } from "../ui/e2e/pages/login.mjs";

const browser = await launch();
const { page } = await open(browser, { width: 1920, height: 1080 });
await page.addInitScript(() => {
  const seen = { arrived: [], shown: [], dropped: 0 };
  window.liveSeen = seen;
  const now = () => performance.timeOrigin + performance.now();
  window.WebSocket = class extends WebSocket {
    constructor(...given) {
      super(...given);
      this.addEventListener("message", (event) => {
        const at = now();
        const message = JSON.parse(event.data);
        if (message.type !== "records") return;
        seen.dropped += message.dropped;
        for (const record of message.records) seen.arrived.push([record.attributes.n, at]);
      });
    }
  };
  let last = "";
  const look = () => {
    const text = document.querySelector('[data-index="0"] [data-cell=body]')?.textContent ?? "";
    const found = /request (\d+)-/.exec(text);
    if (found && text !== last) seen.shown.push([Number(found[1]), now()]);
    last = text;
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
});
await page.goto(`${BASE}/login`);
await new LoginPage(page).signIn(PASSWORD);
await page.waitForURL((url) => url.pathname === "/");
await page.goto(`${BASE}/logs?q=service%3Ashop&live=1`);
await page.getByText("Waiting for records").waitFor();
console.log("ready");
for await (const _ of createInterface({ input: process.stdin })) break;
console.log(JSON.stringify(await page.evaluate(() => window.liveSeen)));
await browser.close();
