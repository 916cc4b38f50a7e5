export class LoginPage {
  constructor(page) {
    this.page = page;
    this.password = page.locator("input[name=password]");
    this.submit = page.getByRole("button", { name: "Sign in" });
    this.error = page.getByRole("alert");
  }

  async signIn(password) {
    await this.password.fill(password);
    await this.submit.click();
  }
}
