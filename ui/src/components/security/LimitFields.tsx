/** Fields for the limits of a scope, each with its unit; what is empty is not set. */
import { TextInput } from "@mantine/core";
import type { ReactNode } from "react";
import type { LimitInfo, LimitValues } from "../../core/api/security.ts";
import { formatLimit, parseLimit, printLimit } from "../../core/security/limits.ts";
import { s } from "../../core/securityText.ts";
import { styles } from "./parts.tsx";

/** As typed, by name. */
export type LimitTexts = Record<string, string>;

export function limitTexts(known: readonly LimitInfo[], values: LimitValues): LimitTexts {
  return Object.fromEntries(
    known.flatMap((info) => {
      const value = values[info.name];
      return value === undefined ? [] : [[info.name, printLimit(value, info.unit)]];
    }),
  );
}

/** Undefined when one of them is no number. */
export function limitValues(known: readonly LimitInfo[], texts: LimitTexts): LimitValues | undefined {
  const values: LimitValues = {};
  for (const info of known) {
    const value = parseLimit(texts[info.name] ?? "", info.unit);
    if (value === undefined) return undefined;
    if (value !== null) values[info.name] = value;
  }
  return values;
}

interface Props {
  known: readonly LimitInfo[];
  texts: LimitTexts;
  /** Where nothing of one's own is set, is there no limit at all? */
  noDefault?: boolean;
  onChange(texts: LimitTexts): void;
}

export function LimitFields({ known, texts, noDefault, onChange }: Props): ReactNode {
  const fields = known.map((info) => {
    const typed = texts[info.name] ?? "";
    const fallback = info.default > 0 && !noDefault ? formatLimit(info.default, info.unit) : s.limits.noLimit;
    return (
      <TextInput
        key={info.name}
        size="xs"
        label={`${info.name} (${info.unit})`}
        description={info.description}
        placeholder={s.limits.emptyDefault(fallback)}
        value={typed}
        inputMode="text"
        autoComplete="off"
        error={parseLimit(typed, info.unit) === undefined ? s.limits.bad : undefined}
        onChange={(event) => onChange({ ...texts, [info.name]: event.currentTarget.value })}
      />
    );
  });
  return <div className={`${styles.pair} ${styles.ends}`}>{fields}</div>;
}
