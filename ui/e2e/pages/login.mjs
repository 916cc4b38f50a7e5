export class LoginPage {
  constructor(page) {
    this.page = page;
    this.username = page.locator("input[name=username]");
    this.password = page.locator("input[name=password]");
    this.code = page.locator("input[name=code]");
    this.recoveryCode = page.locator("input[name=recovery-code]");
    this.submit = page.getByRole("button", { name: "Sign in", exact: true });
    this.error = page.getByRole("alert");
  }

  async signIn(password, username = "admin") {
    await this.username.fill(username);
    await this.password.fill(password);
    await this.submit.click();
  }
}
