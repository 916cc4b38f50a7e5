import assert from "node:assert/strict";
import { LogsPage } from "../pages/logs.mjs";
import { Shell } from "../pages/shell.mjs";

const line = (message, index = 0, service = "tail") => ({
  message,
  level: index % 50 === 0 ? "error" : "info",
  service,
  "http.status_code": 200,
});
const lines = (word, count, service) =>
  Array.from({ length: count }, (_, index) => line(`${word} number ${index} of ${count}`, index, service));

async function start({ page, world }, query = {}) {
  const logs = new LogsPage(page);
  await logs.open(world.tenant, query);
  await logs.rows.nth(2).waitFor();
  await logs.live.button.click();
  await logs.live.open();
  // The stored records come first.
  await page.getByTestId("live-line").waitFor();
  await page.locator('[data-index="0"] [data-cell=body]').waitFor();
  return logs;
}

async function flows({ page, world: { play: world } }) {
  const logs = await start({ page, world });
  const shell = new Shell(page);
  assert.equal(await shell.range.textContent(), "Live");
  assert.match(page.url(), /live=1/);
  await world.server.write(world.secret, [line("first-live-line")]);
  await page.locator('[data-index="0"]').getByText("first-live-line").waitFor();
  await world.server.write(world.secret, [line("second-live-line")]);
  await page.locator('[data-index="0"]').getByText("second-live-line").waitFor();
  await page.locator('[data-index="1"]').getByText("first-live-line").waitFor();
  assert.equal(await logs.live.paused.count(), 0);
  await page.getByRole("button", { name: "Stop", exact: true }).click();
  await page.waitForFunction(() => !location.search.includes("live"));
  await logs.settled();
  await logs.rows.first().waitFor();
}

async function filters({ page, world: { play: world } }) {
  const logs = await start({ page, world }, { q: "level:error" });
  await world.server.write(world.secret, lines("filtered", 60));
  await page.locator('[data-index="0"]').getByText("filtered number 50 of 60").waitFor();
  await page.locator('[data-index="1"]').getByText("filtered number 0 of 60").waitFor();
  await logs.search("service:tail-other");
  await logs.live.open();
  await world.server.write(world.secret, [line("quite-another", 1, "tail-other")]);
  await page.locator('[data-index="0"]').getByText("quite-another").waitFor();
}

/** Whatever shows that somebody reads stops the flow; what arrives is counted and comes with Resume. */
async function pauses({ page, world: { play: world } }) {
  const logs = await start({ page, world });
  const shown = () => page.locator('[data-index="0"] [data-cell=body]').textContent();
  const arrive = async (word) => {
    const before = await shown();
    await world.server.write(world.secret, lines(word, 7));
    await logs.live.paused.getByText("7 new").waitFor();
    assert.equal(await shown(), before, "rows stand still");
    await logs.live.resume();
    await page.locator('[data-index="0"]').getByText(`${word} number 6 of 7`).waitFor();
  };
  await page.keyboard.press("Space");
  await logs.live.paused.getByText("Paused", { exact: true }).waitFor();
  await arrive("by-key");

  await logs.rows.nth(1).locator("[data-cell=body]").click();
  await logs.live.paused.getByText("Paused because a record is open").waitFor();
  await logs.panel.waitFor();
  await world.server.write(world.secret, lines("by-record", 7));
  await logs.live.paused.getByText("7 new").waitFor();
  await page.keyboard.press("Space");
  await logs.live.paused.waitFor({ state: "detached" });
  await logs.panel.waitFor({ state: "detached" });

  await logs.rows.nth(2).locator("[data-act=toggle]").click();
  await logs.live.paused.waitFor();
  await arrive("by-expansion");
  assert.equal(await page.getByTestId("record-detail").count(), 0);

  await page.evaluate(() => {
    const text = document.querySelector('[data-index="3"] [data-cell=body]');
    getSelection().selectAllChildren(text);
  });
  await logs.live.paused.getByText("Paused because you selected text").waitFor();
  await arrive("by-selection");

  await logs.grid.evaluate((grid) => {
    grid.scrollTop = 200;
  });
  await logs.live.paused.getByText("Paused because you scrolled").waitFor();
  await world.server.write(world.secret, lines("by-scroll", 7));
  await logs.live.paused.getByText("7 new").waitFor();
  assert.equal(await logs.grid.evaluate((grid) => grid.scrollTop), 200, "the place is kept");
  await logs.live.resume();
  assert.equal(await logs.grid.evaluate((grid) => grid.scrollTop), 0);
}

