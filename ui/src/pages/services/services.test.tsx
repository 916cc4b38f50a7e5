import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import type { ReactNode } from "react";
import { describe, expect, it } from "vitest";
import type { MapEdge, MapNode, ServiceRow } from "../../core/api/traces.ts";
import { ActionProvider } from "../../hooks/useActions.tsx";
import { TimeProvider } from "../../hooks/useTime.tsx";
import { answer, refused, STATISTICS, session, show } from "../../test/render.tsx";
import { ServicesPage } from "./ServicesPage.tsx";

const SIGNED = { "GET auth/session": session("traces:read") };
const row = (name: string, rest: Partial<ServiceRow> = {}): ServiceRow => ({
  name,
  requestRate: 2,
  errorRate: 0,
  p50: 0.01,
  p95: 0.2,
  p99: null,
  apdex: 0.97,
  spark: [
    [1, 1, 0, null],
    [2, 3, 0.5, 0.1],
  ],
  kinds: ["server"],
  ...rest,
});
const node = (name: string, rest: Partial<MapNode> = {}): MapNode => ({
  name,
  type: "service",
  requestRate: 1,
  errorRate: 0,
  p95: 0.1,
  ...rest,
});
const edge = (client: string, server: string): MapEdge => ({
  client,
  server,
  type: "",
  requestRate: 1,
  errorRate: 0,
  p95Client: 0.1,
  p95Server: null,
});

function Page({ children }: { children: ReactNode }): ReactNode {
  return (
    <ActionProvider>
      <TimeProvider>{children}</TimeProvider>
    </ActionProvider>
  );
}

describe("the list of services", () => {
  it("sorts, finds and colours errors", async () => {
    answer({
      ...SIGNED,
      "GET services": { services: [row("web"), row("pay", { errorRate: 0.2, requestRate: 9 })], apdexThreshold: 0.5 },
    });
    show(
      <Page>
        <ServicesPage />
      </Page>,
      "/services",
    );
    const rows = await screen.findAllByTestId("service-row");
    expect(rows.map((one) => within(one).getByRole("link").textContent)).toEqual(["pay", "web"]);
    expect(rows[0]).toHaveTextContent("20 %");
    expect(rows[0]).toHaveTextContent("–");
    await userEvent.click(screen.getByRole("button", { name: "Service" }));
    await userEvent.type(screen.getByRole("textbox", { name: "Find a service" }), "we");
    await waitFor(() => expect(screen.getAllByTestId("service-row").length).toBe(1));
  });

  it("says that there are none, and that it failed", async () => {
    answer({
      ...SIGNED,
      "GET services": { services: [], apdexThreshold: 0.5 },
      "POST traces/count": { spans: 0, traces: 0, statistics: STATISTICS },
    });
    const first = show(
      <Page>
        <ServicesPage />
      </Page>,
      "/services",
    );
    expect(await screen.findByText("No services yet")).toBeVisible();
    first.unmount();
    answer({ ...SIGNED, "GET services": refused(500, "internal", "the disk is gone.") });
    show(
      <Page>
        <ServicesPage />
      </Page>,
      "/services",
    );
    expect(await screen.findByRole("button", { name: "Try again" })).toBeVisible();
  });
});

describe("the map", () => {
  it("draws services and calls, and goes along them by keys", async () => {
    answer({
      ...SIGNED,
      "GET services": { services: [], apdexThreshold: 0.5 },
      "GET services/map": {
        nodes: [node("web"), node("pay", { errorRate: 0.2 }), node("db", { type: "database" })],
        edges: [edge("web", "pay"), edge("pay", "db")],
      },
    });
    show(
      <Page>
        <ServicesPage />
      </Page>,
      "/services?view=map",
    );
    const nodes = await screen.findAllByTestId("map-node");
    expect(nodes.map((one) => one.getAttribute("data-tone"))).toEqual(["none", "many", "none"]);
    nodes[0]?.focus();
    await userEvent.keyboard("{ArrowRight}{ArrowRight}");
    expect(document.activeElement).toHaveAccessibleName(/^db, database/);
    await userEvent.click(screen.getByRole("checkbox", { name: "Databases" }));
    await waitFor(() => expect(screen.getAllByTestId("map-node").length).toBe(2));
  });

  it("is a matrix when it is too large", async () => {
    const names = Array.from({ length: 200 }, (_, index) => `service-${index}`);
    answer({
      ...SIGNED,
      "GET services": { services: [], apdexThreshold: 0.5 },
      "GET services/map": {
        nodes: names.map((name) => node(name)),
        edges: names.slice(1).map((name) => edge("service-0", name)),
      },
    });
    show(
      <Page>
        <ServicesPage />
      </Page>,
      "/services?view=map&focus=*",
    );
    expect(await screen.findByTestId("call-matrix")).toBeVisible();
    expect(screen.getByText(/200 nodes are too many/)).toBeVisible();
    expect(screen.getByRole("button", { name: "Open neighbourhood: service-0" })).toBeVisible();
  });
});
