/** Millions of points become two a pixel: the smallest and the largest of each, in the order in which they came. */

export interface Decimated {
  times: Float64Array;
  /** As long as `times` each; NaN where a pixel has no value. */
  values: Float64Array[];
}

/**
 * `width` pixels over `[from, to]` (in the unit of `times`). Returns what it was given when that is not more than two
 * points a pixel. A pixel without any number stays a gap.
 */
export function decimate(
  times: Float64Array,
  values: readonly Float64Array[],
  from: number,
  to: number,
  width: number,
): Decimated {
  const pixels = Math.max(1, Math.floor(width));
  if (times.length <= pixels * 2 || to <= from) return { times, values: [...values] };
  const edges = new Int32Array(pixels + 1);
  let at = lowerBound(times, from);
  edges[0] = at;
  const size = (to - from) / pixels;
  for (let pixel = 1; pixel <= pixels; pixel += 1) {
    at = pixel === pixels ? upperBound(times, to) : lowerBound(times, from + pixel * size, at);
    edges[pixel] = at;
  }
  const used: number[] = [];
  for (let pixel = 0; pixel < pixels; pixel += 1) if ((edges[pixel + 1] ?? 0) > (edges[pixel] ?? 0)) used.push(pixel);
  const outTimes = new Float64Array(used.length * 2);
  used.forEach((pixel, place) => {
    outTimes[place * 2] = from + (pixel + 0.25) * size;
    outTimes[place * 2 + 1] = from + (pixel + 0.75) * size;
  });
  return { times: outTimes, values: values.map((column) => extremes(column, edges, used)) };
}

function extremes(column: Float64Array, edges: Int32Array, used: readonly number[]): Float64Array {
  const out = new Float64Array(used.length * 2).fill(Number.NaN);
  for (let place = 0; place < used.length; place += 1) {
    const pixel = used[place] ?? 0;
    const end = edges[pixel + 1] ?? 0;
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    let [lowAt, highAt] = [-1, -1];
    for (let index = edges[pixel] ?? 0; index < end; index += 1) {
      const value = column[index] as number;
      // NaN is neither.
      if (value < low) {
        low = value;
        lowAt = index;
      }
      if (value > high) {
        high = value;
        highAt = index;
      }
    }
    if (lowAt < 0 || highAt < 0) continue;
    out[place * 2] = lowAt <= highAt ? low : high;
    out[place * 2 + 1] = lowAt <= highAt ? high : low;
  }
  return out;
}

function lowerBound(times: Float64Array, wanted: number, from = 0): number {
  let [low, high] = [from, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? 0) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

function upperBound(times: Float64Array, wanted: number): number {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? 0) <= wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** For a drawing library that knows gaps as null; infinities cannot be drawn. */
export function withGaps(values: Float64Array): (number | null)[] {
  const out = new Array<number | null>(values.length);
  for (let at = 0; at < values.length; at += 1) {
    const value = values[at] ?? Number.NaN;
    out[at] = Number.isFinite(value) ? value : null;
  }
  return out;
}

/** Running sums from the first column on; a gap adds nothing. A moment at which no column has a value stays a gap. */
export function stack(columns: readonly (number | null)[][]): (number | null)[][] {
  const length = columns[0]?.length ?? 0;
  const sums = new Float64Array(length);
  const any = new Uint8Array(length);
  for (const column of columns) for (let at = 0; at < length; at += 1) if (column[at] !== null) any[at] = 1;
  return columns.map((column) => {
    const out = new Array<number | null>(length);
    for (let at = 0; at < length; at += 1) {
      sums[at] = (sums[at] ?? 0) + (column[at] ?? 0);
      out[at] = any[at] ? (sums[at] ?? 0) : null;
    }
    return out;
  });
}
