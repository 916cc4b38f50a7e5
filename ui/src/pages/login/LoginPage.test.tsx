import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { Route, Routes } from "react-router";
import { describe, expect, it } from "vitest";
import { answer, Failure, show } from "../../test/render.tsx";
import { LoginPage } from "./LoginPage.tsx";

const nobody = { authenticated: false, username: "", role: "", permissions: [], tenant: "", tenants: [] };
const pages = (
  <Routes>
    <Route path="/login" element={<LoginPage />} />
    <Route path="/logs" element={<p>the logs</p>} />
  </Routes>
);

describe("signing in", () => {
  it("refuses a wrong password with the server's words, then leads back to where one was", async () => {
    const { calls } = answer({
      "GET auth/session": nobody,
      "POST auth/login": (body) =>
        body.password === "right"
          ? { ...nobody, authenticated: true, username: "admin" }
          : new Failure(401, {
              error: { code: "unauthenticated", message: "The password is wrong.", hint: "Try again." },
            }),
    });
    show(pages, "/login?next=%2Flogs%3Fq%3Da");
    const password = await screen.findByLabelText("Password", { selector: "input" });
    await userEvent.click(screen.getByRole("button", { name: "Sign in" }));
    expect(await screen.findByRole("alert")).toHaveTextContent("Type your password.");
    await userEvent.type(password, "wrong{Enter}");
    await waitFor(() => expect(screen.getByRole("alert")).toHaveTextContent("The password is wrong. Try again."));
    await userEvent.clear(password);
    await userEvent.type(password, "right{Enter}");
    expect(await screen.findByText("the logs")).toBeVisible();
    expect(calls.filter((call) => call.name === "POST auth/login")).toHaveLength(2);
  });
});
