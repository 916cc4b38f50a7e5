/** Lines of key=value pairs: where the keys are, so that they can be told from the values. */

export interface LogfmtPiece {
  text: string;
  key: boolean;
}

const PAIR = /(^|\s)([A-Za-z_][\w.\-/]*)=(?="|\S)/g;

/** Pieces with the keys marked; null when fewer than two pairs make a logfmt line unlikely. */
export function logfmtPieces(text: string): LogfmtPiece[] | null {
  const first = text.trimStart()[0];
  if (first === "{" || first === "[" || !text.includes("=")) return null;
  const pieces: LogfmtPiece[] = [];
  let at = 0;
  let pairs = 0;
  for (const match of text.matchAll(PAIR)) {
    const start = match.index + (match[1]?.length ?? 0);
    const end = start + (match[2]?.length ?? 0);
    if (start > at) pieces.push({ text: text.slice(at, start), key: false });
    pieces.push({ text: text.slice(start, end), key: true });
    at = end;
    pairs += 1;
    if (pairs >= 200) break;
  }
  if (pairs < 2) return null;
  if (at < text.length) pieces.push({ text: text.slice(at), key: false });
  return pieces;
}
