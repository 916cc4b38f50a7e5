import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { Route, Routes, useLocation } from "react-router";
import { afterEach, describe, expect, it, vi } from "vitest";
import { NOBODY } from "../../hooks/useSession.ts";
import { type Answers, answer, refused, session, show } from "../../test/render.tsx";
import { LoginPage } from "./LoginPage.tsx";

function Address(): React.ReactNode {
  const { pathname, search, hash } = useLocation();
  return <span data-testid="address">{pathname + search + hash}</span>;
}

const pages = (
  <>
    <Address />
    <Routes>
      <Route path="/login" element={<LoginPage />} />
      <Route path="/logs" element={<p>the logs</p>} />
      <Route path="/" element={<p>home</p>} />
    </Routes>
  </>
);

const OPTIONS = { password: true, passkeys: true, mail: true, providers: [] };

function start(answers: Answers, url = "/login"): ReturnType<typeof answer> {
  const given = answer({ "GET auth/session": NOBODY, "GET auth/options": OPTIONS, ...answers });
  show(pages, url);
  return given;
}

async function type(password: string, name = "ada"): Promise<void> {
  const user = await screen.findByLabelText("User name");
  await userEvent.clear(user);
  await userEvent.type(user, name);
  const field = screen.getByLabelText("Password", { selector: "input" });
  await userEvent.clear(field);
  await userEvent.type(field, `${password}{Enter}`);
}

afterEach(() => vi.useRealTimers());

describe("signing in", () => {
  it("refuses a wrong password with the server's words, then leads back to where one was", async () => {
    const { calls } = start(
      {
        "POST auth/login": (body) =>
          body.password === "right"
            ? session("admin")
            : refused(401, "unauthenticated", "the user name or the password is wrong."),
      },
      "/login?next=%2Flogs%3Fq%3Da",
    );
    await userEvent.click(await screen.findByRole("button", { name: "Sign in" }));
    expect(await screen.findByRole("alert")).toHaveTextContent("Type your user name and your password.");
    await type("wrong");
    await waitFor(() => expect(screen.getByRole("alert")).toHaveTextContent("The user name or the password is wrong."));
    await type("right");
    expect(await screen.findByText("the logs")).toBeVisible();
    expect(calls.filter((call) => call.name === "POST auth/login")).toHaveLength(2);
  });

  it("counts down to the next try where the server names a time", async () => {
    start({
      "POST auth/login": refused(429, "too_many_attempts", "too many attempts.", { "Retry-After": "7" }),
    });
    await type("x");
    expect(await screen.findByTestId("retry-after")).toHaveTextContent("You can try again in 7 s.");
  });

  it("can be told by password managers what its fields are", async () => {
    start({});
    expect(await screen.findByLabelText("User name")).toHaveAttribute("autocomplete", "username");
    expect(screen.getByLabelText("Password", { selector: "input" })).toHaveAttribute(
      "autocomplete",
      "current-password",
    );
  });

  it("shows only what is set up", async () => {
    const provider = { id: "company", name: "Company", url: "/api/nexus/v1/auth/sso/company" };
    start(
      { "GET auth/options": { password: false, passkeys: false, mail: false, providers: [provider] } },
      "/login?next=%2Flogs",
    );
    const link = await screen.findByRole("link", { name: "Sign in with Company" });
    expect(link).toHaveAttribute("href", "/api/nexus/v1/auth/sso/company?next=%2Flogs");
    expect(screen.queryByLabelText("User name")).toBeNull();
    expect(screen.queryByText("Forgot your password?")).toBeNull();
    expect(screen.queryByText("Sign in with a passkey")).toBeNull();
  });
});

describe("the second step", () => {
  const challenge = { ...NOBODY, challenge: { token: "t-1", methods: ["totp", "recovery"] } };

  it("takes a code with blanks, and a recovery code instead", async () => {
    const { calls } = start({
      "POST auth/login": challenge,
      "POST auth/second-factor": (body) =>
        body.code === "abcd-efgh" ? session("admin") : refused(401, "unauthenticated", "the code is wrong."),
    });
    await type("right");
    const code = await screen.findByLabelText("Code of your authenticator app");
    expect(code).toHaveAttribute("autocomplete", "one-time-code");
    await userEvent.type(code, "123 456{Enter}");
    expect(await screen.findByRole("alert")).toHaveTextContent("The code is wrong.");
    expect(calls.at(-1)?.body).toEqual({ token: "t-1", code: "123456" });
    await userEvent.click(screen.getByRole("button", { name: "Use a recovery code" }));
    await userEvent.type(screen.getByLabelText("Recovery code"), "abcd-efgh{Enter}");
    expect(await screen.findByText("home")).toBeVisible();
  });

  it("can be begun again", async () => {
    start({ "POST auth/login": challenge });
    await type("right");
    await userEvent.click(await screen.findByRole("button", { name: "Start again" }));
    expect(await screen.findByLabelText("User name")).toBeVisible();
  });
});

