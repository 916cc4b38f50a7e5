import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it, vi } from "vitest";
import type { MetricInfo } from "../../core/api/metrics.ts";
import type { MetricsUrl } from "../../hooks/useMetricsUrl.ts";
import { TimeProvider } from "../../hooks/useTime.tsx";
import { answer, session, show } from "../../test/render.tsx";
import { readPanel } from "./Beside.tsx";
import { Browser } from "./Browser.tsx";
import { EmptyResult } from "./EmptyResult.tsx";

const URL_STATE = { find: "", kind: "", munit: "", morder: "name", metric: "", tab: "browse" } as MetricsUrl;

function metric(name: string, rest: Partial<MetricInfo> = {}): MetricInfo {
  return {
    name,
    kind: "counter",
    unit: "",
    help: `Help of ${name}.`,
    series: 3,
    last: Date.now(),
    queries: 0,
    queried: 0,
    parts: [],
    ...rest,
  };
}

describe("the panel in the address", () => {
  it("reads what it wrote and nothing else", () => {
    expect(readPanel("logs")).toEqual({ kind: "logs", labels: null });
    expect(readPanel('logs:{"job":"a","n":1}')).toEqual({ kind: "logs", labels: { job: "a" } });
    expect(readPanel('exemplar:{"t":1,"v":2,"l":{"trace_id":"x"},"s":{},"id":"x"}')).toEqual({
      kind: "exemplar",
      exemplar: { t: 1, v: 2, l: { trace_id: "x" }, s: {}, id: "x" },
    });
    for (const text of ["", "trace", "logs:", "exemplar:{}", "exemplar:null", "other:{}"])
      expect(readPanel(text)).toBeNull();
  });
});

describe("the browser of metrics", () => {
  it("asks the server for what is typed", async () => {
    const { calls } = answer({
      "GET auth/session": session("metrics:read"),
      "POST metrics/catalog": { metrics: [metric("http_requests_total")], total: 1 },
    });
    const onUrl = vi.fn();
    show(<Browser url={URL_STATE} onUrl={onUrl} onPick={() => undefined} onAdd={() => undefined} />, "/metrics");
    await waitFor(() => expect(screen.getByTestId("metric-count")).toHaveTextContent("1 metric"));
    await userEvent.type(screen.getByRole("textbox", { name: "Find a metric by name or help" }), "http");
    await waitFor(() => expect(onUrl).toHaveBeenCalledWith({ find: "http" }));
    expect(calls.find((call) => call.name === "POST metrics/catalog")?.body).toMatchObject({
      limit: 50,
      offset: 0,
      order: "name",
    });
  });

  it("says whether there is nothing at all or nothing that matches", async () => {
    answer({ "GET auth/session": session("metrics:read"), "POST metrics/catalog": { metrics: [], total: 0 } });
    const { unmount } = show(
      <Browser url={URL_STATE} onUrl={() => undefined} onPick={() => undefined} onAdd={() => undefined} />,
      "/metrics",
    );
    expect(await screen.findByText("No metrics have arrived yet")).toBeVisible();
    expect(screen.getByRole("link", { name: "Get started" })).toHaveAttribute("href", "/start?source=remotewrite");
    unmount();
    const onUrl = vi.fn();
    show(
      <Browser url={{ ...URL_STATE, kind: "gauge" }} onUrl={onUrl} onPick={() => undefined} onAdd={() => undefined} />,
      "/metrics",
    );
    await userEvent.click(await screen.findByRole("button", { name: "Clear the filters" }));
    expect(onUrl).toHaveBeenCalledWith({ find: "", kind: "", munit: "" });
  });
});

describe("a query without a result", () => {
  const explained = (matchers: object[]): object => ({
    query: "up",
    pretty: "",
    type: "",
    words: [],
    selectors: [{ name: "up", text: 'up{job="b"}', matchers, offset: 0, length: 11 }],
    unit: "",
    estimate: {},
    warnings: [],
    infos: [],
  });
  const empty = (query: string, onQuery = vi.fn()) => {
    show(
      <TimeProvider>
        <EmptyResult queries={[query]} now={0n} onQuery={onQuery} />
      </TimeProvider>,
      "/metrics",
    );
    return onQuery;
  };

  it("names the condition without which there would be series", async () => {
    const counts: Record<string, number> = { '{__name__="up", job="b"}': 0, '{__name__="up"}': 2 };
    answer({
      "POST metrics/catalog": { metrics: [metric("up")], total: 5 },
      "POST metrics/explain": explained([{ name: "job", op: "=", value: "b" }]),
      "GET /api/v1/series": (_body: unknown, url: URL) => ({
        status: "success",
        data: Array.from({ length: counts[url.searchParams.get("match[]") ?? ""] ?? 0 }, () => ({})),
      }),
    });
    const onQuery = empty('up{job="b"}');
    await userEvent.click(await screen.findByRole("button", { name: 'Remove job="b" (2)' }));
    expect(onQuery).toHaveBeenCalledWith("up");
  });

  it("knows a metric that is not there from one that ended", async () => {
    const answers = (metrics: MetricInfo[]) => ({
      "POST metrics/catalog": { metrics, total: 9 },
      "POST metrics/explain": explained([]),
      "GET /api/v1/series": { status: "success", data: [] },
    });
    answer(answers([]));
    empty("up");
    expect(await screen.findByText("There is no metric up")).toBeVisible();
    answer(answers([metric("up", { last: 1_000_000 })]));
    empty("up");
    expect(await screen.findByText("No samples in this range")).toBeVisible();
    expect(screen.getByRole("button", { name: "Jump there" })).toBeVisible();
  });
});
