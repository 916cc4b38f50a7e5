import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { type ReactNode, useState } from "react";
import { describe, expect, it, vi } from "vitest";
import type { TracesCompareAnswer } from "../../core/api/traces.ts";
import { readHeatmap } from "../../core/traces/heatmap.ts";
import { ActionProvider } from "../../hooks/useActions.tsx";
import { TimeProvider } from "../../hooks/useTime.tsx";
import type { TraceNames } from "../../hooks/useTraces.ts";
import { answer, refused, STATISTICS, session, show } from "../../test/render.tsx";
import { DurationHeatmap } from "./DurationHeatmap.tsx";
import { EmptyTraces } from "./EmptyTraces.tsx";
import { SearchForm } from "./SearchForm.tsx";
import { TraceFacets } from "./TraceFacets.tsx";
import TracesCompare from "./TracesCompare.tsx";
import TracesMetrics, { unitOfTraceQuery } from "./TracesMetrics.tsx";
import { TracesPage } from "./TracesPage.tsx";

const SECOND = 1_000_000_000n;
const SPAN = { from: 1_700_000_000n * SECOND, to: 1_700_003_600n * SECOND };
const SIGNED = { "GET auth/session": session("traces:read") };

function Page({ children }: { children: ReactNode }): ReactNode {
  return (
    <ActionProvider>
      <TimeProvider>{children}</TimeProvider>
    </ActionProvider>
  );
}

const found = (id: string) => ({
  traceId: id.repeat(32),
  rootService: "web",
  rootName: "GET /",
  start: String(SPAN.from),
  duration: "1500000",
  spans: 7,
  errors: 1,
  services: [{ name: "web", spans: 6, errors: 1 }],
  sets: [
    {
      matched: 2,
      attributes: {},
      spans: [
        {
          spanId: "b".repeat(16),
          name: "SELECT",
          service: "db",
          start: String(SPAN.from),
          duration: "10",
          attributes: {},
        },
      ],
    },
  ],
});

describe("the search of traces", () => {
  it("shows what was found, with its services and matching spans", async () => {
    const { calls } = answer({
      ...SIGNED,
      "POST traces/search": {
        traces: [found("a")],
        incomplete: "at most 10,000 traces were looked at.",
        statistics: STATISTICS,
      },
      "POST traces/facets": { facets: [], statistics: STATISTICS },
    });
    show(
      <Page>
        <TracesPage />
      </Page>,
      "/traces?q={status=error}&order=longest&form=0",
    );
    const row = await screen.findByTestId("trace-row");
    expect(row).toHaveTextContent("1.5 ms");
    expect(row).toHaveTextContent("1 error");
    expect(screen.getByText(/at most 10,000 traces/)).toBeVisible();
    expect(calls.find((call) => call.name === "POST traces/search")?.body).toMatchObject({
      q: "{status=error}",
      order: "longest",
      limit: 50,
    });
    await userEvent.click(within(row).getByRole("button", { name: "2 matching spans" }));
    expect(within(row).getByRole("button", { name: /db · SELECT/ })).toBeVisible();
  });

  it("says that it may not, and that it failed", async () => {
    answer({ ...SIGNED, "POST traces/search": refused(403, "permission_denied", "no.") });
    const first = show(
      <Page>
        <TracesPage />
      </Page>,
      "/traces?form=0",
    );
    expect(await screen.findByText("You may not read traces")).toBeVisible();
    first.unmount();
    answer({ ...SIGNED, "POST traces/search": refused(500, "internal", "the disk is gone.") });
    show(
      <Page>
        <TracesPage />
      </Page>,
      "/traces?form=0",
    );
    expect(await screen.findByText("The search failed")).toBeVisible();
  });
});