describe("a link of the command line", () => {
  it("is taken out of the address and used by a click, not by looking at it", async () => {
    const { calls } = start({ "POST auth/link": session("admin") }, "/login#link=link-token");
    const button = await screen.findByRole("button", { name: "Sign in" });
    await waitFor(() => expect(screen.getByTestId("address").textContent).toBe("/login"));
    expect(calls.some((call) => call.name === "POST auth/link")).toBe(false);
    await userEvent.click(button);
    expect(await screen.findByText("home")).toBeVisible();
    expect(calls.find((call) => call.name === "POST auth/link")?.body).toEqual({ token: "link-token" });
  });
});

describe("a forgotten password", () => {
  it("is answered alike for everybody", async () => {
    const { calls } = start({ "POST auth/reset/request": { done: true, redirect: "" } });
    await userEvent.click(await screen.findByRole("button", { name: "Forgot your password?" }));
    await userEvent.type(await screen.findByLabelText("User name"), "nobody{Enter}");
    expect(await screen.findByRole("status")).toHaveTextContent("If there is such an account");
    expect(calls.at(-1)?.body).toEqual({ username: "nobody" });
  });

  it.each(["/login?reset=secret-token", "/login#reset=secret-token"])("is set anew by %s", async (url) => {
    const { calls } = start({ "POST auth/reset/finish": { done: true, redirect: "" } }, url);
    const fields = [await screen.findByLabelText("New password"), screen.getByLabelText("New password again")];
    await waitFor(() => expect(screen.getByTestId("address").textContent).toBe("/login"));
    await userEvent.type(fields[0] as HTMLElement, "four unrelated words here");
    await userEvent.type(fields[1] as HTMLElement, "another");
    await userEvent.click(screen.getByRole("button", { name: "Set the password" }));
    expect(screen.getByText("The two are not the same.")).toBeVisible();
    await userEvent.clear(fields[1] as HTMLElement);
    await userEvent.type(fields[1] as HTMLElement, "four unrelated words here{Enter}");
    expect(await screen.findByText("Your new password is set. Sign in with it.")).toBeVisible();
    expect(calls.find((call) => call.name === "POST auth/reset/finish")?.body).toEqual({
      token: "secret-token",
      password: "four unrelated words here",
    });
  });
});

describe("what has to be done first", () => {
  it("is replacing a password that was handed out", async () => {
    let must = "change_password";
    const { calls } = start({
      "GET auth/session": () => ({ ...session("logs:read"), must }),
      "POST profile/password": () => {
        must = "";
        return { done: true, redirect: "" };
      },
    });
    await userEvent.type(await screen.findByLabelText("Current password"), "old one");
    await userEvent.type(screen.getByLabelText("New password"), "new one");
    await userEvent.type(screen.getByLabelText("New password again"), "new one{Enter}");
    expect(await screen.findByText("home")).toBeVisible();
    expect(calls.find((call) => call.name === "POST profile/password")?.body).toEqual({
      current: "old one",
      new: "new one",
    });
  });

  it("is adding a second factor, and it goes on only when the codes are stored", async () => {
    let must = "add_second_factor";
    start({
      "GET auth/session": () => ({ ...session("logs:read"), must }),
      "POST profile/totp/begin": { secret: "ABCDEFGH", uri: "otpauth://x", qr: ["101", "010", "101"] },
      "POST profile/totp/confirm": () => {
        must = "";
        return { recovery_codes: ["aaaa", "bbbb"] };
      },
    });
    await userEvent.click(await screen.findByRole("button", { name: "Authenticator app" }));
    expect(await screen.findByRole("img", { name: /QR code/ })).toBeVisible();
    expect(screen.getByTestId("totp-secret")).toHaveTextContent("ABCD EFGH");
    await userEvent.type(screen.getByLabelText("Code that the app shows now"), "123456{Enter}");
    const done = await screen.findByRole("button", { name: "Done" });
    expect(done).toBeDisabled();
    await userEvent.click(screen.getByLabelText("I have stored them"));
    await userEvent.click(done);
    expect(await screen.findByText("home")).toBeVisible();
  });
});
