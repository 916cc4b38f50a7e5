import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { type ReactNode, useState } from "react";
import { describe, expect, it, vi } from "vitest";
import type { TraceDocument, WholeSpan } from "../../core/api/traces.ts";
import { type Planted, plant } from "../../core/traces/fixtures.ts";
import { FIRST_VIEW, type TraceView as View } from "../../core/traces/view.ts";
import { ActionProvider } from "../../hooks/useActions.tsx";
import { TimeProvider } from "../../hooks/useTime.tsx";
import { answer, refused, STATISTICS, session, show } from "../../test/render.tsx";
import { TraceView } from "./TraceView.tsx";

const ID = "0af7651916cd43dd8448eb211c80319c";
const calls = (count: number): Planted[] =>
  Array.from({ length: count }, (_, call) => ({ service: "db", name: "SELECT", at: 110 + call * 10, for: 8 }));

function shop(): TraceDocument {
  return plant(
    [
      {
        service: "web",
        name: "GET /",
        at: 0,
        for: 1000,
        children: [
          { service: "cart", name: "load", at: 100, for: 500, children: calls(7) },
          { service: "pay", name: "charge", at: 700, for: 200, error: true },
        ],
      },
    ],
    { skewed: [1], critical: [[0, 0, 1000]] },
  );
}

function whole(spanId: string): WholeSpan {
  return {
    traceId: ID,
    spanId,
    parentSpanId: "",
    name: "charge",
    kind: 3,
    service: "pay",
    start: "1700000000000000700",
    duration: "200",
    status: 2,
    statusMessage: "card refused",
    traceState: "",
    flags: 1,
    weight: 1,
    scope: { name: "", version: "", attributes: {} },
    resource: { "service.name": "pay" },
    attributes: { "http.status_code": 500 },
    events: [{ time: "1700000000000000750", name: "exception", attributes: { "exception.type": "Refused" } }],
    links: [{ traceId: "b".repeat(32), spanId: "c".repeat(16), traceState: "", attributes: {} }],
    dropped: { attributes: 0, events: 2, links: 0 },
  };
}

const SERVER = {
  "GET auth/session": session("traces:read", "logs:read"),
  [`GET traces/${ID}`]: shop(),
  "POST logs/count": { count: 3, statistics: STATISTICS },
};

function Held({ first, onTrace }: { first: Partial<View>; onTrace?: (id: string) => void }): ReactNode {
  const [view, setView] = useState<View>({ ...FIRST_VIEW, ...first });
  return (
    <ActionProvider>
      <TimeProvider>
        <TraceView
          id={ID}
          view={view}
          onView={(change) => setView((now) => ({ ...now, ...change }))}
          inPanel={false}
          onTrace={onTrace ?? (() => undefined)}
        />
      </TimeProvider>
    </ActionProvider>
  );
}

const rows = (): string[] =>
  screen.getAllByTestId("span-row").map((row) => within(row).getAllByRole("gridcell")[0]?.textContent ?? "");

describe("a trace on the screen", () => {
  it("says what it is, what is odd, and folds repeated siblings", async () => {
    answer(SERVER);
    show(<Held first={{}} />, "/traces/x");
    await waitFor(() => expect(rows()).toEqual(["webGET /", "cartload", "dbSELECT×7", "paycharge"]));
    expect(screen.getByTestId("trace-head")).toHaveTextContent("10 spans");
    expect(screen.getByTestId("oddities")).toHaveTextContent("1 span lies outside of its parent");
    const group = screen.getAllByTestId("span-row")[2];
    expect(group).toHaveAttribute("aria-expanded", "false");
    expect(group).toHaveAttribute("aria-level", "3");
    await userEvent.click(screen.getByRole("button", { name: "Unfold SELECT" }));
    await waitFor(() => expect(rows().length).toBe(11));
  });

  it("is worked with by keys alone", async () => {
    answer({ ...SERVER, [`GET traces/${ID}/spans/000000000000000a`]: { span: whole("000000000000000a") } });
    show(<Held first={{}} />, "/traces/x");
    const grid = await screen.findByRole("treegrid");
    grid.focus();
    await userEvent.keyboard("{ArrowDown}{ArrowLeft}");
    await waitFor(() => expect(rows()).toEqual(["webGET /", "cartload+7", "paycharge"]));
    // To the failed span, and into it.
    await userEvent.keyboard("e{Enter}");
    const details = await screen.findByTestId("span-details");
    expect(details).toHaveTextContent("card refused");
    expect(details).toHaveTextContent("2 events were dropped by the sender");
    await waitFor(() => expect(screen.getByTestId("span-logs")).toHaveTextContent("Of this span (3)"));
  });

  it("finds, goes through what it found, and hides", async () => {
    answer({
      ...SERVER,
      [`GET traces/${ID}/spans/0000000000000003`]: { span: whole("0000000000000003") },
      [`GET traces/${ID}/spans/0000000000000009`]: { span: whole("0000000000000009") },
    });
    show(<Held first={{}} />, "/traces/x");
    const find = await screen.findByRole("textbox", { name: "Find spans" });
    await userEvent.click(find);
    await userEvent.paste("select");
    await waitFor(() => expect(screen.getByTestId("trace-hits")).toHaveTextContent("7"));
    await userEvent.type(find, "{Enter}");
    await waitFor(() => expect(screen.getByTestId("trace-hits")).toHaveTextContent("1 of 7"));
    // The group has opened for it.
    expect(rows().length).toBe(11);
    find.blur();
    await userEvent.keyboard("{Shift>}N{/Shift}");
    await waitFor(() => expect(screen.getByTestId("trace-hits")).toHaveTextContent("7 of 7"));
  });

  it("leads to linked traces", async () => {
    const onTrace = vi.fn();
    answer({ ...SERVER, [`GET traces/${ID}/spans/000000000000000a`]: { span: whole("000000000000000a") } });
    show(<Held first={{ span: "000000000000000a" }} onTrace={onTrace} />, "/traces/x");
    await userEvent.click(await screen.findByRole("button", { name: "Trace bbbbbbbbbbbbbbbb" }));
    expect(onTrace).toHaveBeenCalledWith("b".repeat(32), "c".repeat(16));
  });

  it("is a table too", async () => {
    answer(SERVER);
    show(<Held first={{ view: "operations" }} />, "/traces/x");
    const table = await screen.findByTestId("operations");
    expect(within(table).getAllByRole("row")[1]).toHaveTextContent("cartload");
    expect(within(table).getByRole("row", { name: /SELECT/ })).toHaveTextContent("7");
  });

  it("says when it is not stored, not permitted, or could not be read", async () => {
    answer({ ...SERVER, [`GET traces/${ID}`]: refused(404, "not_found", "there is no trace with this id.") });
    const { unmount } = show(<Held first={{}} />, "/traces/x");
    expect(await screen.findByText("This trace is not stored")).toBeVisible();
    unmount();
    answer({ ...SERVER, [`GET traces/${ID}`]: refused(403, "permission_denied", "no.") });
    const second = show(<Held first={{}} />, "/traces/x");
    expect(await screen.findByText("You may not read traces")).toBeVisible();
    second.unmount();
    answer({ ...SERVER, [`GET traces/${ID}`]: refused(500, "internal", "the disk is gone.") });
    show(<Held first={{}} />, "/traces/x");
    expect(await screen.findByRole("button", { name: "Try again" })).toBeVisible();
  });
});
