/**
 * Text of any length: 4 KiB first; the rest on request, two megabytes at a time as the end is scrolled to, in blocks that
 * are laid out only when they are seen.
 */
import { Button } from "@mantine/core";
import { type ReactNode, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { hasAnsi, withoutAnsi } from "../../core/ansi.ts";
import { formatBytes } from "../../core/format.ts";
import { SHOWN_CHARACTERS } from "../../core/logs/records.ts";
import { t } from "../../core/text.ts";
import styles from "./Detail.module.css";
import { AnsiText, DetailText } from "./StyledText.tsx";

const BLOCK = 16_384;
/** A multiple of the block, so that blocks do not change when more is shown. */
const STEP = 128 * BLOCK;
const NO_WORDS: string[] = [];

/** Blocks end at line breaks where there are some. */
export function blocks(text: string, size: number = BLOCK): string[] {
  const found: string[] = [];
  let at = 0;
  while (at < text.length) {
    let end = Math.min(text.length, at + size);
    const newline = end < text.length ? text.slice(at, end).lastIndexOf("\n") : -1;
    if (newline > 0) end = at + newline + 1;
    found.push(text.slice(at, end));
    at = end;
  }
  return found;
}

/** What is shown of a long text, grown when its end comes near. */
function Blocks({ text, scroller }: { text: string; scroller: HTMLElement | null }): ReactNode {
  const [steps, setSteps] = useState(1);
  const parts = useMemo(
    () =>
      Array.from({ length: Math.ceil(text.length / STEP) }, (_, index) => text.slice(index * STEP, (index + 1) * STEP)),
    [text],
  );
  const onSeen = useCallback(() => setSteps((current) => current + 1), []);
  return (
    <>
      {parts.slice(0, steps).map((part, index) => (
        <Part key={index} text={part} />
      ))}
      {steps < parts.length && (
        <More key={steps} scroller={scroller} onSeen={onSeen}>
          {t.logs.truncated(formatBytes(steps * STEP), formatBytes(text.length))}
        </More>
      )}
    </>
  );
}

interface MoreProps {
  scroller: HTMLElement | null;
  children: ReactNode;
  onSeen(): void;
}

/** The end of what is shown; a new one for each step, as an observer tells of changes only. */
function More({ scroller, children, onSeen }: MoreProps): ReactNode {
  const end = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const target = end.current;
    if (!target) return;
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.some((entry) => entry.isIntersecting)) onSeen();
      },
      { root: scroller, rootMargin: "400px" },
    );
    observer.observe(target);
    return () => observer.disconnect();
  }, [scroller, onSeen]);
  return (
    <div ref={end} className={styles.more}>
      {children}
    </div>
  );
}

function Part({ text }: { text: string }): ReactNode {
  const pieces = useMemo(() => blocks(withoutAnsi(text)), [text]);
  return pieces.map((piece, index) => (
    <div key={index} className={styles.chunk}>
      {piece}
    </div>
  ));
}

export function LongText({ text, words = NO_WORDS }: { text: string; words?: string[] }): ReactNode {
  const [all, setAll] = useState(false);
  const [box, setBox] = useState<HTMLPreElement | null>(null);
  const long = text.length > SHOWN_CHARACTERS;
  const head = useMemo(() => (long ? text.slice(0, SHOWN_CHARACTERS) : text), [text, long]);
  return (
    <div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: scrollable with the keyboard */}
      <pre ref={setBox} className={styles.text} tabIndex={0} data-testid="body-text">
        {all && long ? (
          <Blocks text={text} scroller={box} />
        ) : hasAnsi(head) ? (
          <AnsiText text={head} words={words} />
        ) : (
          <DetailText text={head} words={words} />
        )}
      </pre>
      {long && (
        <div className={styles.cut}>
          {!all && t.logs.truncated(formatBytes(SHOWN_CHARACTERS), formatBytes(text.length))}
          <Button size="compact-xs" variant="default" onClick={() => setAll(!all)}>
            {all ? t.logs.showLess : t.logs.showAllOf(formatBytes(text.length))}
          </Button>
        </div>
      )}
    </div>
  );
}
