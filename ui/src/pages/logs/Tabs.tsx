/** Rows, patterns, comparison: three ways to look at the same records. */
import { type KeyboardEvent, type ReactNode, useRef } from "react";
import { t } from "../../core/text.ts";
import { TABS, type Tab } from "../../core/url/codecs.ts";
import { useAction } from "../../hooks/useActions.tsx";
import styles from "./Tabs.module.css";

export const TAB_PANEL = "logs-tab-panel";

export function Tabs({ tab, onTab }: { tab: Tab; onTab(tab: Tab): void }): ReactNode {
  const list = useRef<HTMLDivElement>(null);
  useAction("tabRows", () => onTab("rows") as undefined);
  useAction("tabPatterns", () => onTab("patterns") as undefined);
  useAction("tabCompare", () => onTab("compare") as undefined);
  const onKey = (event: KeyboardEvent): void => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = (TABS.indexOf(tab) + step + TABS.length) % TABS.length;
    onTab(TABS[next] ?? "rows");
    list.current?.querySelectorAll<HTMLElement>("[role=tab]")[next]?.focus();
  };
  return (
    <div ref={list} className={styles.tabs} role="tablist" aria-label={t.tabs.label}>
      {TABS.map((name, index) => (
        <button
          key={name}
          type="button"
          role="tab"
          id={`tab-${name}`}
          className={styles.tab}
          aria-selected={name === tab}
          aria-controls={name === tab ? TAB_PANEL : undefined}
          tabIndex={name === tab ? 0 : -1}
          title={`${t.tabs[name]} (${index + 1})`}
          onClick={() => onTab(name)}
          onKeyDown={onKey}
        >
          {t.tabs[name]}
        </button>
      ))}
    </div>
  );
}
