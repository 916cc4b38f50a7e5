/** Account, tenant, keyboard help, signing out. */
import { Menu } from "@mantine/core";
import { IconCheck, IconKeyboard, IconLogout, IconUser } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { useNavigate } from "react-router";
import { t } from "../../core/text.ts";
import { usePagePath } from "../../hooks/usePagePath.ts";
import { usePrefs, useSetPrefs } from "../../hooks/usePrefs.ts";
import { useSession, useSignOut } from "../../hooks/useSession.ts";
import { useUrlTenant } from "../../hooks/useUrlState.ts";
import { IconButton } from "../common/IconButton.tsx";
import { keyHelp } from "./openStore.ts";

const MOST_TENANTS = 12;

export function UserMenu(): ReactNode {
  const session = useSession().data;
  const signOut = useSignOut();
  const navigate = useNavigate();
  const to = usePagePath();
  const { singleKeys } = usePrefs();
  const setPrefs = useSetPrefs();
  const [tenant, setTenant] = useUrlTenant();
  const tenants = session?.tenants ?? [];
  const current = tenant || session?.tenant || "";
  // A huge list is for the tenants page.
  const shown = [...new Set([current, ...tenants])].filter(Boolean).slice(0, MOST_TENANTS);
  return (
    <Menu position="bottom-end" width={240}>
      <Menu.Target>
        <IconButton label={t.top.user}>
          <IconUser size={18} stroke={1.6} />
        </IconButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          {session?.display_name || session?.username}
          {session?.role && ` · ${session.role}`}
        </Menu.Label>
        <Menu.Item leftSection={<IconUser size={16} />} onClick={() => void navigate(to("/profile"))}>
          {t.top.profile}
        </Menu.Item>
        <Menu.Divider />
        <Menu.Label>{t.top.tenant}</Menu.Label>
        {shown.map((name) => (
          <Menu.Item
            key={name}
            role="menuitemradio"
            aria-checked={name === current}
            rightSection={name === current ? <IconCheck size={14} /> : null}
            onClick={() => setTenant(name === session?.tenant ? "" : name)}
          >
            {name}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item leftSection={<IconKeyboard size={16} />} onClick={() => keyHelp.open()}>
          {t.top.keyboard}
        </Menu.Item>
        <Menu.Item
          role="menuitemcheckbox"
          aria-checked={singleKeys}
          closeMenuOnClick={false}
          rightSection={singleKeys ? <IconCheck size={14} /> : null}
          onClick={() => setPrefs({ singleKeys: !singleKeys })}
        >
          {t.top.singleKeys}
        </Menu.Item>
        <Menu.Divider />
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => void signOut()}>
          {t.top.signOut}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
