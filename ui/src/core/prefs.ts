/** Personal settings of this browser. Kept in local storage; unreadable values fall back to the defaults. */
import type { Recent } from "./time/recents.ts";

export type Density = "compact" | "normal" | "roomy";

export interface Prefs {
  zone: string;
  density: Density;
  wrap: boolean;
  singleKeys: boolean;
  railCollapsed: boolean | null;
  facetsShown: boolean;
  metricsShown: boolean;
  panelWidth: number;
  pinnedFacets: string[];
  closedFacets: string[];
  recents: Recent[];
  searches: string[];
  statements: string[];
  promqls: string[];
  traceqls: string[];
}

export const DEFAULT_PREFS: Prefs = {
  zone: "local",
  density: "compact",
  wrap: false,
  singleKeys: true,
  railCollapsed: null,
  facetsShown: true,
  metricsShown: true,
  panelWidth: 520,
  pinnedFacets: [],
  closedFacets: [],
  recents: [],
  searches: [],
  statements: [],
  promqls: [],
  traceqls: [],
};

export const ROW_HEIGHT: Record<Density, number> = { compact: 20, normal: 24, roomy: 32 };

const STORAGE_KEY = "nexus.prefs";

function sameShape(value: unknown, like: unknown): boolean {
  if (like === null) return value === null || typeof value === "boolean";
  return Array.isArray(like) ? Array.isArray(value) : typeof value === typeof like;
}

/** Reads stored text; fields of the wrong type are dropped. */
export function readPrefs(text: string | null): Prefs {
  try {
    const stored = JSON.parse(text ?? "{}") as Record<string, unknown>;
    const known = Object.entries(stored).filter(
      ([name, value]) => name in DEFAULT_PREFS && sameShape(value, DEFAULT_PREFS[name as keyof Prefs]),
    );
    return { ...DEFAULT_PREFS, ...Object.fromEntries(known) };
  } catch {
    return DEFAULT_PREFS;
  }
}

/** A small store that every tab of the browser shares. */
export class PrefsStore {
  private value: Prefs;
  private readonly listeners = new Set<() => void>();

  constructor(private readonly storage: Storage | null) {
    this.value = readPrefs(storage?.getItem(STORAGE_KEY) ?? null);
  }

  get = (): Prefs => this.value;

  set = (change: Partial<Prefs>): void => {
    this.value = { ...this.value, ...change };
    try {
      this.storage?.setItem(STORAGE_KEY, JSON.stringify(this.value));
    } catch {
      // A full or forbidden storage keeps the settings for this tab only.
    }
    for (const listener of this.listeners) listener();
  };

  /** Takes over what another tab wrote. */
  reload = (key: string | null, text: string | null): void => {
    if (key !== STORAGE_KEY) return;
    this.value = readPrefs(text);
    for (const listener of this.listeners) listener();
  };

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };
}
