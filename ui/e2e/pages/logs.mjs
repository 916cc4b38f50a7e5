/** The live tail of the logs page. */
class LiveTail {
  constructor(page) {
    this.page = page;
    this.button = page.getByTestId("live-button");
    this.state = page.getByTestId("live-state");
    this.paused = page.getByTestId("live-paused");
    this.dropped = page.getByTestId("live-dropped");
    this.shown = page.getByTestId("live-shown");
  }

  /** Waits until the server has accepted the subscription. */
  async open() {
    await this.page.locator("[data-testid=live-state][data-state=open]").waitFor();
  }

  async resume() {
    await this.paused.getByRole("button", { name: /Resume/ }).click();
    await this.paused.waitFor({ state: "detached" });
  }
}

/** The logs page. */
export class LogsPage {
  constructor(page) {
    this.page = page;
    this.editor = page.getByRole("textbox", { name: "Search query" });
    this.rows = page.getByTestId("log-row");
    this.grid = page.getByTestId("log-grid");
    this.matched = page.getByTestId("matched");
    this.histogram = page.getByTestId("histogram");
    this.panel = page.getByTestId("side-panel");
    this.chips = page.getByRole("list", { name: "Terms of the query" });
    this.live = new LiveTail(page);
    this.patterns = page.getByTestId("pattern-row");
    this.context = page.getByTestId("context");
    this.facets = page.getByRole("complementary", { name: "Fields" });
  }

  async open(tenant, query = {}) {
    const search = new URLSearchParams({ tenant, ...query });
    await this.page.goto(`${process.env.NEXUS_URL}/logs?${search}`);
  }

  /** Waits until the last query has answered. */
  async settled() {
    await this.page.waitForTimeout(80);
    await this.page.getByRole("button", { name: "Run", exact: true }).waitFor();
  }

  async search(text) {
    await this.editor.click();
    await this.page.keyboard.press("Control+a");
    await this.page.keyboard.press("Delete");
    if (text) await this.page.keyboard.insertText(text);
    await this.page.keyboard.press("Enter");
    await this.settled();
  }

  get query() {
    return new URL(this.page.url()).searchParams.get("q") ?? "";
  }

  async count() {
    // It has no number before the answer.
    const text = await this.matched.filter({ hasText: /\d/ }).textContent();
    return Number(text.match(/[\d,]+/)[0].replaceAll(",", ""));
  }

  facet(name) {
    return this.facets.getByRole("region", { name, exact: true });
  }

  async facetAction(facet, value, action) {
    const item = this.facet(facet).locator("li", { has: this.page.locator(`button[title="${value}"]`) });
    await item.hover();
    await item.getByRole("button", { name: action, exact: true }).click();
    await this.settled();
  }

  /** Drags across the plot from one share of its width to another. */
  async brush(from, to) {
    const box = await this.histogram.boundingBox();
    const x = (share) => box.x + 44 + (box.width - 44) * share;
    await this.page.mouse.move(x(from), box.y + 40);
    await this.page.mouse.down();
    await this.page.mouse.move(x((from + to) / 2), box.y + 40, { steps: 4 });
    await this.page.mouse.move(x(to), box.y + 40, { steps: 4 });
    await this.page.mouse.up();
    await this.settled();
  }

  tab(name) {
    return this.page.getByRole("tab", { name, exact: true });
  }

  /** Drags across the plot with Shift, which selects a range instead of zooming. */
  async select(from, to) {
    await this.page.keyboard.down("Shift");
    await this.brush(from, to);
    await this.page.keyboard.up("Shift");
  }
}
