/** Edits of a PromQL text around one of its selectors, as the server's explanation places it. */
import type { Matcher, Selector } from "../api/metrics.ts";
import { fromCodePoints } from "../query/edit.ts";
import { labelName, quoteValue } from "./series.ts";

export function matcherText({ name, op, value }: Matcher): string {
  return `${labelName(name)}${op}${quoteValue(value)}`;
}

/** A selector of these matchers and nothing else. */
export function matchersText(matchers: readonly Matcher[]): string {
  return `{${matchers.map(matcherText).join(", ")}}`;
}

/** All conditions of a selector, that on the name among them. */
export function allMatchers(selector: Selector): Matcher[] {
  const named = selector.matchers.some(({ name }) => name === "__name__");
  return named || selector.name === ""
    ? [...selector.matchers]
    : [{ name: "__name__", op: "=", value: selector.name }, ...selector.matchers];
}

/** Where the braces of a selector's text begin and end; null when it has none. Quotes hold no braces. */
function braces(text: string): [number, number] | null {
  let open = -1;
  let quote = "";
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at] ?? "";
    if (quote !== "") {
      if (char === "\\" && quote !== "`") at += 1;
      else if (char === quote) quote = "";
    } else if (char === '"' || char === "'" || char === "`") quote = char;
    else if (char === "{" && open < 0) open = at;
    else if (char === "}" && open >= 0) return [open, at + 1];
  }
  return null;
}

/** The query without one condition of one of its selectors; windows and offsets stay. */
export function withoutMatcher(query: string, selector: Selector, gone: Matcher): string {
  const from = fromCodePoints(query, selector.offset);
  const to = fromCodePoints(query, selector.offset + selector.length);
  const text = query.slice(from, to);
  const place = braces(text);
  if (!place) return query;
  const rest = selector.matchers.filter((one) => one !== gone);
  const before = text.slice(0, place[0]);
  // The name before the braces says what a condition on it would say again.
  const inside = before.trim() === "" ? rest : rest.filter(({ name }) => name !== "__name__");
  const braced = inside.length > 0 || before.trim() === "" ? matchersText(inside) : "";
  return query.slice(0, from) + before + braced + text.slice(place[1]) + query.slice(to);
}
