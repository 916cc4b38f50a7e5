import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it, vi } from "vitest";
import { localParts } from "../../core/query/edit.ts";
import { answer, Failure, STATISTICS, show } from "../../test/render.tsx";
import { EmptyRows } from "./EmptyRows.tsx";
import { FiltersProvider } from "./useFilters.tsx";

const NOW = 1_795_176_000_000_000_000n;
const span = { from: NOW - 3_600_000_000_000n, to: NOW };
const bounds = (count: number, last = ""): object => ({ first: last, last, count, statistics: STATISTICS });
const count = (value: number): object => ({ count: value, statistics: STATISTICS });

function page(query: string, onQuery = vi.fn(), onRange = vi.fn(), onClear = vi.fn()) {
  const terms = [...query.matchAll(/\S+/g)].map((match) => ({ offset: match.index, length: match[0].length }));
  show(
    <FiltersProvider query={query} parts={localParts(query, terms)} columns={[]} onQuery={onQuery} onColumns={vi.fn()}>
      <EmptyRows scope={{ query, span }} now={NOW} onRange={onRange} onClear={onClear} />
    </FiltersProvider>,
  );
  return { onQuery, onRange, onClear };
}

describe("an empty result names its cause", () => {
  it("no data ever: leads to get started", async () => {
    answer({ "POST logs/bounds": bounds(0) });
    page("");
    expect(await screen.findByText("No logs have arrived yet")).toBeVisible();
    expect(screen.getByRole("link", { name: "Get started" })).toHaveAttribute("href", "/start");
  });

  it("none in range: says how old the last one is and jumps there", async () => {
    const last = String(NOW - 3n * 3_600_000_000_000n);
    answer({ "POST logs/bounds": bounds(5, last), "POST logs/count": count(0) });
    const { onRange } = page("timeout");
    expect(await screen.findByText("The last matching record is from 3 h ago.")).toBeVisible();
    await userEvent.click(screen.getByRole("button", { name: "Jump there" }));
    expect(onRange).toHaveBeenCalledWith({ from: "2026-11-20T08:45:00Z", to: "2026-11-20T09:00:01Z" });
  });

  it("filtered out: counts without each term and removes it", async () => {
    const { calls } = answer({
      "POST logs/bounds": (body) => (body.query === "" ? bounds(20_000, String(NOW)) : bounds(0)),
      "POST logs/count": (body) => count(body.query === "timeout" ? 12_400 : 0),
    });
    const { onQuery } = page("timeout level:error");
    await userEvent.click(await screen.findByRole("button", { name: "Remove level:error (12.4 k)" }));
    expect(onQuery).toHaveBeenCalledWith("timeout");
    expect(calls.filter((call) => call.name === "POST logs/count").map((call) => call.body.query)).toEqual([
      "level:error",
      "timeout",
    ]);
  });

  it("nothing anywhere: offers to clear the query", async () => {
    answer({
      "POST logs/bounds": (body) => bounds(body.query === "" ? 9 : 0, String(NOW)),
      "POST logs/count": count(0),
    });
    const { onClear } = page("zzz");
    await userEvent.click(await screen.findByRole("button", { name: "Clear the query" }));
    expect(onClear).toHaveBeenCalled();
  });

  it("a failure says so with its query id and tries again", async () => {
    let fails = true;
    answer({
      "POST logs/bounds": () =>
        fails
          ? new Failure(422, {
              error: { code: "limit_exceeded", message: "Too much was read.", hint: "Narrow it.", query_id: "q-9" },
            })
          : bounds(0),
    });
    page("x");
    const alert = await screen.findByRole("alert");
    expect(alert).toHaveTextContent(/Too much was read\..*Narrow it\..*q-9/s);
    fails = false;
    await userEvent.click(screen.getByRole("button", { name: "Try again" }));
    expect(await screen.findByText("No logs have arrived yet")).toBeVisible();
  });
});
