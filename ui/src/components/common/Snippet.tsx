/** Text to be taken elsewhere: what it is, a button that copies it, and the text itself. */
import type { ReactNode } from "react";
import { CopyTextButton } from "./CopyButton.tsx";
import styles from "./Snippet.module.css";

export function Snippet({ title, text }: { title: string; text: string }): ReactNode {
  return (
    <div className={styles.snippet}>
      <div className={styles.head}>
        <span>{title}</span>
        <CopyTextButton text={text} />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: scrollable with the keyboard */}
      <pre className={styles.text} tabIndex={0} data-testid="snippet">
        {text}
      </pre>
    </div>
  );
}
