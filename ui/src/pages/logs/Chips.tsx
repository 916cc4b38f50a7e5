/** The terms of the query as chips: click turns a term around, the cross removes it. */
import { IconX } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { type Part, removeTerm, toggleNegation } from "../../core/query/edit.ts";
import { t } from "../../core/text.ts";
import styles from "./QueryBar.module.css";

export function Chips({
  query,
  parts,
  onQuery,
}: {
  query: string;
  parts: Part[];
  onQuery(query: string): void;
}): ReactNode {
  if (parts.length === 0) return null;
  return (
    <ul className={styles.chips} aria-label={t.logs.terms}>
      {parts.map((part) => (
        <li key={`${part.offset}:${part.text}`} className={styles.chip} data-negated={part.negated || undefined}>
          <button
            type="button"
            className={styles.chipText}
            title={part.negated ? t.logs.affirmTerm(part.text) : t.logs.negateTerm(part.text)}
            onClick={() => onQuery(toggleNegation(query, part))}
          >
            {part.text}
          </button>
          <button
            type="button"
            className={styles.chipRemove}
            aria-label={t.logs.removeTerm(part.text)}
            onClick={() => onQuery(removeTerm(query, part))}
          >
            <IconX size={13} />
          </button>
        </li>
      ))}
    </ul>
  );
}
