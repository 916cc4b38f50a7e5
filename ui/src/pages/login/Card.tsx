/** The card that every step of a login is on, and how it says what went wrong. */
import { type ReactNode, useEffect, useState } from "react";
import { Logo } from "../../components/shell/Logo.tsx";
import { s } from "../../core/securityText.ts";
import { t } from "../../core/text.ts";
import styles from "./LoginPage.module.css";
import type { Failed } from "./useLoginFlow.ts";

export { styles };

export function Card({ title, wide, children }: { title: string; wide?: boolean; children: ReactNode }): ReactNode {
  useEffect(() => {
    document.title = `${title} · ${t.product}`;
  }, [title]);
  return (
    <main className={styles.page}>
      <div className={styles.card} data-wide={wide || undefined}>
        <div className={styles.head}>
          <Logo size={32} />
          <h1>{title}</h1>
        </div>
        {children}
      </div>
    </main>
  );
}

/** Counts down to the next try where the server named a time. */
export function Failure({ failed }: { failed: Failed | null }): ReactNode {
  const [left, setLeft] = useState(0);
  useEffect(() => {
    setLeft(failed?.wait ?? 0);
    if (!failed?.wait) return;
    const end = performance.now() + failed.wait * 1000;
    const timer = window.setInterval(() => {
      const seconds = Math.max(0, Math.ceil((end - performance.now()) / 1000));
      setLeft(seconds);
      if (seconds === 0) window.clearInterval(timer);
    }, 250);
    return () => window.clearInterval(timer);
  }, [failed]);
  if (!failed) return null;
  return (
    <div className={styles.error}>
      <span role="alert">{failed.message}</span>{" "}
      {left > 0 && <span data-testid="retry-after">{s.login.wait(left)}</span>}
    </div>
  );
}
