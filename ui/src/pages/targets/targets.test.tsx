import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it } from "vitest";
import type { TargetInfo, TargetPool } from "../../core/api/metrics.ts";
import { answer, refused, session, show } from "../../test/render.tsx";
import { filterPools, TargetsPage } from "./TargetsPage.tsx";

function target(url: string, rest: Partial<TargetInfo> = {}): TargetInfo {
  return {
    id: url,
    pool: "node",
    url,
    health: "up",
    labels: { job: "node", instance: url },
    discovered: { __address__: url },
    last_error: "",
    last_scrape: new Date().toISOString(),
    last_duration_ms: 12,
    samples: 100,
    samples_kept: 90,
    series_added: 0,
    body_bytes: 2048,
    ...rest,
  };
}

function pool(...targets: TargetInfo[]): TargetPool {
  const count = (health: string): number => targets.filter((one) => one.health === health).length;
  return {
    name: "node",
    interval_ms: 15_000,
    timeout_ms: 10_000,
    discovery: ["static"],
    up: count("up"),
    down: count("down"),
    unknown: count("unknown"),
    dropped: 1,
    error: "",
    targets,
  };
}

const DOWN = target("http://b/metrics", { health: "down", last_error: "connection refused" });
const TARGETS = {
  configured: true,
  file: "/etc/prometheus.yml",
  loaded_at: new Date().toISOString(),
  error: "",
  may_reload: true,
  pools: [pool(target("http://a/metrics"), DOWN)],
};

describe("targets", () => {
  it("filters by state, words and pool", () => {
    const pools = [pool(target("http://a/metrics"), DOWN)];
    const urls = (filter: Parameters<typeof filterPools>[1]): string[] =>
      filterPools(pools, filter).flatMap((one) => one.targets.map((entry) => entry.url));
    expect(urls({ find: "", health: "down", pool: "" })).toEqual(["http://b/metrics"]);
    expect(urls({ find: "REFUSED b/", health: null, pool: "" })).toEqual(["http://b/metrics"]);
    expect(urls({ find: 'instance="http://a', health: null, pool: "" })).toEqual(["http://a/metrics"]);
    expect(urls({ find: "", health: null, pool: "other" })).toEqual([]);
  });

  it("shows state, last error, duration and samples, and each relabelling step", async () => {
    answer({
      "GET auth/session": session("targets:read"),
      "GET targets": TARGETS,
      "GET targets/relabel": {
        steps: [
          {
            number: 1,
            action: "replace",
            rule: { target_label: "zone", replacement: "eu" },
            before: {},
            after: { zone: "eu" },
          },
          { number: 2, action: "drop", rule: { source_labels: ["zone"] }, before: { zone: "eu" }, after: null },
        ],
        dropped_by: 2,
      },
    });
    show(<TargetsPage />, "/targets");
    const row = within((await screen.findAllByTestId("target"))[1] as HTMLElement);
    expect(row.getByText("connection refused")).toBeVisible();
    expect(screen.getAllByText("90 / 100").length).toBe(2);
    await userEvent.click(row.getByRole("button", { name: "Details of http://b/metrics" }));
    const steps = await screen.findAllByTestId("relabel-step");
    expect(steps[0]).toHaveTextContent(/added\s*zone\s*eu/);
    expect(steps[1]).toHaveTextContent("The target is dropped here.");
    await userEvent.click(screen.getByTestId("health-down"));
    await waitFor(() => expect(screen.getAllByTestId("target")).toHaveLength(1));
  });

  it("says where a wrong configuration is wrong, and that the old one goes on", async () => {
    answer({
      "GET auth/session": session("targets:read"),
      "GET targets": TARGETS,
      "POST targets/reload": refused(400, "invalid_request", "line 3: unknown field `scrape_intervall`."),
    });
    show(<TargetsPage />, "/targets");
    await userEvent.click(await screen.findByRole("button", { name: "Reload configuration" }));
    const said = await screen.findByTestId("reload-failed");
    expect(said).toHaveTextContent("unknown field `scrape_intervall`");
    expect(said).toHaveTextContent("Scraping goes on as before.");
  });

  it("without the right to reload there is no button, and without a file there is a snippet", async () => {
    answer({ "GET auth/session": session("targets:read"), "GET targets": { ...TARGETS, may_reload: false } });
    const { unmount } = show(<TargetsPage />, "/targets");
    await screen.findAllByTestId("target");
    expect(screen.queryByRole("button", { name: "Reload configuration" })).toBeNull();
    unmount();
    answer({
      "GET auth/session": session("targets:read"),
      "GET targets": { ...TARGETS, configured: false, pools: [] },
    });
    show(<TargetsPage />, "/targets");
    expect((await screen.findAllByTestId("snippet"))[0]).toHaveTextContent("prometheus.yml");
  });
});
