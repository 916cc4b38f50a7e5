/** Text of messages: searched words marked, terminal colours in the theme's, keys of logfmt pairs told from values. */
import { type CSSProperties, memo, type ReactNode, useMemo } from "react";
import { type AnsiStyle, parseAnsi } from "../../core/ansi.ts";
import { logfmtPieces } from "../../core/logs/logfmt.ts";
import { highlight, joinLines } from "../../core/logs/records.ts";
import styles from "./Detail.module.css";

interface Props {
  text: string;
  words: string[];
}

export const Marked: (props: Props) => ReactNode = memo(function Marked({ text, words }: Props): ReactNode {
  if (words.length === 0) return text;
  return highlight(text, words).map((part, index) => (part.hit ? <mark key={index}>{part.text}</mark> : part.text));
});

function ansiStyle(style: AnsiStyle): CSSProperties {
  const lines = [style.underline && "underline", style.strike && "line-through"].filter(Boolean).join(" ");
  return {
    color: style.color === undefined ? undefined : `var(--ansi-${style.color})`,
    background:
      style.ground === undefined ? undefined : `color-mix(in srgb, var(--ansi-${style.ground}) 14%, transparent)`,
    fontWeight: style.bold ? 700 : undefined,
    fontStyle: style.italic ? "italic" : undefined,
    textDecoration: lines || undefined,
  };
}

/** `line`: line breaks are drawn as signs. */
export const AnsiText: (props: Props & { line?: boolean }) => ReactNode = memo(function AnsiText({
  text,
  words,
  line = false,
}: Props & { line?: boolean }): ReactNode {
  const pieces = useMemo(() => parseAnsi(text), [text]);
  return pieces.map((piece, index) => (
    <span key={index} style={piece.style ? ansiStyle(piece.style) : undefined}>
      <Marked text={line ? joinLines(piece.text) : piece.text} words={words} />
    </span>
  ));
});

/** A message in the detail view: logfmt keys are muted. */
export function DetailText({ text, words }: Props): ReactNode {
  const pieces = useMemo(() => logfmtPieces(text), [text]);
  if (!pieces) return <Marked text={text} words={words} />;
  return pieces.map((piece, index) =>
    piece.key ? (
      <span key={index} className={styles.logfmtKey}>
        <Marked text={piece.text} words={words} />
      </span>
    ) : (
      <Marked key={index} text={piece.text} words={words} />
    ),
  );
}
