/** Rail, top bar, palette: what every page has. */
export class Shell {
  constructor(page) {
    this.page = page;
    this.rail = page.getByRole("navigation", { name: "Main navigation" });
    this.title = page.locator("header h1");
    this.range = page.getByTestId("range-label");
    this.toast = page.getByTestId("toast");
  }

  async goTo(name) {
    await this.rail.getByRole("link", { name, exact: true }).click();
  }

  async typeRange(text) {
    await this.page.keyboard.press("t");
    const input = this.page.getByLabel("Type a range");
    await input.fill(text);
    await input.press("Enter");
    await input.waitFor({ state: "detached" });
  }

  async menu(button, item) {
    await this.page.getByRole("button", { name: button }).click();
    await this.page.getByRole("menu").getByText(item, { exact: true }).click();
  }

  get theme() {
    return this.page.evaluate(() => document.documentElement.dataset.mantineColorScheme);
  }
}
