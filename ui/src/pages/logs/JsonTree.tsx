/** A JSON value as a tree; children appear when opened, a hundred at a time. */
import { IconChevronDown, IconChevronRight } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";
import type { AttributeValue } from "../../core/logs/records.ts";
import { t } from "../../core/text.ts";
import styles from "./Detail.module.css";

const STEP = 100;
const SHOWN = 4096;

function isContainer(value: AttributeValue): value is AttributeValue[] | { [key: string]: AttributeValue } {
  return value !== null && typeof value === "object";
}

function Scalar({ value }: { value: AttributeValue }): ReactNode {
  if (typeof value === "string")
    return <span className={styles.string}>"{value.length > SHOWN ? `${value.slice(0, SHOWN)}…` : value}"</span>;
  if (typeof value === "number") return <span className={styles.number}>{String(value)}</span>;
  return <span className={styles.word}>{String(value)}</span>;
}

function summary(value: AttributeValue[] | { [key: string]: AttributeValue }): string {
  return Array.isArray(value) ? `[${value.length}]` : `{${Object.keys(value).length}}`;
}

function Node({ name, value, depth }: { name: string; value: AttributeValue; depth: number }): ReactNode {
  const [open, setOpen] = useState(depth < 2 || (depth < 5 && isContainer(value) && Object.keys(value).length <= 10));
  const [limit, setLimit] = useState(STEP);
  if (!isContainer(value)) {
    return (
      <li>
        <span className={styles.key}>{name}</span>: <Scalar value={value} />
      </li>
    );
  }
  const entries: [string, AttributeValue][] = open
    ? Array.isArray(value)
      ? value.map((item, index) => [String(index), item])
      : Object.entries(value)
    : [];
  return (
    <li>
      <button type="button" className={styles.toggle} aria-expanded={open} onClick={() => setOpen(!open)}>
        {open ? <IconChevronDown size={12} /> : <IconChevronRight size={12} />}{" "}
        <span className={styles.key}>{name}</span> {summary(value)}
      </button>
      {open && (
        <ul>
          {entries.slice(0, limit).map(([key, item]) => (
            <Node key={key} name={key} value={item} depth={depth + 1} />
          ))}
          {entries.length > limit && (
            <li>
              <button type="button" className={styles.toggle} onClick={() => setLimit(limit + STEP)}>
                {t.logs.moreItems(entries.length - limit)}
              </button>
            </li>
          )}
        </ul>
      )}
    </li>
  );
}

export function JsonTree({ value }: { value: AttributeValue }): ReactNode {
  if (!isContainer(value)) return <Scalar value={value} />;
  const entries: [string, AttributeValue][] = Array.isArray(value)
    ? value.map((item, index) => [String(index), item])
    : Object.entries(value);
  return (
    <ul className={styles.tree}>
      {entries.slice(0, STEP).map(([key, item]) => (
        <Node key={key} name={key} value={item} depth={1} />
      ))}
      {entries.length > STEP && <li>{t.logs.moreItems(entries.length - STEP)}</li>}
    </ul>
  );
}