describe("a search without a result", () => {
  const searched = (counts: (q: string, wide: boolean) => number) => (body: Record<string, unknown>) => {
    const wide = Date.parse(String(body.end)) - Date.parse(String(body.start)) > 86_400_000 * 20;
    const count = counts(String(body.q), wide);
    return { spans: count * 2, traces: count, statistics: STATISTICS };
  };

  it("names the condition that is too much", async () => {
    answer({ ...SIGNED, "POST traces/count": searched((q) => (q === "" || q === "{ status = error }" ? 3 : 0)) });
    const onQuery = vi.fn();
    show(
      <Page>
        <EmptyTraces scope={{ query: "{ status = error && kind = client }", span: SPAN }} onQuery={onQuery} />
      </Page>,
      "/traces",
    );
    await userEvent.click(await screen.findByRole("button", { name: "Remove kind = client" }));
    expect(onQuery).toHaveBeenCalledWith("{ status = error }");
  });

  it("tells none in this range from none at all", async () => {
    answer({ ...SIGNED, "POST traces/count": searched((_, wide) => (wide ? 1 : 0)) });
    const first = show(
      <Page>
        <EmptyTraces scope={{ query: "", span: SPAN }} onQuery={() => undefined} />
      </Page>,
      "/traces",
    );
    expect(await screen.findByText("No traces in this range")).toBeVisible();
    first.unmount();
    answer({ ...SIGNED, "POST traces/count": searched(() => 0) });
    show(
      <Page>
        <EmptyTraces scope={{ query: "", span: SPAN }} onQuery={() => undefined} />
      </Page>,
      "/traces",
    );
    expect(await screen.findByText("No traces have arrived yet")).toBeVisible();
  });
});

const NAMES: TraceNames = { fields: async () => ["span.user"], values: async () => [] };

function Held(): ReactNode {
  const [query, setQuery] = useState('{ duration >= 10ms && span.user = "ann" && (kind = server || kind = client) }');
  return (
    <>
      <SearchForm query={query} span={SPAN} names={NAMES} onQuery={setQuery} />
      <output>{query}</output>
    </>
  );
}

describe("the form", () => {
  it("reads the query and edits it", async () => {
    answer({ ...SIGNED, "GET traces/tags/name/values": { values: [] } });
    show(
      <Page>
        <Held />
      </Page>,
      "/traces",
    );
    expect(screen.getByRole("textbox", { name: "At least" })).toHaveValue("10ms");
    const most = screen.getByRole("textbox", { name: "At most" });
    await userEvent.type(most, "two{Enter}");
    expect(screen.getByRole("status")).not.toHaveTextContent("duration <=");
    await userEvent.clear(most);
    await userEvent.type(most, "2s{Enter}");
    expect(screen.getByRole("status")).toHaveTextContent("duration <= 2s");
    await userEvent.click(screen.getByRole("button", { name: "Remove span.user" }));
    expect(screen.getByRole("status")).toHaveTextContent(
      "{ duration >= 10ms && (kind = server || kind = client) && duration <= 2s }",
    );
  });

  it("says what it cannot show", () => {
    answer(SIGNED);
    show(
      <Page>
        <SearchForm query="{ } >> { }" span={SPAN} names={NAMES} onQuery={() => undefined} />
      </Page>,
      "/traces",
    );
    expect(screen.getByText(/more than the form can show/)).toBeVisible();
  });
});

describe("attributes", () => {
  it("are filters a click or a key away", async () => {
    answer({
      ...SIGNED,
      "POST traces/facets": {
        facets: [{ field: "span.http.status_code", values: [{ value: 500, type: "int", count: 3 }] }],
        statistics: STATISTICS,
      },
    });
    const onQuery = vi.fn();
    show(
      <Page>
        <TraceFacets scope={{ query: "", span: SPAN }} query="" ready onQuery={onQuery} />
      </Page>,
      "/traces",
    );
    const value = await screen.findByRole("button", { name: "500 3" });
    await userEvent.click(value);
    expect(onQuery).toHaveBeenCalledWith("{ span.http.status_code = 500 }");
    value.focus();
    await userEvent.keyboard("x");
    expect(onQuery).toHaveBeenLastCalledWith("{ !(span.http.status_code = 500) }");
  });
});

