/** A QR code as one SVG path: each run of dark modules in a row is one rectangle. */

/** Modules of light around the code; readers need four. */
export const QUIET = 4;

/** `rows` of `1` (dark) and `0`; the path leaves room for the quiet zone. */
export function qrPath(rows: readonly string[]): string {
  const parts: string[] = [];
  rows.forEach((row, y) => {
    for (const run of row.matchAll(/1+/g)) {
      const width = run[0].length;
      parts.push(`M${run.index + QUIET} ${y + QUIET}h${width}v1h-${width}z`);
    }
  });
  return parts.join("");
}

export function qrSize(rows: readonly string[]): number {
  return rows.length + 2 * QUIET;
}
