/** What the pages of the settings share: a list, dialogs, and things that have to be typed. */
export class SettingsPage {
  constructor(page) {
    this.page = page;
    this.navigation = page.getByRole("navigation", { name: "Settings" });
    this.dialog = page.getByRole("dialog");
    this.panel = page.getByTestId("side-panel");
    this.forbidden = page.getByTestId("forbidden");
  }

  async open(name, search = "") {
    await this.page.goto(`${process.env.NEXUS_URL}/settings/${name}${search}`);
  }

  async goTo(name) {
    await this.navigation.getByRole("link", { name, exact: true }).click();
  }

  row(text) {
    return this.page.getByRole("row").filter({ hasText: text });
  }

  /** Types what a dangerous action asks for, and does it. */
  async confirm(word, action) {
    const button = this.dialog.getByRole("button", { name: action, exact: true });
    if (!(await button.isDisabled())) throw new Error(`"${action}" is possible without typing ${word}`);
    await this.dialog.getByLabel(`Type ${word} to confirm`).fill(word);
    await button.click();
  }

  /** A secret that is shown once: read, and the dialog closed. */
  async secret() {
    const secret = await this.page.getByTestId("secret").textContent();
    await this.dialog.getByRole("button", { name: "Done" }).click();
    await this.dialog.waitFor({ state: "detached" });
    return secret;
  }
}
