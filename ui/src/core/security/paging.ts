/** Long lists in pages, filtered by words. */

export const PAGE = 50;

/** Entries in whose text every word occurs, without regard to case. */
export function matching<T>(entries: readonly T[], words: string, text: (entry: T) => string): T[] {
  const needles = words.toLowerCase().split(/\s+/).filter(Boolean);
  if (needles.length === 0) return [...entries];
  return entries.filter((entry) => {
    const all = text(entry).toLowerCase();
    return needles.every((needle) => all.includes(needle));
  });
}

export interface Paged<T> {
  shown: T[];
  /** From 0; the last page when the wanted one does not exist. */
  page: number;
  pages: number;
}

export function paged<T>(entries: readonly T[], wanted: number, size: number = PAGE): Paged<T> {
  const pages = Math.max(1, Math.ceil(entries.length / size));
  const page = Math.min(Math.max(0, wanted), pages - 1);
  return { shown: entries.slice(page * size, (page + 1) * size), page, pages };
}
