import { MantineProvider } from "@mantine/core";
import { render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useState } from "react";
import { describe, expect, it, vi } from "vitest";
import { toHeat } from "../../core/metrics/heat.ts";
import type { ChartSeries, Frame } from "../../core/metrics/series.ts";
import { fromMs } from "../../core/time/instant.ts";
import { ChartLegend, choose } from "./ChartLegend.tsx";
import { ChartTable } from "./ChartTable.tsx";
import { ChartTip } from "./ChartTip.tsx";
import {
  buildModel,
  type ChartExemplar,
  heatRows,
  looksFor,
  type Model,
  nearestIndex,
  onScale,
  tipRows,
  valueRange,
} from "./model.ts";

function one(key: string, values: number[], rest: Partial<ChartSeries> = {}): ChartSeries {
  const last = values.at(-1) ?? null;
  return {
    key,
    name: key,
    labels: { job: key },
    values: Float64Array.from(values),
    last,
    min: Math.min(...values),
    max: Math.max(...values),
    mean: values.reduce((sum, value) => sum + value, 0) / values.length,
    query: "A",
    ...rest,
  };
}

function frame(...series: ChartSeries[]): Frame {
  const length = series[0]?.values.length ?? 0;
  return { times: Float64Array.from({ length }, (_, at) => 100 + at * 10), series };
}

function model(of: Frame, rest: Partial<Parameters<typeof buildModel>[0]> = {}): Model {
  return buildModel({
    frame: of,
    looks: looksFor(of.series),
    only: null,
    width: 500,
    style: "line",
    unit: "",
    from: 100,
    to: 200,
    thresholds: [],
    exemplars: [],
    range: null,
    heat: null,
    ...rest,
  });
}

describe("the model of a chart", () => {
  const two = frame(one("a", [1, 2, 3]), one("b", [10, 20, Number.NaN]));

  it("stacks what is of one time and keeps true values for what is said", () => {
    const made = model(frame(...two.series, one("a before", [5, 5, 5], { earlier: "a" })), { style: "stacked" });
    expect(made.series.map((entry) => entry.drawn)).toEqual([
      [1, 2, 3],
      [11, 22, 3],
      [5, 5, 5],
    ]);
    expect(made.series[1]?.values).toEqual([10, 20, null]);
    expect(made.series[2]?.look.dash.length).toBeGreaterThan(0);
    expect(made.series[2]?.look.color).toBe(made.series[0]?.look.color);
  });

  it("shows only what is isolated", () => {
    expect(model(two, { only: new Set(["b"]) }).series.map((entry) => entry.series.key)).toEqual(["b"]);
  });

  it("shows exemplars that can be told apart, the greatest of those on each other", () => {
    const at = (time: number, value: number): ChartExemplar => ({
      key: `${time} ${value}`,
      time,
      value,
      labels: {},
      series: {},
    });
    const all = Array.from({ length: 5000 }, (_, index) => at(100 + index / 50, index % 97));
    const { exemplars } = model(two, { exemplars: [...all, at(99, 1), at(250, 1)] });
    expect(exemplars.length).toBeLessThanOrEqual(250);
    expect(exemplars.length).toBeGreaterThan(100);
    expect(exemplars.map((one) => one.time)).toEqual(exemplars.map((one) => one.time).sort((a, b) => a - b));
    expect(
      model(two, { exemplars: [at(150, 3), at(150.1, 3.01), at(180, 9)] }).exemplars.map((one) => one.value),
    ).toEqual([3.01, 9]);
  });

  it("is a heatmap in the place of series", () => {
    const heat = toHeat({
      series: 1,
      start: 100_000,
      step: 10_000,
      bounds: [
        [0, 1],
        [1, 2],
        [2, 4],
        [4, 8],
      ],
      columns: [[1, 2, 0, 5], []],
    });
    const made = model(two, { heat });
    expect([made.times, made.series]).toEqual([[100, 110], []]);
    expect(valueRange(null, null, made)).toEqual([0, 4]);
    expect(onScale(made, 1.5)).toBeCloseTo(1.58, 1);
    expect(heatRows(heat, 0, null).map((one) => [one.row, one.count])).toEqual([
      [3, 5],
      [1, 2],
      [0, 1],
    ]);
    expect(heatRows(heat, 0, 3.4).map((one) => [one.row, one.nearest])).toEqual([
      [3, true],
      [2, false],
      [1, false],
    ]);
    expect(heatRows(heat, 1, 1)).toEqual([]);
  });

  it("finds the nearest moment", () => {
    expect([99, 104, 106, 1000].map((time) => nearestIndex([100, 110, 120], time))).toEqual([0, 0, 1, 2]);
    expect(nearestIndex([], 1)).toBe(-1);
  });

  it("says the ten nearest to the pointer, the largest first, and how many there are", () => {
    const many = model(frame(...Array.from({ length: 30 }, (_, at) => one(`s${at}`, [at, at, at]))));
    const { rows, count } = tipRows(many, 1, 20, (value) => value);
    expect(count).toBe(30);
    expect(rows).toHaveLength(10);
    expect(rows.map((row) => row.value)).toEqual([...rows.map((row) => row.value)].sort((a, b) => b - a));
    expect(rows.find((row) => row.nearest)?.value).toBe(20);
    expect(Math.min(...rows.map((row) => row.value))).toBeGreaterThanOrEqual(15);
    expect(tipRows(many, 1, null, (value) => value).rows[0]?.value).toBe(29);
  });

  it.each([
    [[50, 100], "line", [0, 106]],
    [[90, 100], "line", [89.4, 100.6]],
    [[90, 100], "area", [0, 106]],
    [[-5, 5], "line", [-5.6, 5.6]],
    [[7, 7], "line", [6.3, 7.7]],
    [[0, 0], "line", [0, 1]],
    [[null, null], "line", [0, 1]],
  ] as const)("scales %s as %s", ([low, high], style, wanted) => {
    const [from, to] = valueRange(low, high, model(two, { style }));
    expect(from).toBeCloseTo(wanted[0]);
    expect(to).toBeCloseTo(wanted[1]);
  });

  it("leaves room for a threshold and a common scale", () => {
    expect(valueRange(1, 2, model(two, { thresholds: [{ value: 50 }] }))[1]).toBeGreaterThan(50);
    expect(valueRange(1, 2, model(two, { range: [0, 80] }))[1]).toBeGreaterThan(80);
  });
});

