import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it, vi } from "vitest";
import { shapeHistogram } from "../../core/logs/histogram.ts";
import { show } from "../../test/render.tsx";
import { HistogramChart } from "./HistogramChart.tsx";

const span = { from: 0n, to: 400_000_000_000n };
const histogram = shapeHistogram({
  start: "0",
  step: "100000000000",
  buckets: 4,
  total: 16,
  series: [
    { key: "info", counts: [1, 2, 3, 4] },
    { key: "error", counts: [0, 0, 5, 1] },
  ],
});

describe("the histogram", () => {
  it("tells its content without a picture", () => {
    show(
      <HistogramChart
        histogram={histogram}
        span={span}
        zone="UTC"
        stale={false}
        onZoom={vi.fn()}
        onZoomOut={vi.fn()}
      />,
    );
    expect(screen.getByTestId("histogram")).toHaveAccessibleDescription(/16 records\. error 6, info 10\./);
  });

  it("zooms with the keyboard alone", async () => {
    const onZoom = vi.fn();
    const onZoomOut = vi.fn();
    show(
      <HistogramChart
        histogram={histogram}
        span={span}
        zone="UTC"
        stale={false}
        onZoom={onZoom}
        onZoomOut={onZoomOut}
      />,
    );
    screen.getByTestId("histogram").focus();
    await userEvent.keyboard("{ArrowRight}{ArrowRight}{Shift>}{ArrowRight}{/Shift}");
    expect(screen.getByText(/00:03:20: error 5, info 3/)).toBeInTheDocument();
    await userEvent.keyboard("{Enter}-");
    expect(onZoom).toHaveBeenCalledWith({ from: 100_000_000_000n, to: 300_000_000_000n });
    expect(onZoomOut).toHaveBeenCalled();
  });

  it("hides series and shows a table", async () => {
    show(
      <HistogramChart
        histogram={histogram}
        span={span}
        zone="UTC"
        stale={false}
        onZoom={vi.fn()}
        onZoomOut={vi.fn()}
      />,
    );
    const info = screen.getByRole("button", { name: /^info/ });
    await userEvent.click(info);
    expect(info).toHaveAttribute("aria-pressed", "false");
    await userEvent.click(screen.getByRole("button", { name: "As a table" }));
    expect(screen.getAllByRole("row")).toHaveLength(5);
  });
});
