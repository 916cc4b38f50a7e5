import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it } from "vitest";
import { answer, show } from "../../test/render.tsx";
import { StartPage } from "./StartPage.tsx";

const admin = {
  authenticated: true,
  username: "admin",
  role: "admin",
  permissions: ["admin"],
  tenant: "default",
  tenants: ["default"],
};
const info = {
  version: "0",
  http_port: 8080,
  otlp_http_port: 14318,
  otlp_grpc_port: 14317,
  started_at: "",
  retention_days: {},
};

describe("the first run", () => {
  it("fills snippets with the key and turns green when data arrives", async () => {
    let records = 5;
    answer({
      "GET auth/session": admin,
      "GET info": info,
      "GET ingest/status": () => ({
        records_total: records,
        rejected_total: 0,
        records_per_second: 2,
        last_received_at: "",
      }),
      "POST keys": { key: { id: "1" }, secret: "nx_secret" },
    });
    show(<StartPage />, "/start");
    await waitFor(() =>
      expect(
        screen
          .getAllByTestId("snippet")
          .map((node) => node.textContent)
          .join(""),
      ).toContain(":14318/v1/logs"),
    );
    expect(
      screen
        .getAllByTestId("snippet")
        .map((node) => node.textContent)
        .join(""),
    ).toContain("YOUR_KEY");
    await userEvent.click(await screen.findByRole("button", { name: "Create key" }));
    expect(await screen.findByTestId("secret")).toHaveTextContent("nx_secret");
    expect(
      screen
        .getAllByTestId("snippet")
        .map((node) => node.textContent)
        .join(""),
    ).not.toContain("YOUR_KEY");
    expect(screen.getByTestId("probe")).toHaveTextContent("Waiting for data");
    records = 8;
    await waitFor(() => expect(screen.getByTestId("probe")).toHaveTextContent("Data is arriving: 3 records, 2/s"));
    expect(screen.getByRole("link", { name: "Open the logs" })).toHaveAttribute("href", "/logs?from=now-15m&to=now");
  });

  it("says what to do without the right to make keys", async () => {
    answer({ "GET auth/session": { ...admin, permissions: ["logs:read"] }, "GET info": info });
    show(<StartPage />, "/start");
    expect(await screen.findByText(/You may not create keys/)).toBeVisible();
  });
});
