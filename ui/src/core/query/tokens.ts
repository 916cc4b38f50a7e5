/**
 * A forgiving tokenizer of the search language, for colours, completion and edits of the text. The server parses for real.
 * Offsets are UTF-16 units, as in JavaScript strings.
 */

export type TokenType =
  | "keyword"
  | "paren"
  | "field"
  | "operator"
  | "string"
  | "regex"
  | "number"
  | "wildcard"
  | "word";

export interface Token {
  type: TokenType;
  from: number;
  to: number;
}

const SPACE = /\s/;
const STOP = /[\s()"]/;

function quotedEnd(text: string, start: number, quote: string): number {
  for (let at = start + 1; at < text.length; at += 1) {
    if (text[at] === "\\") at += 1;
    else if (text[at] === quote) return at + 1;
  }
  return text.length;
}

function bareEnd(text: string, start: number): number {
  let at = start;
  while (at < text.length && !STOP.test(text[at] ?? "")) at += 1;
  return Math.max(at, start + 1);
}

function wordType(word: string): TokenType {
  if (/^-?\d+(\.\d+)?$/.test(word)) return "number";
  return word.includes("*") ? "wildcard" : "word";
}

/** Reads a value at `at`: a string, a regular expression or a bare word. */
function readValue(text: string, at: number): Token {
  const char = text[at] ?? "";
  if (char === '"') return { type: "string", from: at, to: quotedEnd(text, at, '"') };
  if (char === "/") {
    const end = quotedEnd(text, at, "/");
    // A path like /api/v1 is none: behind the closing slash the word has to end.
    if (text[end - 1] === "/" && end > at + 2 && (end === text.length || /[\s)]/.test(text[end] ?? "")))
      return { type: "regex", from: at, to: end };
  }
  const to = bareEnd(text, at);
  return { type: wordType(text.slice(at, to)), from: at, to };
}

const FIELD = /(?:[\p{L}_@][\p{L}\p{N}_.\-/@]*|"(?:[^"\\]|\\.)*"):/uy;
const OPERATOR = /(?:!=|>=|<=|=|>|<)/y;

export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const char = text[at] ?? "";
    if (SPACE.test(char)) {
      at += 1;
      continue;
    }
    if (char === "(" || char === ")") {
      tokens.push({ type: "paren", from: at, to: at + 1 });
      at += 1;
      continue;
    }
    if ((char === "-" || char === "!") && at + 1 < text.length && !SPACE.test(text[at + 1] ?? " ")) {
      tokens.push({ type: "keyword", from: at, to: at + 1 });
      at += 1;
      continue;
    }
    FIELD.lastIndex = at;
    const field = FIELD.exec(text);
    if (field) {
      tokens.push({ type: "field", from: at, to: at + field[0].length });
      at += field[0].length;
      OPERATOR.lastIndex = at;
      const operator = OPERATOR.exec(text);
      if (operator) {
        tokens.push({ type: "operator", from: at, to: at + operator[0].length });
        at += operator[0].length;
      }
      if (at < text.length && !SPACE.test(text[at] ?? " ") && !"()".includes(text[at] ?? "")) {
        const value = readValue(text, at);
        tokens.push(value);
        at = value.to;
      }
      continue;
    }
    const value = readValue(text, at);
    const word = text.slice(value.from, value.to);
    tokens.push(/^(AND|OR|NOT)$/.test(word) ? { ...value, type: "keyword" } : value);
    at = value.to;
  }
  return tokens;
}

/** Plain words and phrases that a matching body holds, for highlighting. */
export function searchedWords(text: string): string[] {
  const tokens = tokenize(text);
  const words: string[] = [];
  tokens.forEach((token, index) => {
    const before = tokens[index - 1];
    const raw = text.slice(token.from, token.to);
    const fieldToken = before?.type === "operator" ? tokens[index - 2] : before;
    const attached = before && before.to === token.from && (before.type === "field" || before.type === "operator");
    if (attached && fieldToken && text.slice(fieldToken.from, fieldToken.to) !== "body:") return;
    if (before?.type === "keyword" && /^(NOT|-|!)$/.test(text.slice(before.from, before.to))) return;
    if (token.type === "string") words.push(raw.replace(/^"|"$/g, "").replace(/\\(.)/g, "$1"));
    else if (token.type === "word" || token.type === "number") words.push(raw);
    else if (token.type === "wildcard") words.push(...raw.split("*"));
  });
  return [...new Set(words.filter((word) => word.length > 1))];
}
