/** A square button with an icon, a name and a tooltip. */
import { ActionIcon, type ActionIconProps, Tooltip } from "@mantine/core";
import type { ButtonHTMLAttributes, ReactNode, Ref } from "react";

interface Props extends ActionIconProps, Omit<ButtonHTMLAttributes<HTMLButtonElement>, "color" | "style"> {
  label: string;
  /** Key shown behind the label. */
  hotkey?: string;
  ref?: Ref<HTMLButtonElement>;
}

export function IconButton({ label, hotkey, children, ...props }: Props): ReactNode {
  return (
    <Tooltip
      disabled={props["aria-expanded"] === true || props["aria-expanded"] === "true"}
      label={hotkey ? `${label} (${hotkey})` : label}
    >
      <ActionIcon variant="subtle" color="gray" size={28} aria-label={label} {...props}>
        {children}
      </ActionIcon>
    </Tooltip>
  );
}
