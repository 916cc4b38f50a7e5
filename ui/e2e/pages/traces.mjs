/** The pages of traces and services. */
export class TracesPage {
  constructor(page) {
    this.page = page;
    this.rows = page.getByTestId("trace-row");
    this.count = page.getByTestId("trace-count");
    this.editor = page.getByRole("textbox", { name: "TraceQL query" });
    this.heatmap = page.getByTestId("heatmap-plot");
    this.panel = page.getByTestId("side-panel");
    this.waterfall = page.getByTestId("waterfall");
    this.spans = page.getByTestId("span-row");
    this.details = page.getByTestId("span-details");
    this.hits = page.getByTestId("trace-hits");
    this.minimap = page.getByTestId("minimap");
    this.find = page.getByRole("textbox", { name: "Find spans" });
  }

  async open(tenant, query = {}) {
    await this.page.goto(`${process.env.NEXUS_URL}/traces?${new URLSearchParams({ tenant, ...query })}`);
  }

  async trace(tenant, id, query = {}) {
    await this.page.goto(`${process.env.NEXUS_URL}/traces/${id}?${new URLSearchParams({ tenant, ...query })}`);
  }

  async services(tenant, path = "", query = {}) {
    await this.page.goto(`${process.env.NEXUS_URL}/services${path}?${new URLSearchParams({ tenant, ...query })}`);
  }

  async run(text) {
    await this.editor.click();
    await this.page.keyboard.press("Control+a");
    await this.page.keyboard.press("Delete");
    await this.page.keyboard.insertText(text);
    await this.page.keyboard.press("Control+Enter");
  }

  argument(name) {
    return new URL(this.page.url()).searchParams.get(name);
  }

  /** Drags from one share of an element to another. */
  async drag(element, from, to) {
    const box = await element.boundingBox();
    const at = ([x, y]) => [box.x + box.width * x, box.y + box.height * y];
    await this.page.mouse.move(...at(from));
    await this.page.mouse.down();
    await this.page.mouse.move(...at([(from[0] + to[0]) / 2, (from[1] + to[1]) / 2]), { steps: 3 });
    await this.page.mouse.move(...at(to), { steps: 3 });
    await this.page.mouse.up();
  }
}
