/** Pages that the account may see; the rest is hidden, not greyed. */
import { useMemo } from "react";
import { needs, PAGES, type Page } from "../pages/registry.tsx";
import { useSession } from "./useSession.ts";

export function useVisiblePages(): Page[] {
  const permissions = useSession().data?.permissions;
  return useMemo(() => {
    const held = new Set(permissions ?? []);
    const all = held.has("admin") || held.has("*");
    const open = (page: Page): boolean => needs(page).length === 0 || needs(page).some((name) => held.has(name));
    return PAGES.filter((page) => all || open(page));
  }, [permissions]);
}
