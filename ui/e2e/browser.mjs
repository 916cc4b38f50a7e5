/** A browser for the end-to-end tests: the machine's Chromium, without any network of its own. */
import { chromium } from "playwright-core";

export const BASE = process.env.NEXUS_URL ?? "http://127.0.0.1:8080";
/** The same server under a name that browsers take for passkeys without TLS. */
export const LOCAL = BASE.replace("//127.0.0.1:", "//localhost:");
export const PASSWORD = process.env.NEXUS_PASSWORD ?? "";

export async function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-first-run",
    ],
  });
}

/** A page that records what must not happen: console errors, refused content, requests to anyone else. */
export async function open(browser, { width = 1280, height = 800, theme = "light", storage } = {}) {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: theme,
    storageState: storage,
    permissions: ["clipboard-read", "clipboard-write"],
  });
  const page = await context.newPage();
  const faults = [];
  page.on("console", (message) => {
    if (message.type() === "error" && !/status of (400|401|403|404|409|422|429|503)/.test(message.text()))
      faults.push(message.text());
  });
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("request", (request) => {
    if (![BASE, LOCAL].some((own) => request.url().startsWith(own)) && !/^(data|blob):/.test(request.url()))
      faults.push(`third-party request: ${request.url()}`);
  });
  return { context, page, faults };
}
