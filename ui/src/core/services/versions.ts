/** Versions of a service over time: when each was seen first and last, and how much it answered. */
import type { Frame } from "../metrics/series.ts";

export interface Version {
  name: string;
  /** Seconds since the epoch. */
  first: number;
  last: number;
  /** Share of all spans. */
  share: number;
  /** It began within the range: a deployment. */
  deployed: boolean;
}

/** From rates by version; those that ran from the beginning were there before. The newest first. */
export function versionsOf(frame: Frame, label: string): Version[] {
  const sums = frame.series.map((series) =>
    series.values.reduce((sum, value) => sum + (Number.isNaN(value) ? 0 : value), 0),
  );
  const total = sums.reduce((all, sum) => all + sum, 0);
  // The first points may be empty because a rate needs a whole step.
  const early = frame.times[Math.min(2, frame.times.length - 1)] ?? 0;
  return frame.series
    .flatMap((series, index): Version[] => {
      const first = series.values.findIndex((value) => value > 0);
      const last = series.values.findLastIndex((value) => value > 0);
      if (first < 0) return [];
      const began = frame.times[first] ?? 0;
      return [
        {
          name: series.labels[label] ?? series.name,
          first: began,
          last: frame.times[last] ?? 0,
          share: total > 0 ? (sums[index] ?? 0) / total : 0,
          deployed: began > early,
        },
      ];
    })
    .sort((a, b) => b.first - a.first || b.share - a.share);
}
