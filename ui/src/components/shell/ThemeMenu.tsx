/** Light, dark or as the system says. */
import { type MantineColorScheme, Menu, useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { IconCheck, IconDeviceDesktop, IconMoon, IconSun } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { t } from "../../core/text.ts";
import { useAction } from "../../hooks/useActions.tsx";
import { IconButton } from "../common/IconButton.tsx";

const CHOICES: { value: MantineColorScheme; label: string; Icon: typeof IconSun }[] = [
  { value: "light", label: t.top.light, Icon: IconSun },
  { value: "dark", label: t.top.dark, Icon: IconMoon },
  { value: "auto", label: t.top.system, Icon: IconDeviceDesktop },
];

export function ThemeMenu(): ReactNode {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const shown = useComputedColorScheme("light");
  useAction("theme", () => setColorScheme(shown === "dark" ? "light" : "dark") as undefined);
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <IconButton label={t.top.theme} hotkey="⇧D">
          {shown === "dark" ? <IconMoon size={18} stroke={1.6} /> : <IconSun size={18} stroke={1.6} />}
        </IconButton>
      </Menu.Target>
      <Menu.Dropdown>
        {CHOICES.map(({ value, label, Icon }) => (
          <Menu.Item
            key={value}
            role="menuitemradio"
            aria-checked={colorScheme === value}
            leftSection={<Icon size={16} />}
            rightSection={colorScheme === value ? <IconCheck size={14} /> : null}
            onClick={() => setColorScheme(value)}
          >
            {label}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
