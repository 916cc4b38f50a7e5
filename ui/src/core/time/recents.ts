/** Recently used ranges. Absolute ones are kept as UTC milliseconds, so that they mean the same in every zone. */
import { fromMs, toMs } from "./instant.ts";
import { absolute, isRelative, type Range, resolveExpression } from "./range.ts";

export type Recent = { from: number; to: number } | { expression: Range };

const KEEP = 8;

export function toRecent(range: Range): Recent {
  if (isRelative(range.from) || isRelative(range.to)) return { expression: range };
  const from = resolveExpression(range.from, "from", 0n, "UTC") ?? 0n;
  const to = resolveExpression(range.to, "to", 0n, "UTC") ?? 0n;
  return { from: toMs(from), to: toMs(to) + (to % 1_000_000n === 0n ? 0 : 1) };
}

export function fromRecent(recent: Recent): Range {
  return "expression" in recent ? recent.expression : absolute({ from: fromMs(recent.from), to: fromMs(recent.to) });
}

/** Newest first, without repeats, bounded. */
export function addRecent(recents: Recent[], range: Range): Recent[] {
  const added = toRecent(range);
  const same = JSON.stringify(added);
  return [added, ...recents.filter((recent) => JSON.stringify(recent) !== same)].slice(0, KEEP);
}