/** More than the window while paused: the oldest go, counted. */
async function drops({ page, world: { play: world } }) {
  const logs = await start({ page, world });
  await page.keyboard.press("Space");
  await logs.live.paused.waitFor();
  for (let round = 0; round < 4; round += 1) await world.server.write(world.secret, lines(`flood-${round}`, 2000));
  await logs.live.paused.getByText("8,000 new").waitFor();
  const text = await logs.live.paused.textContent();
  const dropped = Number(/([\d,]+) dropped/.exec(text)[1].replaceAll(",", ""));
  await logs.live.resume();
  const shown = Number(/[\d,]+/.exec(await logs.live.shown.textContent())[0].replaceAll(",", ""));
  assert.ok(dropped > 0, "more than the rate of the subscription came within a second");
  assert.ok(shown <= 5000, `${shown} rows are no more than the window`);
  assert.ok(shown + dropped >= 8000, `${shown} shown and ${dropped} dropped are all of them`);
}

async function reconnects({ page, world: { play: world }, context }) {
  const sockets = [];
  await context.routeWebSocket(/\/live/, (socket) => {
    const server = socket.connectToServer();
    sockets.push({ socket, server });
  });
  const logs = await start({ page, world });
  await world.server.write(world.secret, [line("before-the-loss")]);
  await page.locator('[data-index="0"]').getByText("before-the-loss").waitFor();
  await sockets.at(-1).server.close();
  await sockets.at(-1).socket.close({ code: 1012 });
  await logs.live.state.getByText("Connection lost").waitFor();
  await world.server.write(world.secret, [line("during-the-loss")]);
  await logs.live.open();
  await page.locator('[data-index="0"]').getByText("during-the-loss").waitFor();
  await page.locator('[data-index="1"]').getByText("before-the-loss").waitFor();
  assert.equal(await page.getByText("before-the-loss").count(), 1, "nothing twice");
}

async function refused({ page, world: { play: world } }) {
  const logs = new LogsPage(page);
  await logs.open(world.tenant, { q: '"open', live: "1" });
  await page.getByRole("alert").filter({ hasText: "The live tail stopped" }).waitFor();
}

async function waiting({ page, world: { play: world } }) {
  const logs = new LogsPage(page);
  await logs.open(world.tenant, { q: "service:nobody-yet", live: "1" });
  await page.getByText("Waiting for records").waitFor();
  await world.server.write(world.secret, [line("there you are", 1, "nobody-yet")]);
  await page.locator('[data-index="0"]').getByText("there you are").waitFor();
  await page.reload();
  await logs.live.open();
  await page.locator('[data-index="0"]').getByText("there you are").waitFor();
  await page.keyboard.press("Space");
  await logs.live.paused.waitFor();
  await page.keyboard.press("Space");
  await logs.live.paused.waitFor({ state: "detached" });
}

/** 2,000 records a second for some seconds: no long task, everything counted. */
async function fast({ page, world: { play: world } }) {
  const logs = await start({ page, world });
  await page.evaluate(() => {
    window.longTasks = [];
    window.frames = 0;
    new PerformanceObserver((list) =>
      window.longTasks.push(...list.getEntries().map((entry) => entry.duration)),
    ).observe({ entryTypes: ["longtask"] });
    const count = () => {
      window.frames += 1;
      requestAnimationFrame(count);
    };
    requestAnimationFrame(count);
  });
  const began = performance.now();
  const seconds = 6;
  for (let tick = 0; tick < seconds * 10; tick += 1) {
    await world.server.write(world.secret, lines(`torrent-${tick}`, 200, "torrent"));
    const ahead = (tick + 1) * 100 - (performance.now() - began);
    if (ahead > 0) await new Promise((resolve) => setTimeout(resolve, ahead));
  }
  const took = (performance.now() - began) / 1000;
  await page
    .locator('[data-index="0"]')
    .getByText(new RegExp(`torrent-${seconds * 10 - 1} number`))
    .waitFor();
  const { longTasks, frames } = await page.evaluate(() => ({ longTasks: window.longTasks, frames: window.frames }));
  const longest = Math.max(0, ...longTasks);
  const rate = (seconds * 2000) / took;
  console.log(
    `     ${Math.round(rate)} records a second: longest task ${Math.round(longest)} ms, ${(frames / took).toFixed(0)} frames per second`,
  );
  assert.equal(await logs.live.paused.count(), 0);
  assert.ok((await page.locator("[data-index]").count()) < 120, "only rows near the view exist");
  // Twice the aim, as other programs load the machine.
  assert.ok(longest < 200, `a task of ${longest} ms`);
}

export default {
  "records flow in at the top, and Stop goes back to the search": flows,
  "only what matches arrives; a new query is a new tail": filters,
  "reading pauses it, Resume goes on": pauses,
  "what does not fit while paused is counted as dropped": drops,
  "a lost connection is said and found again without repeats": reconnects,
  "a query that cannot be read says why": refused,
  "nothing yet says so; a reload stays live": waiting,
  "2,000 records a second do not freeze it": fast,
};
