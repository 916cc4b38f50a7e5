import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it } from "vitest";
import type { Profile } from "../../core/api/security.ts";
import { answer, refused, session, show } from "../../test/render.tsx";
import { ProfilePage } from "./ProfilePage.tsx";

const PROFILE: Profile = {
  username: "ada",
  display_name: "Ada",
  email: "ada@example.com",
  source: "local",
  has_password: true,
  password_changed_at: "",
  totp: true,
  recovery_codes_left: 2,
  passkeys: [],
  sessions: [
    {
      id: "s1",
      method: "password+totp",
      address: "127.0.0.1",
      user_agent: "Mozilla/5.0 (X11; Linux x86_64) Firefox/150.0",
      created_at: "",
      last_seen: "",
      expires_at: "",
      current: true,
    },
    {
      id: "s2",
      method: "passkey",
      address: "203.0.113.7",
      user_agent: "",
      created_at: "",
      last_seen: "",
      expires_at: "",
      current: false,
    },
  ],
  roles: [{ role: "viewer", tenant: "shop" }],
  teams: ["Checkout"],
  second_factor_required: false,
};

describe("the profile", () => {
  it("asks who is at the keyboard when the server does, and stays signed in when the answer is wrong", async () => {
    const { calls } = answer({
      "GET auth/session": session("logs:read"),
      "GET profile": PROFILE,
      "POST profile/recovery-codes": (body) =>
        body.password === "right"
          ? { recovery_codes: ["new-code"] }
          : body.password
            ? refused(401, "unauthenticated", "the password is wrong.")
            : refused(403, "confirmation_required", "this needs your password."),
    });
    show(<ProfilePage />, "/profile");
    await userEvent.click(await screen.findByRole("button", { name: "Make new ones" }));
    await userEvent.type(await screen.findByLabelText("Type ada to confirm"), "ada");
    await userEvent.click(within(screen.getByRole("dialog")).getByRole("button", { name: "Make new ones" }));
    const dialog = await screen.findByRole("dialog", { name: "Is it you?" });
    const password = within(dialog).getByLabelText("Password", { selector: "input[type=password]" });
    await userEvent.type(password, "wrong{Enter}");
    expect(await within(dialog).findByRole("alert")).toHaveTextContent("The password is wrong.");
    await userEvent.clear(password);
    await userEvent.type(password, "right{Enter}");
    expect(await screen.findByText("new-code")).toBeVisible();
    expect(calls.filter((call) => call.name === "POST profile/recovery-codes")).toHaveLength(3);
    expect(calls.filter((call) => call.name === "GET auth/session").length).toBeLessThanOrEqual(1);
  });

  it("marks this session and ends another one", async () => {
    const { calls } = answer({
      "GET auth/session": session(),
      "GET profile": PROFILE,
      "DELETE profile/sessions/s2": { ended: 1 },
    });
    show(<ProfilePage />, "/profile");
    const rows = await screen.findAllByTestId("session");
    expect(rows[0]).toHaveTextContent("Firefox on Linux");
    expect(rows[0]).toHaveTextContent("this one");
    expect(rows[0]).toHaveTextContent("password, code of the app");
    expect(within(rows[0] as HTMLElement).queryByRole("button")).toBeNull();
    await userEvent.click(screen.getByRole("button", { name: "End the session on Unknown device" }));
    await waitFor(() => expect(calls.some((call) => call.name === "DELETE profile/sessions/s2")).toBe(true));
  });

  it("sends only what was changed, and nothing of an account that is managed elsewhere", async () => {
    const { calls } = answer({
      "GET auth/session": session(),
      "GET profile": PROFILE,
      "PATCH profile": PROFILE,
    });
    const first = show(<ProfilePage />, "/profile");
    const name = await screen.findByLabelText("Name");
    await userEvent.clear(name);
    await userEvent.type(name, "Ada L.{Enter}");
    await waitFor(() =>
      expect(calls.find((call) => call.name === "PATCH profile")?.body).toEqual({ display_name: "Ada L." }),
    );
    first.unmount();
    answer({
      "GET auth/session": session(),
      "GET profile": { ...PROFILE, source: "oidc:company", has_password: false },
    });
    show(<ProfilePage />, "/profile");
    expect(await screen.findByText(/managed by single sign-on \(company\)/)).toBeVisible();
    expect(screen.queryByLabelText("Name")).toBeNull();
    expect(screen.queryByRole("button", { name: "Change the password" })).toBeNull();
  });
});
