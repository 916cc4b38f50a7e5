import assert from "node:assert/strict";
import { BASE } from "../browser.mjs";
import { LogsPage } from "../pages/logs.mjs";
import { PipelinesPage } from "../pages/pipelines.mjs";
import { Shell } from "../pages/shell.mjs";

/** A tenant without pipelines, with a few records. */
async function fresh(world, name) {
  const tenant = `${world.tenant}-${name}`;
  const secret = await world.server.key(tenant);
  await world.server.write(secret, [
    { message: "mail from bob@example.com, card 4111 1111 1111 1111", service: "pay", level: "info" },
    { message: '{"event":"login","user":7}', service: "web", level: "info" },
    { message: "cache hit", service: "web", level: "debug" },
  ]);
  return { tenant, secret };
}

async function redacting({ page, world: { play: world } }) {
  const { tenant, secret } = await fresh(world, "redact");
  const pipes = new PipelinesPage(page);
  const shell = new Shell(page);
  await page.goto(`${BASE}/?tenant=${tenant}`);
  await shell.goTo("Pipelines");
  await page.getByText("No pipelines yet").waitFor();
  await page.getByRole("button", { name: /^Redact secrets/ }).click();
  assert.equal(await pipes.steps.count(), 1);
  await pipes.status.getByText("Unsaved changes").waitFor();

  // The preview says what would happen to real records, with the old and the new value.
  const card = pipes.tried.filter({ hasText: "bob@example.com" });
  await card.getByText("changed").waitFor();
  await card.click();
  await pipes.changed.locator("del").first().waitFor();
  assert.match(await pipes.changed.locator("ins").first().textContent(), /\[email\].*\[card\]/);
  await page.getByRole("button", { name: /^changed\s*secrets › 1\. Redact/ }).click();
  await page.locator("[aria-current=step]", { hasText: "secrets" }).waitFor();
  assert.match(await pipes.changed.locator("del").first().textContent(), /bob@example\.com/);

  // Options of every kind are a form made of what the server says.
  await pipes.form.getByLabel("jwt").uncheck();
  await pipes.form.getByLabel("Name 1 of patterns").fill("bobs");
  await pipes.form.getByLabel("Value 1 of patterns").fill("from \\w+");
  await pipes.form.getByLabel("replacement").fill("<{name}>");
  await pipes.changed.getByText("<card>").waitFor();

  await pipes.addStep("secrets", "Drop records or fields");
  await page.getByTestId("fault").getByText("would drop every record").waitFor();
  await pipes.query("Only records that match", "severity:debug");
  await page.getByTestId("fault").waitFor({ state: "detached" });
  await page.getByTestId("preview-tally").getByText("1 dropped").waitFor();
  await pipes.tried.filter({ hasText: "cache hit" }).click();
  await page.getByTestId("ended").getByText("Not stored.").waitFor();
  await pipes.query("Records to try", "service:web");
  await page.waitForFunction(() => document.querySelectorAll("[data-testid=preview-record]").length === 2);

  await pipes.save();
  await world.server.write(secret, [
    { message: "again bob@example.com", service: "pay", level: "info" },
    { message: "cache miss", service: "web", level: "debug" },
  ]);
  const figures = pipes.steps.nth(1).getByTestId("step-figures");
  await figures.getByText("1 dropped").waitFor();
  const logs = new LogsPage(page);
  await logs.open(tenant, { q: "again" });
  await logs.rows.first().waitFor();
  assert.match(await logs.rows.first().textContent(), /again <email>/);
  await logs.open(tenant, { q: "service:web severity:debug" });
  await logs.rows.first().waitFor();
  assert.equal(await logs.count(), 1, "the one that was stored before");
}

async function starting({ page, world: { play: world } }) {
  const { tenant, secret } = await fresh(world, "start");
  const pipes = new PipelinesPage(page);
  await pipes.open(tenant);
  await page.getByRole("button", { name: /^Parse JSON bodies/ }).click();
  await pipes.add("Redact secrets");
  await pipes.add("Drop debug records");
  await pipes.tried.filter({ hasText: "cache hit" }).getByText("dropped").waitFor();
  await pipes.tried.filter({ hasText: "login" }).getByText("changed").waitFor();
  await pipes.save();
  await world.server.write(secret, [{ message: ' {"msg":"started","level":"warn","took":7}', service: "web" }]);
  const logs = new LogsPage(page);
  await logs.open(tenant, { q: "started severity:warn took:7" });
  await logs.rows.first().waitFor();
  assert.match(await logs.rows.first().textContent(), /started/);
}

