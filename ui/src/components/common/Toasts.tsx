/** The messages of `core/toasts.ts`, read out as they come. */
import { IconX } from "@tabler/icons-react";
import { type ReactNode, useSyncExternalStore } from "react";
import { t } from "../../core/text.ts";
import { toasts } from "../../core/toasts.ts";
import { IconButton } from "./IconButton.tsx";
import styles from "./Toasts.module.css";

export function Toasts(): ReactNode {
  const shown = useSyncExternalStore(toasts.subscribe, toasts.get);
  return (
    <div className={styles.corner} role="status">
      {shown.map(({ id, title, message, failed }) => (
        <div key={id} className={styles.toast} data-failed={failed || undefined} data-testid="toast">
          <div>
            {title !== "" && <b>{title}</b>}
            <p>{message}</p>
          </div>
          <IconButton label={t.close} size={24} onClick={() => toasts.close(id)}>
            <IconX size={14} />
          </IconButton>
        </div>
      ))}
    </div>
  );
}
