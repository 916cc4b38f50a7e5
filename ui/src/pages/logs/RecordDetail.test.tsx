import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it, vi } from "vitest";
import type { LogRecord } from "../../core/logs/records.ts";
import { show } from "../../test/render.tsx";
import { blocks } from "./LongText.tsx";
import { RecordDetail } from "./RecordDetail.tsx";
import { FiltersProvider } from "./useFilters.tsx";

const record: LogRecord = {
  id: "1",
  timestamp: "1795176000123456789",
  observed_timestamp: "",
  service: "cart",
  severity: "warn",
  severity_number: 13,
  body: "slow",
  trace_id: "0af7651916cd43dd8448eb211c80319c",
  span_id: "",
  event_name: "",
  template_id: "7",
  attributes: { "http.method": "GET", "user.id": 4, tags: ["a", { b: 1 }] },
  resource: { "host.name": "n 1" },
  scope_name: "",
  scope_version: "",
};

function page(shown: LogRecord) {
  const onQuery = vi.fn();
  const onColumns = vi.fn();
  show(
    <FiltersProvider query="slow" parts={[]} columns={[]} onQuery={onQuery} onColumns={onColumns}>
      <RecordDetail record={shown} zone="UTC" words={[]} />
    </FiltersProvider>,
  );
  return { onQuery, onColumns };
}

describe("a record", () => {
  it("shows the time to the nanosecond and offers verbs on every value", async () => {
    const { onQuery, onColumns } = page(record);
    expect(screen.getByText("2026-11-20 12:00:00.123456789")).toBeVisible();
    const row = screen.getByRole("row", { name: /http\.method/ });
    await userEvent.hover(row);
    await userEvent.click(within(row).getByRole("button", { name: /^Filter/ }));
    expect(onQuery).toHaveBeenLastCalledWith("slow http.method:GET");
    const host = screen.getByRole("row", { name: /host\.name/ });
    await userEvent.hover(host);
    await userEvent.click(within(host).getByRole("button", { name: /^Exclude/ }));
    expect(onQuery).toHaveBeenLastCalledWith('slow NOT resource.host.name:"n 1"');
    await userEvent.click(within(host).getByRole("button", { name: "Add as a column" }));
    expect(onColumns).toHaveBeenLastCalledWith(["resource.host.name"]);
  });

  it("reaches the verbs with the keyboard", async () => {
    const { onQuery } = page(record);
    within(screen.getByRole("row", { name: /user\.id/ }))
      .getByRole("button", { name: "user.id" })
      .focus();
    await userEvent.keyboard("f");
    expect(onQuery).toHaveBeenLastCalledWith("slow user.id:4");
    await userEvent.keyboard("x");
    expect(onQuery).toHaveBeenLastCalledWith("slow NOT user.id:4");
  });

  it("cuts long text at 4 KiB until asked", async () => {
    page({ ...record, body: `${"x".repeat(10_000)}end` });
    expect(screen.getByTestId("body-text").textContent).toHaveLength(4096);
    await userEvent.click(screen.getByRole("button", { name: "Show all 9.77 KiB" }));
    expect(screen.getByTestId("body-text").textContent).toHaveLength(10_003);
  });

  it("shows JSON as a tree and as text", async () => {
    page({ ...record, body: '{"order":{"id":7}}' });
    expect(screen.getByText("order")).toBeVisible();
    await userEvent.click(screen.getByLabelText("Text"));
    expect(screen.getByTestId("body-text")).toHaveTextContent('{"order":{"id":7}}');
  });

  it("splits text into blocks at line breaks without losing any", () => {
    const text = `${"a".repeat(10)}\n${"b".repeat(30)}`;
    expect(blocks(text, 16)).toEqual([`${"a".repeat(10)}\n`, "b".repeat(16), "b".repeat(14)]);
    expect(blocks(text, 7).join("")).toBe(text);
  });
});
