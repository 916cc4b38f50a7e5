/** A time of the server, with its age beside it on hover. */
import type { ReactNode } from "react";
import { formatAge, formatInstant } from "../../core/time/format.ts";
import { fromMs } from "../../core/time/instant.ts";
import { useApi } from "../../hooks/useApi.tsx";
import { usePrefs } from "../../hooks/usePrefs.ts";
import styles from "./DataPage.module.css";

export function Moment({ text }: { text: string }): ReactNode {
  const { zone } = usePrefs();
  const api = useApi();
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) return null;
  return (
    <time className={styles.time} dateTime={text} title={formatAge(fromMs(ms), fromMs(api.now()))}>
      {formatInstant(fromMs(ms), zone, 0)}
    </time>
  );
}
