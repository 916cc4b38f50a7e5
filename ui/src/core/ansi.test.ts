import { describe, expect, it } from "vitest";
import { nearest, parseAnsi, withoutAnsi } from "./ansi.ts";

const ESC = "\u001b";

describe("terminal colours", () => {
  it("leaves plain text alone", () => {
    expect(parseAnsi("hello [31m")).toEqual([{ text: "hello [31m", style: null }]);
    expect(parseAnsi("")).toEqual([]);
  });
  it("reads colours, grounds and weights, and resets", () => {
    expect(parseAnsi(`${ESC}[1;31merror${ESC}[0m: ${ESC}[42;97mok${ESC}[m.`)).toEqual([
      { text: "error", style: { bold: true, color: 1 } },
      { text: ": ", style: null },
      { text: "ok", style: { ground: 2, color: 15 } },
      { text: ".", style: null },
    ]);
  });
  it("switches single properties off", () => {
    const pieces = parseAnsi(`${ESC}[1;4;36ma${ESC}[22mb${ESC}[24mc${ESC}[39md`);
    expect(pieces.map((piece) => [piece.text, piece.style?.bold, piece.style?.underline, piece.style?.color])).toEqual([
      ["a", true, true, 6],
      ["b", undefined, true, 6],
      ["c", undefined, undefined, 6],
      ["d", undefined, undefined, undefined],
    ]);
    expect(pieces.at(-1)?.style).toBeNull();
  });
  it("maps 256 colours and true colour to the nearest of the theme", () => {
    expect(parseAnsi(`${ESC}[38;5;196mx`)[0]?.style?.color).toBe(1);
    expect(parseAnsi(`${ESC}[38;2;10;190;120mx`)[0]?.style?.color).toBe(2);
    expect(parseAnsi(`${ESC}[38:2:255:255:255mx`)[0]?.style?.color).toBe(15);
    expect(parseAnsi(`${ESC}[48;5;250;1mx`)[0]?.style).toEqual({ ground: 7, bold: true });
    expect(nearest(0, 0, 0)).toBe(0);
  });
  it("ignores what it does not know: bad numbers, cursor moves, titles, links", () => {
    expect(parseAnsi(`${ESC}[38;5;999mx`)).toEqual([{ text: "x", style: null }]);
    expect(parseAnsi(`${ESC}[2Ka${ESC}[10;20Hb${ESC}[?25lc`)).toEqual([{ text: "abc", style: null }]);
    expect(parseAnsi(`${ESC}]0;title\u0007a${ESC}]8;;http://x${ESC}\\b`)).toEqual([{ text: "ab", style: null }]);
  });
  it("drops a sequence that is cut off at the end", () => {
    expect(parseAnsi(`done${ESC}[3`)).toEqual([{ text: "done", style: null }]);
    expect(parseAnsi(`done${ESC}`)).toEqual([{ text: "done", style: null }]);
  });
  it("keeps every visible character, on any input", () => {
    const parts = [
      "a",
      "<b>",
      `${ESC}[31m`,
      `${ESC}[0m`,
      `${ESC}[38;5;`,
      "m",
      `${ESC}[`,
      "\n",
      `${ESC}]x`,
      "\u0007",
      "9",
    ];
    let seed = 1;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return seed % below;
    };
    for (let round = 0; round < 500; round += 1) {
      const text = Array.from({ length: random(14) }, () => parts[random(parts.length)]).join("");
      const joined = parseAnsi(text)
        .map((piece) => piece.text)
        .join("");
      expect(joined).not.toContain(ESC);
      expect(withoutAnsi(text).startsWith(joined)).toBe(true);
    }
  });
  it("is linear in the length and bounded in pieces", () => {
    const began = performance.now();
    const pieces = parseAnsi(`${ESC}[31mx${ESC}[0my`.repeat(50_000));
    expect(pieces.length).toBeLessThanOrEqual(2000);
    expect(pieces.map((piece) => piece.text).join("").length).toBe(100_000);
    parseAnsi(`${ESC}[`.repeat(100_000));
    parseAnsi(`${ESC}]`.repeat(100_000));
    expect(performance.now() - began).toBeLessThan(1500);
  });
});
