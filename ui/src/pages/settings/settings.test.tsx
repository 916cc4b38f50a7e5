import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { Route, Routes } from "react-router";
import { describe, expect, it } from "vitest";
import { Gate } from "../../components/shell/Gate.tsx";
import { PartBadge } from "../../components/shell/PartBadge.tsx";
import type { ApiKey, AuditEntry, RoleList, UserInfo } from "../../core/api/security.ts";
import { answer, session, show } from "../../test/render.tsx";
import { AuditPage } from "../audit/AuditPage.tsx";
import { KeysPage } from "../keys/KeysPage.tsx";
import { LimitsPage } from "../limits/LimitsPage.tsx";
import { pageAt } from "../registry.tsx";
import { Matrix } from "../roles/Matrix.tsx";
import { TenantsPage } from "../tenants/TenantsPage.tsx";
import { UsersPage } from "../users/UsersPage.tsx";
import { SettingsLayout } from "./SettingsLayout.tsx";

const user = (name: string, more: Partial<UserInfo> = {}): UserInfo => ({
  name,
  display_name: "",
  email: `${name}@example.com`,
  source: "local",
  disabled: false,
  has_password: true,
  second_factor: false,
  passkeys: 0,
  created_at: "",
  last_login: "",
  roles: [{ role: "viewer", tenant: "shop" }],
  teams: [],
  ...more,
});

const key = (name: string, more: Partial<ApiKey> = {}): ApiKey => ({
  id: `id-${name}`,
  name,
  prefix: "nxs_abc",
  tenant: "shop",
  permissions: ["logs:write"],
  created_at: "",
  last_used_at: "",
  role: "",
  account: "",
  account_name: "",
  signals: [],
  created_by: "",
  expires_at: "",
  previous_until: "",
  limits: {},
  ...more,
});

const ROLES: RoleList = {
  permissions: [
    { name: "logs:read", description: "Search", resources: [], system: false },
    { name: "pipelines:write", description: "Change", resources: ["pipeline"], system: false },
    { name: "admin", description: "Everything", resources: [], system: true },
  ],
  roles: [
    {
      name: "payments",
      description: "",
      builtin: false,
      grants: [
        { permission: "logs:read", resource: "*" },
        { permission: "pipelines:write", resource: "pipeline:web-*" },
      ],
      policy: "service:payment",
      masked: ["user.id"],
      subjects: 2,
    },
    {
      name: "admin",
      description: "",
      builtin: true,
      grants: [{ permission: "admin", resource: "*" }],
      policy: "",
      masked: [],
      subjects: 1,
    },
  ],
};

describe("what is not permitted", () => {
  it("is hidden in the navigation, and its address says what is missing and whom to ask", async () => {
    answer({ "GET auth/session": session("keys:read", "audit:read") });
    show(
      <Routes>
        <Route path="*" element={<SettingsLayout />} />
      </Routes>,
      "/settings/keys",
    );
    expect(await screen.findByRole("link", { name: "Audit log" })).toBeVisible();
    expect(screen.getAllByRole("link").map((link) => link.textContent)).toEqual(["API keys", "Audit log"]);
  });

  it("has a page of its own at its address", async () => {
    answer({ "GET auth/session": session("logs:read") });
    show(
      <Gate page={pageAt("/settings/users")}>
        <p>secret page</p>
      </Gate>,
      "/settings/users",
    );
    const page = await screen.findByTestId("forbidden");
    expect(page).toHaveTextContent("users:read");
    await waitFor(() => expect(page).toHaveTextContent("in the tenant shop"));
    expect(page).toHaveTextContent("administrator of all of Nexus");
    expect(screen.queryByText("secret page")).toBeNull();
  });

  it("is open to whoever holds it, and any permission is held by admins", async () => {
    answer({ "GET auth/session": session("admin") });
    show(
      <Gate page={pageAt("/settings/data")}>
        <p>the page</p>
      </Gate>,
      "/settings/data",
    );
    expect(await screen.findByText("the page")).toBeVisible();
  });
});

