/** What became of a node or a call, in a few letters: how many times as many calls, and points of the share of errors. */
import type { Compared } from "../../core/services/graph.ts";
import { x } from "../../core/tracesText.ts";

/** Points from which on a change of errors is said. */
const SAID = 0.005;

export function changeText({ presence, rate, errors }: Compared): string {
  if (presence !== "both") return x[presence];
  const calls = Number.isFinite(rate) && rate > 0 ? x.factor(rate) : "–";
  return Math.abs(errors) >= SAID ? `${calls} · ${x.errorPoints(errors)}` : calls;
}
