/** Text of any length: 4 KiB first, the rest on request and in blocks that are laid out only when scrolled to. */
import { Button } from "@mantine/core";
import { type ReactNode, useMemo, useState } from "react";
import { formatBytes } from "../../core/format.ts";
import { highlight, SHOWN_CHARACTERS, withoutAnsi } from "../../core/logs/records.ts";
import { t } from "../../core/text.ts";
import styles from "./Detail.module.css";

const BLOCK = 16_384;

/** Blocks end at line breaks where there are some. */
export function blocks(text: string, size: number = BLOCK): string[] {
  const found: string[] = [];
  let at = 0;
  while (at < text.length) {
    let end = Math.min(text.length, at + size);
    const newline = end < text.length ? text.lastIndexOf("\n", end) : -1;
    if (newline > at) end = newline + 1;
    found.push(text.slice(at, end));
    at = end;
  }
  return found;
}

export function LongText({ text, words = [] }: { text: string; words?: string[] }): ReactNode {
  const [all, setAll] = useState(false);
  const long = text.length > SHOWN_CHARACTERS;
  const shown = useMemo(() => {
    if (all && long)
      return blocks(withoutAnsi(text)).map((block, index) => (
        <div key={index} className={styles.chunk}>
          {block}
        </div>
      ));
    const head = withoutAnsi(long ? text.slice(0, SHOWN_CHARACTERS) : text);
    return highlight(head, words).map((part, index) => (part.hit ? <mark key={index}>{part.text}</mark> : part.text));
  }, [text, words, all, long]);
  return (
    <div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: scrollable with the keyboard */}
      <pre className={styles.text} tabIndex={0} data-testid="body-text">
        {shown}
      </pre>
      {long && (
        <div className={styles.cut}>
          {!all && t.logs.truncated(formatBytes(SHOWN_CHARACTERS), formatBytes(text.length))}
          <Button size="compact-xs" variant="default" onClick={() => setAll(!all)}>
            {all ? t.logs.showLess : t.logs.showAll}
          </Button>
        </div>
      )}
    </div>
  );
}