describe("a partial view", () => {
  it("is said where records are filtered or masked, and only there", async () => {
    answer({ "GET auth/session": { ...session("logs:read"), filtered: true, masked: ["user.id"] } });
    const first = show(<PartBadge />);
    const badge = await screen.findByTestId("part-badge");
    expect(badge).toHaveAccessibleName(/a part of the records.*user\.id/);
    first.unmount();
    answer({ "GET auth/session": session("logs:read") });
    show(<PartBadge />);
    await Promise.resolve();
    expect(screen.queryByTestId("part-badge")).toBeNull();
  });
});

describe("users", () => {
  it("are shown fifty at a time, however many there are, and found by words", async () => {
    answer({
      "GET auth/session": session("admin"),
      "GET users": { users: Array.from({ length: 1000 }, (_, index) => user(`user-${index}`)) },
    });
    show(<UsersPage />, "/settings/users");
    expect(await screen.findAllByTestId("user")).toHaveLength(50);
    expect(screen.getByTestId("user-count")).toHaveTextContent("1,000 users");
    await userEvent.click(screen.getByRole("button", { name: "Next page" }));
    expect(screen.getByText("Page 2 of 20")).toBeVisible();
    await userEvent.type(screen.getByLabelText("Find a user"), "user-77");
    await waitFor(() => expect(screen.getAllByTestId("user")).toHaveLength(11));
    expect(screen.queryByText(/^Page/)).toBeNull();
  });

  it("are deleted when the name has been typed, and not before", async () => {
    const { calls } = answer({
      "GET auth/session": session("admin"),
      "GET users": { users: [user("bob")] },
      "GET users/bob/sessions": { sessions: [] },
      "GET roles": ROLES,
      "GET tenants": { tenants: [] },
      "DELETE users/bob": { id: "bob" },
    });
    show(<UsersPage />, "/settings/users?user=bob");
    await userEvent.click(await screen.findByRole("button", { name: "Delete user" }));
    const dialog = await screen.findByRole("dialog");
    const confirm = within(dialog).getByRole("button", { name: "Delete user" });
    await userEvent.type(within(dialog).getByLabelText("Type bob to confirm"), "bo");
    expect(confirm).toBeDisabled();
    await userEvent.type(within(dialog).getByLabelText("Type bob to confirm"), "b");
    await userEvent.click(confirm);
    await waitFor(() => expect(calls.some((call) => call.name === "DELETE users/bob")).toBe(true));
  });

  it("can be looked at, but nothing more, without the permission to change them", async () => {
    answer({
      "GET auth/session": session("users:read"),
      "GET users": { users: [user("bob")] },
      "GET users/bob/sessions": { sessions: [] },
    });
    show(<UsersPage />, "/settings/users?user=bob");
    expect(await screen.findByText("Not signed in anywhere.")).toBeVisible();
    for (const name of ["New user", "Delete user", "Reset password", "Save", "What can this person see?"])
      expect(screen.queryByRole("button", { name })).toBeNull();
  });
});

describe("the matrix of roles", () => {
  it("says for each permission: yes, which resources, or no", () => {
    answer({ "GET auth/session": session("admin") });
    show(<Matrix list={ROLES} mayWrite onOpen={() => undefined} onPreview={() => undefined} />);
    const cells = (name: string): (string | null)[] =>
      within(screen.getByRole("row", { name: new RegExp(name) }))
        .getAllByRole("cell")
        .map((cell) => cell.textContent);
    expect(cells("^logs:read")).toEqual(["yes, as admin", "yes"]);
    expect(cells("^pipelines:write")).toEqual(["yes, as admin", "pipeline:web-*"]);
    expect(cells("^admin")).toEqual(["yes", "no"]);
    expect(cells("^Only records")).toEqual(["all", "service:payment"]);
    expect(cells("^Masked")).toEqual(["none", "user.id"]);
    expect(screen.getByRole("button", { name: "Edit role payments" })).toBeVisible();
    expect(screen.queryByRole("button", { name: "Edit role admin" })).toBeNull();
  });
});

