/** The left rail: every page the account may see, grouped. Narrow below 1280 px unless chosen otherwise. */
import { Tooltip } from "@mantine/core";
import { IconLayoutSidebarLeftCollapse, IconLayoutSidebarLeftExpand } from "@tabler/icons-react";
import { type ReactNode, useSyncExternalStore } from "react";
import { NavLink } from "react-router";
import { t } from "../../core/text.ts";
import { useAction } from "../../hooks/useActions.tsx";
import { usePagePath } from "../../hooks/usePagePath.ts";
import { usePrefs, useSetPrefs } from "../../hooks/usePrefs.ts";
import { useVisiblePages } from "../../hooks/useVisiblePages.ts";
import { SETTINGS } from "../../pages/registry.tsx";
import { Logo } from "./Logo.tsx";
import styles from "./Shell.module.css";

const narrowScreen = window.matchMedia("(width < 1280px)");

function useNarrowScreen(): boolean {
  return useSyncExternalStore(
    (listener) => {
      narrowScreen.addEventListener("change", listener);
      return () => narrowScreen.removeEventListener("change", listener);
    },
    () => narrowScreen.matches,
  );
}

export function Rail(): ReactNode {
  const { railCollapsed } = usePrefs();
  const setPrefs = useSetPrefs();
  const screen = useNarrowScreen();
  const narrow = railCollapsed ?? screen;
  const pages = useVisiblePages();
  const to = usePagePath();
  const toggle = (): undefined => setPrefs({ railCollapsed: !narrow }) as undefined;
  useAction("rail", toggle);
  const groups = Object.keys(t.nav.groups) as (keyof typeof t.nav.groups)[];
  const settings = pages.some((page) => page.group === "settings");
  const ToggleIcon = narrow ? IconLayoutSidebarLeftExpand : IconLayoutSidebarLeftCollapse;
  return (
    <nav className={styles.rail} data-narrow={narrow || undefined} aria-label={t.nav.label}>
      <NavLink to={to("/")} className={styles.brand} aria-label={t.product}>
        <Logo />
        {!narrow && t.product}
      </NavLink>
      {groups.map((group) => {
        const own = pages.filter((page) => page.group === group);
        const members = group === "admin" && settings ? [...own, SETTINGS] : own;
        if (members.length === 0) return null;
        return (
          <div key={group}>
            {t.nav.groups[group] && <div className={styles.group}>{t.nav.groups[group]}</div>}
            {members.map((page) => (
              <Tooltip key={page.path} label={page.title} position="right" disabled={!narrow}>
                <NavLink to={to(page.path)} end={page.path === "/"} className={styles.link} aria-label={page.title}>
                  <page.icon size={18} stroke={1.6} />
                  {!narrow && page.title}
                </NavLink>
              </Tooltip>
            ))}
          </div>
        );
      })}
      <div className={styles.spacer} />
      <button
        type="button"
        className={styles.clusterButton}
        onClick={toggle}
        aria-label={narrow ? t.nav.expand : t.nav.collapse}
        aria-expanded={!narrow}
      >
        <ToggleIcon size={18} stroke={1.6} />
      </button>
    </nav>
  );
}
