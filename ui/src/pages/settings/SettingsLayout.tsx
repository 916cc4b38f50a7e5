/** The settings: one navigation for all of their pages, those that may be seen. */
import type { ReactNode } from "react";
import { NavLink, Outlet } from "react-router";
import { t } from "../../core/text.ts";
import { usePagePath } from "../../hooks/usePagePath.ts";
import { useVisiblePages } from "../../hooks/useVisiblePages.ts";
import styles from "./SettingsLayout.module.css";

export function SettingsLayout(): ReactNode {
  const pages = useVisiblePages().filter((page) => page.group === "settings");
  const to = usePagePath();
  return (
    <div className={styles.layout}>
      <nav className={styles.nav} aria-label={t.nav.settingsLabel}>
        {pages.map((page) => (
          <NavLink key={page.path} to={to(page.path)} className={styles.link}>
            <page.icon size={16} stroke={1.6} aria-hidden />
            {page.title}
          </NavLink>
        ))}
      </nav>
      <div className={styles.page}>
        <Outlet />
      </div>
    </div>
  );
}

export { SettingsLayout as Component };