interface HeldProps {
  series: ChartSeries[];
  onTop(top: number): void;
  onSeries(series: ChartSeries): void;
}

function Held({ series, onTop, onSeries }: HeldProps) {
  const [only, setOnly] = useState<ReadonlySet<string> | null>(null);
  return (
    <ChartLegend
      series={series}
      looks={looksFor(series)}
      unit="bytes"
      only={only}
      onOnly={setOnly}
      total={40}
      onTop={onTop}
      onSeries={onSeries}
    />
  );
}

describe("the legend", () => {
  it("isolates with a click, adds with Ctrl, and comes back to all", () => {
    const all = ["a", "b", "c"];
    expect(choose(null, "a", false, all)).toEqual(new Set(["a"]));
    expect(choose(new Set(["a"]), "a", false, all)).toBeNull();
    expect(choose(new Set(["a"]), "b", true, all)).toEqual(new Set(["a", "b"]));
    expect(choose(null, "b", true, all)).toEqual(new Set(["a", "c"]));
    expect(choose(new Set(["a", "b"]), "c", true, all)).toBeNull();
    expect(choose(new Set(["a"]), "a", true, all)).toBeNull();
  });

  it("is a table that sorts, says how many are left out, and gives the labels of a series", async () => {
    const series = [one("small", [1, 1]), one("large", [9, 9]), one("middle", [5, 5])];
    const onSeries = vi.fn();
    const onTop = vi.fn();
    render(
      <MantineProvider env="test">
        <Held series={series} onTop={onTop} onSeries={onSeries} />
      </MantineProvider>,
    );
    expect(screen.getByTestId("more-series")).toHaveTextContent("37 more");
    await userEvent.click(screen.getByRole("button", { name: "Show 33" }));
    expect(onTop).toHaveBeenCalledWith(33);
    await userEvent.click(screen.getByRole("button", { name: "Max" }));
    const names = screen.getAllByRole("rowheader").map((row) => row.textContent);
    expect(names).toEqual(["large", "middle", "small"]);
    expect(screen.getByRole("columnheader", { name: "Max" })).toHaveAttribute("aria-sort", "descending");
    expect(within(screen.getAllByRole("row")[1] as HTMLElement).getAllByText("9 B").length).toBe(4);
    await userEvent.click(screen.getByRole("button", { name: "middle" }));
    expect(screen.getByRole("button", { name: "large" })).toHaveAttribute("aria-pressed", "false");
    await userEvent.click(screen.getByRole("button", { name: "Show all" }));
    expect(screen.getByRole("button", { name: "large" })).toHaveAttribute("aria-pressed", "true");
    await userEvent.click(screen.getByRole("button", { name: "Logs: large" }));
    expect(onSeries).toHaveBeenCalledWith(series[1]);
  });
});

describe("what is said about a moment", () => {
  const made = model(frame(one("a", [1, 2, 3]), one("b", [10, 20, 30])), { style: "stacked", unit: "seconds" });

  it("names values and their total, and can be unpinned", async () => {
    const onUnpin = vi.fn();
    render(
      <MantineProvider env="test">
        <ChartTip
          model={made}
          index={1}
          y={null}
          heightOf={(value) => value}
          zone="UTC"
          left={10}
          width={400}
          pinned
          onUnpin={onUnpin}
          said={false}
        />
      </MantineProvider>,
    );
    const tip = screen.getByRole("group", { name: "Pinned values" });
    expect(tip).toHaveTextContent("1970-01-01 00:01:50");
    expect(tip).toHaveTextContent("b20 sa2 sTotal22 s");
    await userEvent.click(screen.getByRole("button", { name: "Unpin" }));
    expect(onUnpin).toHaveBeenCalled();
  });

  it("is a table for who wants numbers, with exemplars to open", async () => {
    const onExemplar = vi.fn();
    const exemplar = { key: "e", time: 110, value: 0.5, labels: { trace_id: "t" }, series: {} };
    render(
      <ChartTable
        frame={frame(one("a", [1, 2, Number.NaN]))}
        span={{ from: fromMs(100_000), to: fromMs(200_000) }}
        zone="UTC"
        unit="seconds"
        exemplars={[exemplar]}
        onExemplar={onExemplar}
      />,
    );
    const rows = screen.getAllByRole("row").map((row) => row.textContent);
    expect(rows).toEqual(["Timea", "1970-01-01 00:02:00–", "1970-01-01 00:01:502 s", "1970-01-01 00:01:401 s"]);
    await userEvent.click(screen.getByRole("button", { name: /Exemplar 500 ms/ }));
    expect(onExemplar).toHaveBeenCalledWith(exemplar);
  });
});
