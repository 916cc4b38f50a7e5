/** One cursor for all charts of a page: a moment, and the chart that it comes from. */
import { createContext, type ReactNode, use, useState } from "react";

export interface CursorAt {
  /** Seconds since the epoch. */
  time: number;
  source: string;
}

export class CursorStore {
  private at: CursorAt | null = null;
  private readonly listeners = new Set<(at: CursorAt | null) => void>();

  get(): CursorAt | null {
    return this.at;
  }

  set(at: CursorAt | null): void {
    if (at?.time === this.at?.time && at?.source === this.at?.source) return;
    this.at = at;
    for (const listener of this.listeners) listener(at);
  }

  subscribe(listener: (at: CursorAt | null) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

const CursorContext = createContext<CursorStore | null>(null);

export function CursorProvider({ children }: { children: ReactNode }): ReactNode {
  const [store] = useState(() => new CursorStore());
  return <CursorContext value={store}>{children}</CursorContext>;
}

/** The page's cursor; a chart on its own has one of its own. */
export function useCursorStore(): CursorStore {
  const shared = use(CursorContext);
  const [own] = useState(() => new CursorStore());
  return shared ?? own;
}
