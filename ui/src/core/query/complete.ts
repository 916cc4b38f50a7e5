/** What can be completed at the caret of a search query. */
import { tokenize } from "./tokens.ts";

export type Spot =
  | { kind: "field"; from: number; to: number; prefix: string }
  | { kind: "value"; from: number; to: number; prefix: string; field: string };

/** The word being typed: a field name, or a value behind `field:`. */
export function spotAt(query: string, caret: number): Spot {
  const tokens = tokenize(query);
  const index = tokens.findIndex((token) => token.from < caret && caret <= token.to);
  const token = tokens[index];
  if (!token || token.type === "paren") return { kind: "field", from: caret, to: caret, prefix: "" };
  const fieldName = (at: number): string | null => {
    const candidate = tokens[at];
    return candidate?.type === "field" ? query.slice(candidate.from, candidate.to - 1).replace(/^"|"$/g, "") : null;
  };
  if (token.type === "field" && caret === token.to) {
    return { kind: "value", from: caret, to: caret, prefix: "", field: fieldName(index) ?? "" };
  }
  const before = tokens[index - 1];
  const behind =
    before && before.to === token.from
      ? before.type === "operator"
        ? fieldName(index - 2)
        : fieldName(index - 1)
      : null;
  if (token.type === "operator" && fieldName(index - 1) !== null) {
    return { kind: "value", from: caret, to: caret, prefix: "", field: fieldName(index - 1) ?? "" };
  }
  const prefix = query.slice(token.from, caret);
  if (behind !== null)
    return { kind: "value", from: token.from, to: token.to, prefix: prefix.replace(/^"/, ""), field: behind };
  if (token.type === "keyword") return { kind: "field", from: caret, to: caret, prefix: "" };
  return { kind: "field", from: token.from, to: token.to, prefix };
}

/** Names that match what was typed: prefixes first, then parts; `hot` order is kept among equals. */
export function rank(names: string[], typed: string, limit = 50): string[] {
  const needle = typed.toLowerCase();
  const scored = names
    .map((name, order) => {
      const at = name.toLowerCase().indexOf(needle);
      return { name, order, score: at < 0 ? -1 : at === 0 ? 2 : /[._\-/]/.test(name[at - 1] ?? "") ? 1 : 0 };
    })
    .filter((entry) => entry.score >= 0);
  scored.sort((a, b) => b.score - a.score || a.order - b.order);
  return scored.slice(0, limit).map((entry) => entry.name);
}
