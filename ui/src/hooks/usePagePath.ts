/** Links between pages keep range, refreshing and tenant: one context survives every pivot. */
import { useCallback } from "react";
import { useSearchText } from "./useUrlState.ts";

const KEPT = ["from", "to", "refresh", "tenant"];

export function usePagePath(): (path: string, extra?: Record<string, string>) => string {
  const search = useSearchText();
  return useCallback(
    (path, extra = {}) => {
      const current = new URLSearchParams(search);
      const next = new URLSearchParams();
      for (const name of KEPT) {
        const value = current.get(name);
        if (value) next.set(name, value);
      }
      for (const [name, value] of Object.entries(extra)) next.set(name, value);
      const text = next.toString();
      return text ? `${path}?${text}` : path;
    },
    [search],
  );
}