async function ordering({ page, world: { play: world } }) {
  const { tenant } = await fresh(world, "order");
  const pipes = new PipelinesPage(page);
  await pipes.open(tenant);
  await page.getByRole("button", { name: "Empty pipeline" }).click();
  for (const processor of ["Redact", "Parse JSON", "Parse logfmt"]) await pipes.addStep("pipeline", processor);
  assert.deepEqual(await pipes.order(), ["Redact", "Parse JSON", "Parse logfmt"]);

  const status = page.getByRole("status");
  await pipes.handle("Redact").focus();
  await page.keyboard.press("Alt+ArrowDown");
  await status.getByText("Redact is now 2 of 3.").waitFor();
  assert.deepEqual(await pipes.order(), ["Parse JSON", "Redact", "Parse logfmt"]);
  // The focus goes along, so that the key can be pressed again.
  await page.keyboard.press("Alt+ArrowDown");
  assert.deepEqual(await pipes.order(), ["Parse JSON", "Parse logfmt", "Redact"]);
  await page.keyboard.press("Alt+ArrowDown");
  await status.getByText("Redact is already the last.").waitFor();

  await pipes.drag("Redact", "Parse JSON", "above");
  assert.deepEqual(await pipes.order(), ["Redact", "Parse JSON", "Parse logfmt"]);
  await pipes.drag("Parse JSON", "Parse logfmt", "below");
  assert.deepEqual(await pipes.order(), ["Redact", "Parse logfmt", "Parse JSON"]);

  await page.getByRole("button", { name: "Undo" }).click();
  assert.deepEqual(await pipes.order(), ["Redact", "Parse JSON", "Parse logfmt"]);
  await pipes.handle("Redact").focus();
  await page.keyboard.press("Control+Shift+z");
  assert.deepEqual(await pipes.order(), ["Redact", "Parse logfmt", "Parse JSON"]);

  await page.getByRole("button", { name: "Actions for Redact" }).click();
  await page.getByRole("menuitem", { name: "Duplicate" }).click();
  assert.equal(await pipes.steps.count(), 4);
  await page.getByRole("button", { name: "Actions for Redact" }).nth(1).click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  await page.getByLabel("Use Parse logfmt").press("Space");
  await pipes.add("Drop debug records");
  await page.getByRole("button", { name: "Actions for pipeline" }).click();
  await page.getByRole("menuitem", { name: "Duplicate" }).click();
  await pipes.handle("drop-debug").focus();
  await page.keyboard.press("Alt+ArrowUp");
  await page.keyboard.press("Alt+ArrowUp");
  await pipes.save();
  await page.reload();
  await pipes.pipelines.first().waitFor();
  assert.deepEqual(await pipes.pipelines.evaluateAll((all) => all.map((entry) => entry.getAttribute("aria-label"))), [
    "drop-debug",
    "pipeline",
    "pipeline-2",
  ]);
  assert.deepEqual(await pipes.order(pipes.pipeline("pipeline")), ["Redact", "Parse logfmt", "Parse JSON"]);
  await pipes.pipeline("pipeline").getByText("off").waitFor();
}

async function conflicting({ page, world: { play: world } }) {
  const { tenant } = await fresh(world, "conflict");
  const pipes = new PipelinesPage(page);
  await pipes.open(tenant);
  await page.getByRole("button", { name: /^Drop debug/ }).click();
  const { version } = await world.server.get("pipelines", tenant);
  const theirs = await world.server.put("pipelines", { pipelines: [{ name: "theirs" }], version }, tenant);
  await pipes.saveButton.click();
  await page.getByTestId("conflict").getByText("Somebody else changed the pipelines").waitFor();
  await page.getByRole("button", { name: "Keep mine" }).click();
  await page.getByText("Saving now replaces what somebody else saved.").waitFor();
  await pipes.save();
  assert.deepEqual(
    (await world.server.get("pipelines", tenant)).pipelines.map((info) => info.spec.name),
    ["drop-debug"],
  );
  const { version: second } = await world.server.get("pipelines", tenant);
  assert.notEqual(second, theirs.version);
  await world.server.put("pipelines", { pipelines: [{ name: "theirs" }], version: second }, tenant);
  await page.getByLabel("Use drop-debug").press("Space");
  await pipes.saveButton.click();
  await page.getByRole("button", { name: "Load theirs" }).click();
  await pipes.pipeline("theirs").waitFor();
  assert.equal(await pipes.pipeline("drop-debug").count(), 0);
}

