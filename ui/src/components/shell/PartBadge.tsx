/** Says discreetly that roles show a part of the records only, so that nobody wonders about missing data. */
import { Tooltip } from "@mantine/core";
import { IconEyeOff } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { t } from "../../core/text.ts";
import { useSession } from "../../hooks/useSession.ts";
import styles from "./Shell.module.css";

export function PartBadge(): ReactNode {
  const session = useSession().data;
  const masked = session?.masked ?? [];
  if (!session?.filtered && masked.length === 0) return null;
  const help = [
    session?.filtered ? t.top.partHelp : "",
    masked.length > 0 ? t.top.maskedHelp(masked.slice(0, 8).join(", ") + (masked.length > 8 ? ", …" : "")) : "",
  ];
  const text = help.filter(Boolean).join(" ");
  return (
    <Tooltip label={text} multiline maw={320} openDelay={100}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what it says has to be reached by keyboard */}
      <span className={styles.part} tabIndex={0} role="note" aria-label={text} data-testid="part-badge">
        <IconEyeOff size={13} aria-hidden />
        {t.top.part}
      </span>
    </Tooltip>
  );
}
