/** Figures of steps: totals since the start, and what has happened since the answer before. */
import type { StepStatistics } from "../api/pipelines.ts";

export interface StepFigures {
  /** Records a second; null until there are two answers. */
  rate: number | null;
  in: number;
  out: number;
  dropped: number;
  failed: number;
  /** Microseconds a record. */
  micros: number;
}

export interface Sample {
  at: number;
  steps: readonly StepStatistics[];
}

function keyOf(step: StepStatistics): string {
  return `${step.pipeline}/${step.step}`;
}

/** Figures by "pipeline/step". A total that has fallen began anew. */
export function figures(current: Sample, previous: Sample | null): Map<string, StepFigures> {
  const before = new Map(previous?.steps.map((step) => [keyOf(step), step]));
  const seconds = previous ? (current.at - previous.at) / 1000 : 0;
  return new Map(
    current.steps.map((step) => {
      const old = before.get(keyOf(step));
      const base = old && old.type === step.type && old.records_in <= step.records_in ? old.records_in : null;
      return [
        keyOf(step),
        {
          rate: base !== null && seconds > 0 ? (step.records_in - base) / seconds : null,
          in: step.records_in,
          out: step.records_out,
          dropped: step.dropped,
          failed: step.failed,
          micros: step.records_in > 0 ? (step.seconds / step.records_in) * 1e6 : 0,
        },
      ];
    }),
  );
}