async function mistaken({ page, world: { play: world } }) {
  const { tenant } = await fresh(world, "bad");
  const pipes = new PipelinesPage(page);
  await pipes.open(tenant);
  await page.getByRole("button", { name: /^Redact secrets/ }).click();
  await pipes.addStep("secrets", "Parse by regular expression");
  await pipes.form.getByText("This one is needed.").waitFor();
  await pipes.form.getByRole("textbox", { name: /^pattern/ }).fill("(");
  await page.getByTestId("fault").getByText("is no expression").waitFor();
  await page.getByRole("button", { name: /^1\. Redact/ }).click();
  await pipes.saveButton.click();
  await page.getByTestId("save-problem").getByText("step 2").waitFor();
  await page.getByRole("button", { name: "Show the step" }).click();
  await pipes.form.getByRole("textbox", { name: /^pattern/ }).fill("(?P<word>\\w+)");
  await page.getByTestId("save-problem").waitFor({ state: "detached" });

  await page
    .getByRole("button", { name: /^secrets/ })
    .first()
    .click();
  await page.getByLabel("Tests").fill('[{"name": "stays", "input": [{"_msg": "a"}], "output": [{"body": "b"}]}]');
  await page.getByTestId("failing-tests").getByText('`body` is "a", but should be "b"').waitFor();
  await pipes.saveButton.click();
  await page.getByTestId("save-problem").getByText("1 of the tests fail").waitFor();
  await page.getByLabel("Tests").fill("[{]");
  await page.getByText("This is no list of tests").waitFor();
  await page.getByLabel("Tests").fill("");
  await page.getByLabel("Name", { exact: true }).fill("two words");
  await page.getByText("Up to 100 letters, digits").waitFor();
  await page.getByLabel("Name", { exact: true }).fill("words");

  const shell = new Shell(page);
  await shell.goTo("Logs");
  await page.getByText("Leave without saving?").waitFor();
  await page.getByRole("button", { name: "Stay" }).click();
  assert.match(page.url(), /\/pipelines/);
  await pipes.save();
  await shell.goTo("Logs");
  await page.waitForURL(/\/logs/);
}

async function reading({ page, world: { play: world } }) {
  const { tenant } = await fresh(world, "read");
  const { version } = await world.server.get("pipelines", tenant);
  const spec = { name: "theirs", when: "service:web", steps: [{ type: "redact" }] };
  await world.server.put("pipelines", { pipelines: [spec], version }, tenant);
  await page.route("**/auth/session", async (route) => {
    const answer = await route.fetch();
    const permissions = ["logs:read", "pipelines:read"];
    await route.fulfill({ response: answer, json: { ...(await answer.json()), role: "viewer", permissions } });
  });
  const pipes = new PipelinesPage(page);
  await pipes.open(tenant);
  await page.getByText("You may look, but not change anything.").waitFor();
  await pipes.tried.filter({ hasText: "login" }).waitFor();
  assert.ok(await pipes.form.getByLabel("replacement").isDisabled());
  for (const name of [/^Move /, /^Add /, /^Actions /, "Save", "Undo"])
    assert.equal(await page.getByRole("button", { name }).count(), 0, String(name));
  assert.equal(await page.getByRole("link", { name: "Data", exact: true }).count(), 0);
}

export default {
  "a pipeline redacts what arrives, as its preview said": redacting,
  "what is ready-made works as it is": starting,
  "order is changed by keyboard and by dragging, undone, and kept": ordering,
  "somebody else's change is neither lost nor silently replaced": conflicting,
  "who may only read sees, and changes nothing": reading,
  "mistakes are shown where they are, and unsaved work is guarded": mistaken,
};
