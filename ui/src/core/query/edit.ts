/** Edits of a query's text: adding, removing and negating terms. The rest of the text stays as it was typed. */
import { tokenize } from "./tokens.ts";

/** A term as `logs/explain` reports it, offsets in UTF-16 units (see `fromCodePoints`). */
export interface Part {
  /** As typed, but with NOT for every way of negating. */
  text: string;
  offset: number;
  length: number;
  field: string;
  negated: boolean;
}

export type FilterValue = string | number | boolean;

const BARE = /^[\p{L}\p{N}_][\p{L}\p{N}_.\-@]*$/u;
const KEYWORD = /^(AND|OR|NOT)$/i;

export function quote(text: string): string {
  return `"${text.replace(/[\\"]/g, "\\$&")}"`;
}

/** A value that the language reads as exactly this text. */
export function quoteValue(value: FilterValue): string {
  if (typeof value !== "string") return String(value);
  return BARE.test(value) && !KEYWORD.test(value) ? value : quote(value);
}

export function quoteField(name: string): string {
  return /^[\p{L}_@][\p{L}\p{N}_.\-/@]*$/u.test(name) ? name : quote(name);
}

/** `field:value`, or "the field is absent" when the value is the empty text. */
export function fieldTerm(field: string, value: FilterValue): string {
  return value === "" ? `NOT ${quoteField(field)}:*` : `${quoteField(field)}:${quoteValue(value)}`;
}

export function negated(term: string): string {
  const positive = /^NOT\s+(.*)$/s.exec(term);
  return positive ? (positive[1] ?? "") : `NOT ${term}`;
}

/** True when OR joins parts outside all parentheses, so that a term cannot simply be appended. */
export function hasTopLevelOr(query: string): boolean {
  let depth = 0;
  for (const token of tokenize(query)) {
    const text = query.slice(token.from, token.to);
    if (token.type === "paren") depth += text === "(" ? 1 : -1;
    else if (depth === 0 && token.type === "keyword" && text === "OR") return true;
  }
  return false;
}

export function appendTerm(query: string, term: string): string {
  const base = query.trim();
  if (base === "" || base === "*") return term;
  if (containsTerm(base, term)) return base;
  return hasTopLevelOr(base) ? `(${base}) ${term}` : `${base} ${term}`;
}

function containsTerm(query: string, term: string): boolean {
  return (
    query === term ||
    (!hasTopLevelOr(query) &&
      !query.includes("(") &&
      ` ${query} `.includes(` ${term} `) &&
      !` ${query} `.includes(` NOT ${term} `))
  );
}

/** The query without the text between `offset` and `offset + length`, and without an AND that joined it. */
export function removeTerm(query: string, part: Pick<Part, "offset" | "length">): string {
  const before = query.slice(0, part.offset).trimEnd();
  const after = query.slice(part.offset + part.length).trimStart();
  const joinedBefore = /(^|\s)AND$/.test(before);
  if (joinedBefore) return join(before.replace(/\s*AND$/, ""), after);
  return join(before, after.replace(/^AND\b\s*/, ""));
}

function join(left: string, right: string): string {
  return [left.trim(), right.trim()].filter(Boolean).join(" ");
}

/** Turns a term around in place. */
export function toggleNegation(query: string, part: Part): string {
  const text = query.slice(part.offset, part.offset + part.length);
  const bare = text.replace(/^(NOT\s+|[-!])/, "");
  const turned = part.negated ? bare : `NOT ${text}`;
  return query.slice(0, part.offset) + turned + query.slice(part.offset + part.length);
}

/** Drops every term on the field and sets this one: "only". */
export function onlyTerm(query: string, parts: Part[], field: string, term: string): string {
  let rest = query;
  for (const part of [...parts].sort((a, b) => b.offset - a.offset)) {
    if (part.field === field) rest = removeTerm(rest, part);
  }
  return appendTerm(rest, term);
}

/** Replaces an opposite term when there is one, appends otherwise. */
export function filterTerm(query: string, parts: Part[], term: string): string {
  const opposite = parts.find((part) => part.text === negated(term));
  return appendTerm(opposite ? removeTerm(query, opposite) : query, term);
}

/** Offset counted in code points, as the server counts, to UTF-16 units. */
export function fromCodePoints(text: string, offset: number): number {
  let units = 0;
  let points = 0;
  for (const char of text) {
    if (points >= offset) break;
    units += char.length;
    points += 1;
  }
  return units;
}

/** Parts with code-point offsets, as the API sends them, to UTF-16. */
export function localParts(
  query: string,
  terms: { offset: number; length: number; field?: string; negated?: boolean }[],
): Part[] {
  return terms.map((term) => {
    const offset = fromCodePoints(query, term.offset);
    const length = fromCodePoints(query, term.offset + term.length) - offset;
    const typed = query.slice(offset, offset + length);
    const isNegated = term.negated ?? false;
    const text = isNegated ? typed.replace(/^(NOT\s+|[-!])/, "NOT ") : typed;
    return { text, offset, length, field: term.field ?? "", negated: isNegated };
  });
}
