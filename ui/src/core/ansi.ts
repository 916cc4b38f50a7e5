/**
 * Terminal colours in messages: text to styled pieces. Colours become the sixteen of the theme, which are readable on
 * both grounds; other escape sequences are dropped. Total on any input, linear in its length.
 */

export interface AnsiStyle {
  /** 0 to 15, a token `--ansi-n`. */
  color?: number;
  /** Ground, 0 to 15; drawn as a tint, so that the text stays readable. */
  ground?: number;
  bold?: boolean;
  dim?: boolean;
  italic?: boolean;
  underline?: boolean;
  strike?: boolean;
}

export interface AnsiPiece {
  text: string;
  style: AnsiStyle | null;
}

const ESC = String.fromCharCode(27);
const BEL = String.fromCharCode(7);
// CSI with parameters and a final letter, or OSC up to its end, or a two-character sequence.
const SEQUENCE = new RegExp(
  `${ESC}(?:\\[([0-9;:?]*)[ -/]*([@-~])|\\][^${BEL}${ESC}]*(?:${BEL}|${ESC}\\\\)|[@-Z\\\\^_])`,
  "g",
);
const CUT_OFF = new RegExp(`${ESC}(?:\\[[0-9;:?]{0,32})?$`);

export function hasAnsi(text: string): boolean {
  return text.includes(ESC);
}

export function withoutAnsi(text: string): string {
  return hasAnsi(text) ? text.replace(SEQUENCE, "").replaceAll(ESC, "") : text;
}

const BASE: readonly [number, number, number][] = [
  [0, 0, 0],
  [205, 49, 49],
  [13, 188, 121],
  [229, 229, 16],
  [36, 114, 200],
  [188, 63, 188],
  [17, 168, 205],
  [229, 229, 229],
  [102, 102, 102],
  [241, 76, 76],
  [35, 209, 139],
  [245, 245, 67],
  [59, 142, 234],
  [214, 112, 214],
  [41, 184, 219],
  [255, 255, 255],
];

/** The nearest of the sixteen: a message keeps its meaning and the theme its contrast. */
export function nearest(red: number, green: number, blue: number): number {
  let best = 0;
  let distance = Number.POSITIVE_INFINITY;
  BASE.forEach(([r, g, b], index) => {
    const far = (r - red) ** 2 + (g - green) ** 2 + (b - blue) ** 2;
    if (far < distance) [best, distance] = [index, far];
  });
  return best;
}

function fromPalette(index: number): number {
  if (index < 16) return index;
  if (index >= 232) {
    const grey = 8 + (index - 232) * 10;
    return nearest(grey, grey, grey);
  }
  const level = (step: number): number => (step === 0 ? 0 : 55 + step * 40);
  const cube = index - 16;
  return nearest(level(Math.floor(cube / 36)), level(Math.floor(cube / 6) % 6), level(cube % 6));
}

function isByte(value: number | undefined): value is number {
  return value !== undefined && value >= 0 && value <= 255;
}

/** Applies one SGR sequence; unknown codes are ignored. */
function applied(before: AnsiStyle, parameters: string): AnsiStyle {
  const codes = parameters.split(/[;:]/).map((code) => (code === "" ? 0 : Number(code)));
  let style: AnsiStyle = { ...before };
  for (let at = 0; at < codes.length; at += 1) {
    const code = codes[at] ?? 0;
    if (code === 0) style = {};
    else if (code === 1) style.bold = true;
    else if (code === 2) style.dim = true;
    else if (code === 3) style.italic = true;
    else if (code === 4) style.underline = true;
    else if (code === 9) style.strike = true;
    else if (code === 22) style = { ...style, bold: undefined, dim: undefined };
    else if (code === 23) style.italic = undefined;
    else if (code === 24) style.underline = undefined;
    else if (code === 29) style.strike = undefined;
    else if (code >= 30 && code <= 37) style.color = code - 30;
    else if (code >= 90 && code <= 97) style.color = code - 82;
    else if (code === 39) style.color = undefined;
    else if (code >= 40 && code <= 47) style.ground = code - 40;
    else if (code >= 100 && code <= 107) style.ground = code - 92;
    else if (code === 49) style.ground = undefined;
    else if (code === 38 || code === 48) {
      let color: number | undefined;
      const [r, g, b] = codes.slice(at + 2, at + 5);
      if (codes[at + 1] === 5) {
        if (isByte(r)) color = fromPalette(r);
        at += 2;
      } else if (codes[at + 1] === 2) {
        if (isByte(r) && isByte(g) && isByte(b)) color = nearest(r, g, b);
        at += 4;
      }
      if (color !== undefined) style[code === 38 ? "color" : "ground"] = color;
    }
  }
  return style;
}

function isPlain(style: AnsiStyle): boolean {
  return Object.values(style).every((value) => value === undefined);
}

/** Most pieces of one text; what follows keeps the last style. */
const MOST_PIECES = 2000;

export function parseAnsi(text: string): AnsiPiece[] {
  if (!hasAnsi(text)) return text === "" ? [] : [{ text, style: null }];
  const pieces: AnsiPiece[] = [];
  let style: AnsiStyle = {};
  let at = 0;
  const add = (raw: string): void => {
    const part = raw.includes(ESC) ? raw.replaceAll(ESC, "") : raw;
    if (part === "") return;
    const current = isPlain(style) ? null : style;
    const last = pieces.at(-1);
    if (last && (last.style === current || pieces.length >= MOST_PIECES)) last.text += part;
    else pieces.push({ text: part, style: current });
  };
  for (const match of text.matchAll(SEQUENCE)) {
    add(text.slice(at, match.index));
    at = match.index + match[0].length;
    if (match[2] === "m" && !match[1]?.includes("?")) style = applied(style, match[1] ?? "");
  }
  // A sequence that was cut off at the end is no text.
  add(text.slice(at).replace(CUT_OFF, ""));
  return pieces;
}
