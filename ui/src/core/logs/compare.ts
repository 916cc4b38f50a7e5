/** What a comparison compares: two selections from the page's query and range, a brushed range, and a choice of baseline. */
import type { Selection } from "../api/explore.ts";
import { type Instant, toIso } from "../time/instant.ts";
import type { Span } from "../time/range.ts";

/** The time before, the rest of the page's range, or records of another query. */
export type Against = "before" | "rest" | "query";

export function parseAgainst(text: string): Against | null {
  return text === "before" || text === "rest" || text === "query" ? text : null;
}

export interface Choice {
  query: string;
  /** Range of the page. */
  page: Span;
  /** Part of it that was brushed. */
  brushed: Span | null;
  against: Against;
  /** Query and range of the other side when `against` is "query". */
  other: string;
  otherSpan: Span | null;
}

function selection(query: string, from: Instant, to: Instant): Selection {
  return { query, from: toIso(from), to: toIso(to) };
}

function without(query: string, term: string): string {
  const base = query.trim();
  return base === "" || base === "*" ? `NOT (${term})` : `(${base}) NOT (${term})`;
}

/** True when there is nothing outside the selection: the whole range without a query. */
export function hasNoRest(choice: Pick<Choice, "query" | "brushed">): boolean {
  return choice.brushed === null && (choice.query.trim() === "" || choice.query.trim() === "*");
}

/** Both sides for the API. */
export function sides(choice: Choice): { selection: Selection; baseline: Selection } {
  const { query, page, brushed, against } = choice;
  const span = brushed ?? page;
  const chosen = selection(query, span.from, span.to);
  if (against === "query") {
    const other = choice.otherSpan ?? span;
    return { selection: chosen, baseline: selection(choice.other, other.from, other.to) };
  }
  if (against === "before" || hasNoRest(choice)) {
    return { selection: chosen, baseline: selection(query, span.from - (span.to - span.from), span.from) };
  }
  const rest = brushed
    ? without(query, `timestamp:>=${toIso(brushed.from)} timestamp:<${toIso(brushed.to)}`)
    : `NOT (${query.trim()})`;
  return { selection: chosen, baseline: selection(rest, page.from, page.to) };
}

/** Share of a whole as "12.3 %"; small ones keep a digit that is not zero. */
export function formatShare(share: number): string {
  const percent = share * 100;
  if (percent === 0) return "0 %";
  if (percent < 0.1) return "< 0.1 %";
  return `${percent < 10 ? percent.toFixed(1).replace(/\.0$/, "") : Math.round(percent)} %`;
}

/** A difference of shares in points: "+12 pt", "−3.4 pt". */
export function formatDifference(difference: number): string {
  const points = Math.abs(difference * 100);
  const text = points < 0.1 ? "0" : points < 10 ? points.toFixed(1).replace(/\.0$/, "") : String(Math.round(points));
  return text === "0" ? "±0 pt" : `${difference > 0 ? "+" : "−"}${text} pt`;
}