describe("the heatmap", () => {
  it("selects by keys, zooms and compares", async () => {
    const step = 60n * SECOND;
    const bucket = SPAN.to - (SPAN.to % step) - step;
    const heat = readHeatmap(
      {
        buckets: [String(bucket)],
        step: String(step),
        classes: [
          { class: 1, low: "1000000", high: "2000000" },
          { class: 2, low: "2000000", high: "4000000" },
        ],
        counts: [[4, 2]],
        errors: [[0, 1]],
        statistics: { ...STATISTICS, incomplete: "Jaeger may have more traces." },
      },
      SPAN,
      step,
    );
    const onZoom = vi.fn();
    const onCompare = vi.fn();
    answer(SIGNED);
    show(
      <DurationHeatmap
        heat={heat}
        span={SPAN}
        zone="UTC"
        shown="all"
        stale={false}
        error={null}
        onRetry={() => undefined}
        onShown={() => undefined}
        onZoom={onZoom}
        onCompare={onCompare}
        onZoomOut={() => undefined}
        onColumns={() => undefined}
      />,
    );
    expect(screen.getByText("6 spans, 1 error · Jaeger may have more traces.")).toBeVisible();
    screen.getByTestId("heatmap-plot").focus();
    await userEvent.keyboard("{ArrowLeft}{Shift>}{ArrowLeft}{/Shift}");
    await waitFor(() => expect(screen.getByTestId("heatmap-box")).toHaveTextContent("2ms to ∞"));
    await userEvent.keyboard("c");
    expect(onCompare).toHaveBeenCalledWith(expect.objectContaining({ min: "2ms", max: "" }));
    await userEvent.click(screen.getByRole("button", { name: "Zoom" }));
    expect(onZoom).toHaveBeenCalledTimes(1);
    await userEvent.click(screen.getByRole("button", { name: "Spans by duration" }));
    expect(screen.getByRole("row", { name: "2 ms – 4 ms 2 1" })).toBeVisible();
  });
});

describe("comparing", () => {
  const sides = {
    selection: { query: "{ status = error }", span: SPAN },
    baseline: { query: "{ !(status = error) }", span: SPAN },
  };
  const compared: TracesCompareAnswer = {
    selection: 10,
    baseline: 90,
    fields: [
      { name: "status", score: 1, significance: 0, values: [] },
      {
        name: "span.user.tier",
        score: 0.4,
        significance: 0.2,
        values: [
          { value: "gold", selection: 8, baseline: 9, selectionShare: 0.8, baselineShare: 0.1, difference: 0.7 },
        ],
      },
    ],
    statistics: STATISTICS,
  };

  it("ranks what the selection was not made by, and says what may be chance", async () => {
    answer({ ...SIGNED, "POST traces/compare": compared });
    show(
      <Page>
        <TracesCompare sides={sides} boxed={false} onClearBox={() => undefined} />
      </Page>,
      "/traces",
    );
    const field = await screen.findByTestId("compared-tag");
    expect(field).toHaveTextContent("span.user.tier");
    expect(field).toHaveTextContent("p = 0.200 · may be chance");
    expect(within(field).getByRole("button", { name: "Filter: gold" })).toBeVisible();
  });

  it("asks for a selection first", () => {
    answer(SIGNED);
    show(
      <Page>
        <TracesCompare sides={null} boxed={false} onClearBox={() => undefined} />
      </Page>,
      "/traces",
    );
    expect(screen.getByText("Nothing is selected")).toBeVisible();
  });
});

describe("metrics of traces", () => {
  it("begin with an example", async () => {
    answer(SIGNED);
    const onQuery = vi.fn();
    show(
      <Page>
        <TracesMetrics query="{ status = error }" onQuery={onQuery} />
      </Page>,
      "/traces",
    );
    await userEvent.click(screen.getByRole("button", { name: "Rate" }));
    expect(onQuery).toHaveBeenCalledWith("{ status = error } | rate()");
    expect(unitOfTraceQuery("{} | rate()")).toBe("ops");
    expect(unitOfTraceQuery("{} | quantile_over_time(duration, .9)")).toBe("seconds");
    expect(unitOfTraceQuery("{} | count_over_time()")).toBe("");
  });
});
