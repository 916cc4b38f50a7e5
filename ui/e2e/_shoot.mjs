import { launch, open, BASE } from "./browser.mjs";
const [,, out, password, ...names] = process.argv;
const browser = await launch();
for (const theme of ["light","dark"]) for (const width of [1280,1920]) {
  const { page, faults } = await open(browser, { width, height: width===1280?800:1000, theme });
  await page.goto(BASE + "/logs");
  await page.waitForTimeout(500);
  const s = async (n) => { if (names.length && !names.includes(n)) return; await page.screenshot({ path: `${out}/${n}-${theme}-${width}.png` }); };
  await s("login");
  if (await page.locator('input[name=password]').count()) { await page.fill('input[name=password]', password); await page.click('button[type=submit]'); }
  await page.waitForTimeout(1500); await s("logs");
  await page.getByTestId("log-row").nth(3).click(); await page.waitForTimeout(400); await s("panel");
  await page.keyboard.press("Escape");
  await page.getByTestId("log-row").nth(2).locator("[data-act=toggle]").click(); await page.waitForTimeout(400); await s("expanded");
  await page.goto(BASE + "/"); await page.waitForTimeout(900); await s("home");
  await page.goto(BASE + "/start"); await page.waitForTimeout(600); await s("start");
  await page.goto(BASE + "/query"); await page.waitForTimeout(600); await page.getByRole("button",{name:"Run"}).click(); await page.waitForTimeout(700); await s("query");
  await page.goto(BASE + "/settings/keys"); await page.waitForTimeout(500); await s("keys");
  await page.goto(BASE + "/logs?q=zzzqqq"); await page.waitForTimeout(1200); await s("empty");
  await page.goto(BASE + "/logs"); await page.waitForTimeout(900);
  await page.keyboard.press("t"); await page.waitForTimeout(500); await s("time"); await page.keyboard.press("Escape");
  await page.keyboard.press("?"); await page.waitForTimeout(500); await s("help"); await page.keyboard.press("Escape"); await page.waitForTimeout(300);
  await page.keyboard.press("Control+k"); await page.waitForTimeout(500); await s("palette");
  if (faults.length) console.log(theme, width, faults);
  await page.context().close();
}
await browser.close();
