/** Where there is something when here is nothing. */
import type { Instant } from "../../core/time/instant.ts";
import { absolute, type Range } from "../../core/time/range.ts";

const HALF_HOUR = 1_800_000_000_000n;

/** Half an hour that ends with the sample. */
export function rangeAround(last: Instant): Range {
  return absolute({ from: last - HALF_HOUR, to: last + 60_000_000_000n });
}
