/** A query of the search language as a field of a form: coloured, completed, and said what is wrong with it. */
import { useDebouncedValue } from "@mantine/hooks";
import { type ReactNode, useId, useMemo } from "react";
import { fromCodePoints } from "../../core/query/edit.ts";
import { useCompletions, useQueryProblem } from "../../hooks/useLogs.ts";
import { useTime } from "../../hooks/useTime.tsx";
import styles from "./QueryField.module.css";
import SearchEditor from "./SearchEditor.tsx";

interface Props {
  /** Shown above unless `hideLabel`. */
  label: string;
  hideLabel?: boolean;
  hint: string;
  value: string;
  description?: ReactNode;
  error?: string;
  disabled?: boolean;
  onChange(value: string): void;
  onRun?(): void;
}

export function QueryField({
  label,
  hideLabel,
  hint,
  value,
  description,
  error,
  disabled,
  onChange,
  onRun,
}: Props): ReactNode {
  const { span } = useTime();
  const completions = useCompletions(span);
  const [later] = useDebouncedValue(value, 250);
  const found = useQueryProblem(later);
  const problem = later === value ? found : null;
  const labelId = useId();
  const mark = useMemo(() => {
    if (!problem?.position) return null;
    const { offset, length } = problem.position;
    return { from: fromCodePoints(later, offset), to: fromCodePoints(later, offset + Math.max(1, length)) };
  }, [problem, later]);
  const complaint = problem ? `${problem.message} ${problem.hint}` : error;
  return (
    <div className={styles.field}>
      {!hideLabel && (
        <span id={labelId} className={styles.label}>
          {label}
        </span>
      )}
      {description && <span className={styles.description}>{description}</span>}
      {disabled ? (
        <code className={styles.fixed}>{value || hint}</code>
      ) : (
        <div className={styles.box} data-problem={complaint ? true : undefined}>
          <SearchEditor
            value={value}
            label={label}
            hint={hint}
            problem={mark}
            completions={completions}
            onChange={onChange}
            onRun={() => onRun?.()}
          />
        </div>
      )}
      {complaint && (
        <span className={styles.error} role="alert">
          {complaint}
        </span>
      )}
    </div>
  );
}
