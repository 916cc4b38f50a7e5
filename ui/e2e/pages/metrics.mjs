/** The metrics page. */
export class MetricsPage {
  constructor(page) {
    this.page = page;
    this.find = page.getByRole("textbox", { name: "Find a metric by name or help" });
    this.metrics = page.getByTestId("metric");
    this.count = page.getByTestId("metric-count");
    this.chart = page.getByTestId("chart");
    this.plot = page.getByTestId("plot");
    this.tip = page.getByTestId("chart-tip");
    this.legend = page.getByTestId("legend");
    this.colors = page.getByTestId("heat-legend");
    this.rows = page.getByTestId("query-row");
    this.problem = page.getByTestId("query-problem");
    this.panel = page.getByTestId("side-panel");
  }

  async open(tenant, query = {}) {
    await this.page.goto(`${process.env.NEXUS_URL}/metrics?${new URLSearchParams({ tenant, ...query })}`);
  }

  async ask(tenant, query, rest = {}) {
    await this.open(tenant, { tab: "query", q: query, ...rest });
    await this.drawn();
  }

  /** Waits until the first chart has been painted. */
  async drawn() {
    await this.page.locator("[data-drawn]").first().waitFor();
  }

  editor(letter) {
    return this.page.getByRole("textbox", { name: `Query ${letter}` });
  }

  async type(letter, text) {
    await this.editor(letter).click();
    await this.page.keyboard.press("Control+a");
    await this.page.keyboard.press("Delete");
    await this.page.keyboard.insertText(text);
  }

  argument(name) {
    return new URL(this.page.url()).searchParams.get(name);
  }

  /** Where a share of the plot's width lies. */
  async spot(share) {
    const box = await this.plot.first().boundingBox();
    return { x: box.x + 60 + (box.width - 70) * share, y: box.y + box.height * 0.4 };
  }

  async hover(share) {
    const { x, y } = await this.spot(share);
    await this.page.mouse.move(x - 3, y);
    await this.page.mouse.move(x, y);
  }

  async brush(from, to) {
    const [a, b] = [await this.spot(from), await this.spot(to)];
    await this.page.mouse.move(a.x, a.y);
    await this.page.mouse.down();
    await this.page.mouse.move((a.x + b.x) / 2, a.y, { steps: 3 });
    await this.page.mouse.move(b.x, b.y, { steps: 3 });
    await this.page.mouse.up();
  }

  series(name) {
    return this.legend.getByRole("button", { name, exact: true });
  }
}
