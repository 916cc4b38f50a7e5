/** Refresh now, or every few seconds. */
import { Menu, Tooltip } from "@mantine/core";
import { IconCheck, IconChevronDown, IconPlayerPauseFilled, IconRefresh } from "@tabler/icons-react";
import { useIsFetching } from "@tanstack/react-query";
import { type ReactNode, useRef } from "react";
import { t } from "../../core/text.ts";
import { REFRESH_CHOICES } from "../../core/url/codecs.ts";
import { useAction } from "../../hooks/useActions.tsx";
import { useTime } from "../../hooks/useTime.tsx";
import styles from "./Shell.module.css";

export function RefreshControl(): ReactNode {
  const { refresh, every, setEvery, held } = useTime();
  const busy = useIsFetching({ queryKey: ["logs"] }) > 0;
  const before = useRef(10);
  useAction("refresh", () => refresh() as undefined);
  useAction("live", () => {
    if (every > 0) before.current = every;
    setEvery(every > 0 ? 0 : before.current);
    return true;
  });
  return (
    <div className={styles.cluster}>
      <Tooltip label={`${t.top.refresh} (R)`}>
        <button
          type="button"
          className={styles.clusterButton}
          onClick={refresh}
          aria-label={t.top.refresh}
          aria-busy={busy}
        >
          <IconRefresh size={16} stroke={1.6} />
        </button>
      </Tooltip>
      <Menu position="bottom-end">
        <Menu.Target>
          <button
            type="button"
            className={styles.clusterButton}
            data-active={every > 0 || undefined}
            aria-label={every > 0 ? `${t.top.auto}: ${t.top.every(every)}` : `${t.top.auto}: ${t.top.off}`}
          >
            {every > 0 &&
              (held ? (
                <IconPlayerPauseFilled size={12} />
              ) : (
                <span className={`${styles.dot} ${styles.live}`} data-state="up" />
              ))}
            {every > 0 ? `${every} s` : ""}
            <IconChevronDown size={14} stroke={1.6} />
          </button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>{t.top.auto}</Menu.Label>
          {REFRESH_CHOICES.map((seconds) => (
            <Menu.Item
              key={seconds}
              role="menuitemradio"
              aria-checked={every === seconds}
              rightSection={every === seconds ? <IconCheck size={14} /> : null}
              onClick={() => setEvery(seconds)}
            >
              {seconds === 0 ? t.top.off : t.top.every(seconds)}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
    </div>
  );
}
