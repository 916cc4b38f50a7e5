/** A sentence in which `words` between backticks are code. */
import type { ReactNode } from "react";

export function Marked({ text }: { text: string }): ReactNode {
  return text.split("`").map((part, index) => (index % 2 === 1 ? <code key={index}>{part}</code> : part));
}
