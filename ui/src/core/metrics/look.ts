/** Colours and dashes of series: by the hash of their name, so that the same value looks the same in every chart. */
import { nameHash } from "../logs/severity.ts";

export const COLORS = 8;
/** Solid first; then dashes take over where the colours end. */
export const DASHES: readonly (readonly number[])[] = [[], [8, 4], [2, 3], [9, 3, 2, 3]];

export interface Look {
  /** Name of a token: "--series-3". */
  color: string;
  dash: readonly number[];
}

const REST: Look = { color: "--series-rest", dash: [] };

/** The look of each key; within one chart no two are alike while there are any left, further ones are grey. */
export function looksOf(keys: readonly string[]): Map<string, Look> {
  const looks = new Map<string, Look>();
  const taken = new Set<number>();
  for (const key of keys) {
    if (looks.has(key)) continue;
    const round = Math.floor(taken.size / COLORS);
    if (round >= DASHES.length) {
      looks.set(key, REST);
      continue;
    }
    let slot = nameHash(key) % COLORS;
    while (taken.has(round * COLORS + slot)) slot = (slot + 1) % COLORS;
    taken.add(round * COLORS + slot);
    looks.set(key, { color: `--series-${slot + 1}`, dash: DASHES[round] ?? [] });
  }
  return looks;
}