describe("API keys", () => {
  it("only send unless asked otherwise, and show their secret once", async () => {
    const { calls } = answer({
      "GET auth/session": session("keys:read", "keys:write"),
      "GET keys": { keys: [] },
      "POST keys": { key: key("new"), secret: "nxs_secret" },
    });
    show(<KeysPage />, "/settings/keys");
    await userEvent.click(await screen.findByRole("button", { name: "New key" }));
    const dialog = await screen.findByRole("dialog");
    await userEvent.click(within(dialog).getByRole("button", { name: "Create key" }));
    expect(within(dialog).getByText("Give the key a name.")).toBeVisible();
    await userEvent.type(within(dialog).getByLabelText("Name"), "collector");
    await userEvent.selectOptions(within(dialog).getByLabelText("Expires"), "2592000");
    await userEvent.click(within(dialog).getByRole("button", { name: "Create key" }));
    expect(await within(dialog).findByTestId("secret")).toHaveTextContent("nxs_secret");
    expect(calls.find((call) => call.name === "POST keys")?.body).toMatchObject({
      name: "collector",
      permissions: ["logs:write"],
      expires_in: 2_592_000,
    });
    // Accounts and roles cannot be read, so they are not offered.
    await userEvent.click(within(dialog).getByRole("button", { name: "Done" }));
    await waitFor(() => expect(screen.queryByText("nxs_secret")).toBeNull());
  });

  it("say what they may do, and are rotated with an overlap", async () => {
    const { calls } = answer({
      "GET auth/session": session("admin"),
      "GET keys": {
        keys: [
          key("collector", { signals: ["logs"] }),
          key("ci", { permissions: [], account: "a1", account_name: "deployer" }),
          key("old", { expires_at: "2001-01-01T00:00:00Z", permissions: [], role: "viewer" }),
        ],
      },
      "POST keys/id-ci/rotate": { key: key("ci"), secret: "nxs_second" },
    });
    show(<KeysPage />, "/settings/keys");
    const rows = (await screen.findAllByTestId("api-key")).map((row) => row.textContent ?? "");
    expect(rows[0]).toContain("only sends, only logs");
    expect(rows[1]).toContain("account deployer");
    expect(rows[2]).toContain("role viewer");
    expect(rows[2]).toContain("expired");
    await userEvent.click(screen.getByRole("button", { name: "Rotate ci" }));
    const dialog = await screen.findByRole("dialog");
    await userEvent.selectOptions(within(dialog).getByLabelText("The old secret works for"), "3600");
    await userEvent.click(within(dialog).getByRole("button", { name: "Rotate" }));
    expect(await within(dialog).findByTestId("secret")).toHaveTextContent("nxs_second");
    expect(calls.find((call) => call.name === "POST keys/id-ci/rotate")?.body).toEqual({ overlap: 3600 });
  });
});

describe("limits", () => {
  it("are set with units, and their use is told", async () => {
    const { calls } = answer({
      "GET auth/session": session("admin"),
      "GET limits": {
        known: [
          { name: "ingest_bytes", description: "Bytes", unit: "bytes/s", scopes: ["tenant", "key"], default: 0 },
          { name: "auth_requests", description: "Logins", unit: "requests/s", scopes: ["address"], default: 20 },
        ],
        limits: [],
        use: [
          { scope: "tenant", subject: "shop", name: "ingest_bytes", used: 900, limit: 1024, refused: 3, label: "" },
        ],
      },
      "GET tenants": { tenants: [] },
      "PUT limits/tenant/*": {},
    });
    show(<LimitsPage />, "/settings/limits");
    expect(await screen.findByTestId("limit-use")).toHaveTextContent("1 KiB/s");
    expect(screen.getByText("20 requests/s")).toBeVisible();
    await userEvent.click(screen.getByRole("button", { name: "Add limits" }));
    const dialog = await screen.findByRole("dialog");
    const field = within(dialog).getByLabelText("ingest_bytes (bytes/s)");
    expect(within(dialog).queryByLabelText(/auth_requests/)).toBeNull();
    await userEvent.type(field, "many");
    expect(within(dialog).getByText(/A number, such as/)).toBeVisible();
    await userEvent.clear(field);
    await userEvent.type(field, "5 MiB{Enter}");
    await waitFor(() =>
      expect(calls.find((call) => call.name.startsWith("PUT limits/tenant/"))?.body).toEqual({
        limits: { ingest_bytes: 5 * 1024 ** 2 },
      }),
    );
  });
});

