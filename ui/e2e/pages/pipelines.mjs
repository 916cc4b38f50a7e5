/** The pipelines page. */
export class PipelinesPage {
  constructor(page) {
    this.page = page;
    this.pipelines = page.getByTestId("pipeline");
    this.steps = page.getByTestId("step");
    this.form = page.getByTestId("step-form");
    this.status = page.getByTestId("draft-status");
    this.tried = page.getByTestId("preview-record");
    this.changed = page.getByTestId("changed-fields");
    this.saveButton = page.getByRole("button", { name: "Save", exact: true });
  }

  async open(tenant) {
    await this.page.goto(`${process.env.NEXUS_URL}/pipelines?tenant=${tenant}`);
  }

  async add(name) {
    await this.page.getByRole("button", { name: "Add pipeline" }).click();
    await this.page.getByRole("menuitem", { name }).click();
  }

  async addStep(pipeline, processor) {
    await this.pipeline(pipeline).getByRole("button", { name: "Add step" }).click();
    await this.page.getByRole("menuitem", { name: processor, exact: true }).click();
  }

  pipeline(name) {
    return this.page.getByRole("article", { name, exact: true });
  }

  handle(name) {
    return this.page.getByRole("button", { name: `Move ${name}`, exact: true });
  }

  async order(scope = this.page) {
    return scope
      .getByTestId("step")
      .locator("[aria-current], button")
      .evaluateAll((all) =>
        all
          .map((button) => /^\d+\. ([^,]*)/.exec(button.firstElementChild?.textContent ?? "")?.[1])
          .filter(Boolean)
          .map((title) => title.replace(/off$/, "")),
      );
  }

  /** Writes into a query editor. */
  async query(label, text) {
    await this.page.getByRole("textbox", { name: label, exact: true }).click();
    await this.page.keyboard.press("Control+a");
    await this.page.keyboard.press("Delete");
    if (text) await this.page.keyboard.insertText(text);
    await this.page.keyboard.press("Escape");
  }

  /** Drags the handle of one entry onto the upper or lower part of another. */
  async drag(name, onto, part) {
    const from = await this.handle(name).boundingBox();
    const to = await this.handle(onto).boundingBox();
    await this.page.mouse.move(from.x + from.width / 2, from.y + from.height / 2);
    await this.page.mouse.down();
    await this.page.mouse.move(to.x + 8, (from.y + to.y) / 2, { steps: 4 });
    await this.page.mouse.move(to.x + 8, part === "above" ? to.y - 6 : to.y + to.height + 40, { steps: 4 });
    await this.page.mouse.up();
  }

  async save() {
    await this.saveButton.click();
    await this.status.getByText("In force").waitFor();
  }
}
