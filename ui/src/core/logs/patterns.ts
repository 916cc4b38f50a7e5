/** Patterns for drawing: template pieces, sparkline paths, the bar of severities. */
import { SEVERITIES, type Severity } from "./severity.ts";

export interface TemplatePiece {
  text: string;
  placeholder: boolean;
}

const MASK = "<*>";

export function templatePieces(template: string): TemplatePiece[] {
  const pieces: TemplatePiece[] = [];
  template.split(MASK).forEach((text, index) => {
    if (index > 0) pieces.push({ text: MASK, placeholder: true });
    if (text !== "") pieces.push({ text, placeholder: false });
  });
  return pieces;
}

/** One SVG path of bars, `width` by `height`; the highest bar fills the height. */
export function sparkPath(counts: readonly number[], width: number, height: number): string {
  const most = Math.max(1, ...counts);
  const step = width / Math.max(1, counts.length);
  let path = "";
  counts.forEach((count, index) => {
    if (count === 0) return;
    const tall = Math.max(1, (count / most) * height);
    const left = index * step;
    const right = left + Math.max(0.8, step - (step > 3 ? 0.8 : 0));
    path += `M${left.toFixed(1)} ${height}V${(height - tall).toFixed(1)}H${right.toFixed(1)}V${height}Z`;
  });
  return path;
}

/** Severities that occur, in their order, with their share. */
export function severityShares(counts: Record<string, number>): { severity: Severity; count: number; share: number }[] {
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return SEVERITIES.flatMap((severity) => {
    const count = counts[severity] ?? 0;
    return count > 0 ? [{ severity, count, share: count / total }] : [];
  });
}
