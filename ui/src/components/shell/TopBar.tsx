/** Breadcrumb, palette, time, refreshing, sharing, connection, theme, account. */
import { Kbd, Menu } from "@mantine/core";
import { IconLink, IconSearch } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { keyCaps } from "../../core/keys.ts";
import { t } from "../../core/text.ts";
import { shareUrl } from "../../core/url/codecs.ts";
import { useAction } from "../../hooks/useActions.tsx";
import { useApi } from "../../hooks/useApi.tsx";
import { useCopy } from "../../hooks/useCopy.ts";
import { IS_MAC } from "../../hooks/usePlatform.ts";
import { useSession } from "../../hooks/useSession.ts";
import { useTime } from "../../hooks/useTime.tsx";
import { useUrlTenant } from "../../hooks/useUrlState.ts";
import { IconButton } from "../common/IconButton.tsx";
import { ConnectionDot } from "./ConnectionDot.tsx";
import { palette } from "./openStore.ts";
import { PartBadge } from "./PartBadge.tsx";
import { RefreshControl } from "./RefreshControl.tsx";
import styles from "./Shell.module.css";
import { ThemeMenu } from "./ThemeMenu.tsx";
import { TimePicker } from "./TimePicker.tsx";
import { UserMenu } from "./UserMenu.tsx";

function ShareMenu({ timed }: { timed: boolean }): ReactNode {
  const { span, range } = useTime();
  const [tenant] = useUrlTenant();
  const session = useSession().data;
  const copy = useCopy();
  const api = useApi();
  const long = (relative: boolean): string => {
    const shownTenant = tenant || (session && session.tenants.length > 1 ? session.tenant : "");
    return timed ? shareUrl(location.href, span, shownTenant, relative ? range : undefined) : location.href;
  };
  /** A short link where the server makes one, the full address otherwise. */
  const short = async (relative: boolean): Promise<void> => {
    const full = new URL(long(relative));
    try {
      const link = await api.createLink(full.pathname + full.search);
      await copy(new URL(link.url, location.origin).toString(), t.top.copied);
    } catch {
      await copy(full.toString(), t.top.copiedLong);
    }
  };
  useAction("share", () => {
    void short(false);
    return true;
  });
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <IconButton label={t.top.share} hotkey="S">
          <IconLink size={18} stroke={1.6} />
        </IconButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => void short(false)}>{t.top.shareShort}</Menu.Item>
        {timed && <Menu.Item onClick={() => void short(true)}>{t.top.shareShortRelative}</Menu.Item>}
        <Menu.Item onClick={() => void copy(long(false), t.top.copied)}>{t.top.shareAbsolute}</Menu.Item>
        <Menu.Label>{t.top.shareNote}</Menu.Label>
      </Menu.Dropdown>
    </Menu>
  );
}

export function TopBar({ title, timed }: { title: string; timed: boolean }): ReactNode {
  const [tenant] = useUrlTenant();
  const session = useSession().data;
  const shown = tenant || session?.tenant;
  return (
    <header className={styles.top}>
      <div className={styles.crumbs}>
        {shown && shown !== "default" && (
          <>
            <span>{shown}</span>
            <span aria-hidden>/</span>
          </>
        )}
        <h1>{title}</h1>
        <PartBadge />
      </div>
      <button type="button" className={styles.search} onClick={palette.open} aria-label={t.top.search}>
        <IconSearch size={15} aria-hidden />
        <span className={styles.searchText}>{t.top.search}</span>
        <Kbd size="xs">{keyCaps("mod+k", IS_MAC).join(" ")}</Kbd>
      </button>
      {timed && <TimePicker />}
      {timed && <RefreshControl />}
      <ShareMenu timed={timed} />
      <ConnectionDot />
      <ThemeMenu />
      <UserMenu />
    </header>
  );
}