describe("tenants", () => {
  it("are deleted by name, and the proof is shown", async () => {
    let state = "running";
    const { calls } = answer({
      "GET auth/session": session("admin"),
      "GET tenants": {
        tenants: [
          {
            name: "shop-2",
            description: "",
            created_at: "",
            state: "active",
            retention_days: null,
            keys: 2,
            records: 10,
            bytes: 1000,
          },
        ],
      },
      "POST tenants/shop-2/delete": { name: "shop-2", state: "running" },
      "GET tenants/shop-2/deletion": () => {
        const now = state;
        state = "done";
        return {
          name: "shop-2",
          state: now,
          records: 10,
          left: now === "done" ? 0 : 4,
          parts_left: 0,
          requested_by: "ada",
          started_at: "",
          finished_at: "",
          proof: now === "done" ? ["No record of it is left."] : [],
          error: "",
        };
      },
    });
    show(<TenantsPage />, "/settings/tenants");
    await userEvent.click(await screen.findByRole("button", { name: "Delete tenant shop-2" }));
    const dialog = await screen.findByRole("dialog");
    await userEvent.type(within(dialog).getByLabelText("Type shop-2 to confirm"), "shop-2{Enter}");
    expect(await screen.findByTestId("proof")).toHaveTextContent("No record of it is left.");
    expect(calls.find((call) => call.name === "POST tenants/shop-2/delete")?.body).toEqual({ confirm: "shop-2" });
  });
});

describe("the audit log", () => {
  const entry: AuditEntry = {
    number: 7,
    at: "2026-11-25T19:00:00Z",
    tenant: "shop",
    kind: "user",
    who: "ada",
    address: "127.0.0.1",
    action: "user.changed",
    subject: "bob",
    outcome: "ok",
    details: {},
    before: '{"disabled":false}',
    after: '{"disabled":true}',
    hash: "ab12",
  };
  it("opens an entry to what changed, and names the problems that verifying finds", async () => {
    answer({
      "GET auth/session": session("audit:read"),
      "GET audit": { entries: [entry], next: 0, actions: ["user.changed"] },
      "POST audit/verify": {
        sound: false,
        records: 9,
        first: 1,
        last: 9,
        checkpoints: 1,
        problems: [{ number: 4, problem: "is missing." }],
        seconds: 0.1,
      },
    });
    show(<AuditPage />, "/settings/audit");
    await userEvent.click(await screen.findByRole("button", { name: "Show entry 7" }));
    const row = within(screen.getByTestId("audit-detail")).getByRole("row", { name: /disabled/ });
    expect(row).toHaveTextContent("disabledfalsetrue");
    await userEvent.click(screen.getByRole("button", { name: "Verify" }));
    const report = await screen.findByTestId("audit-report");
    expect(report).toHaveTextContent("Not sound: 1 problem found.");
    expect(report).toHaveTextContent("Entry 4 is missing.");
  });
  it("is filtered by a click on who did it", async () => {
    const asked: string[] = [];
    answer({ "GET auth/session": session("audit:read"), "GET audit": { entries: [entry], next: 0, actions: [] } });
    const inner = fetch;
    globalThis.fetch = ((request: Request) => {
      asked.push(new URL(request.url).search);
      return inner(request);
    }) as typeof fetch;
    show(<AuditPage />, "/settings/audit?outcome=ok");
    await userEvent.click(await screen.findByRole("button", { name: "ada" }));
    await waitFor(() => expect(asked.at(-1)).toContain("who=ada"));
    expect(asked.at(-1)).toContain("outcome=ok");
    expect(screen.getByLabelText("Who")).toHaveValue("ada");
  });
});
