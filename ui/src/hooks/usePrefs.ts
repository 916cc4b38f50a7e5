/** Personal settings as React state. */
import { useCallback, useSyncExternalStore } from "react";
import { type Prefs, PrefsStore } from "../core/prefs.ts";

function openStorage(): Storage | null {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}

const store = new PrefsStore(openStorage());
window.addEventListener("storage", (event) => store.reload(event.key, event.newValue));

export function usePrefs(): Prefs {
  return useSyncExternalStore(store.subscribe, store.get);
}

export function useSetPrefs(): (change: Partial<Prefs> | ((prefs: Prefs) => Partial<Prefs>)) => void {
  return useCallback((change) => store.set(typeof change === "function" ? change(store.get()) : change), []);
}
