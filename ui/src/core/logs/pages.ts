/** A bounded window of result pages. Cursors of pages left behind are kept, so that going back fetches them again. */

export const PAGE_ROWS = 250;
export const WINDOW_ROWS = 5000;
export const WINDOW_PAGES: number = WINDOW_ROWS / PAGE_ROWS;

/** Cursors of all pages up to this one; the last is the page's own, "" is the first page's. */
export type Trail = string[];

export const FIRST_PAGE: Trail = [""];

export function nextTrail(trail: Trail, nextCursor: string): Trail | undefined {
  return nextCursor === "" ? undefined : [...trail, nextCursor];
}

export function previousTrail(trail: Trail): Trail | undefined {
  return trail.length > 1 ? trail.slice(0, -1) : undefined;
}

/** Rows that lie before the first page kept. */
export function rowsBefore(trail: Trail | undefined): number {
  return trail ? (trail.length - 1) * PAGE_ROWS : 0;
}
