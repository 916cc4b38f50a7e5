/** One option of a step, by its type. What is shown is the value in force, given or default. */
import { Button, Checkbox, NativeSelect, Switch, Textarea, TextInput } from "@mantine/core";
import { IconPlus, IconX } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";
import { IconButton } from "../../components/common/IconButton.tsx";
import { Marked } from "../../components/common/Marked.tsx";
import { QueryField } from "../../components/editor/QueryField.tsx";
import type { ProcessorOption } from "../../core/api/pipelines.ts";
import { formatValue } from "../../core/format.ts";
import * as forms from "../../core/pipelines/form.ts";
import { t } from "../../core/text.ts";
import styles from "./PipelinesPage.module.css";

interface Props {
  processor: string;
  option: ProcessorOption;
  options: Record<string, unknown>;
  fixed: boolean;
  missing: boolean;
  onChange(value: unknown): void;
}

/** Lines and rows that are being typed say more than the value that comes of them: an empty row, a line break. */
function useTyped<T>(
  value: unknown,
  print: (value: unknown) => T,
  read: (typed: T) => unknown,
): [T, (typed: T) => void] {
  const [typed, setTyped] = useState(() => print(value));
  const same = JSON.stringify(read(typed) ?? null) === JSON.stringify(value ?? null);
  const shown = same ? typed : print(value);
  return [shown, setTyped];
}

function ListField({ option, options, fixed, onChange, label, error }: Props & Shown): ReactNode {
  const [text, setText] = useTyped(
    forms.effective(options, option),
    forms.printList,
    (typed) => forms.readList(option, typed) ?? option.default,
  );
  return (
    <Textarea
      label={label}
      description={<Marked text={`${option.description} ${t.pipelines.onePerLine}`} />}
      size="xs"
      rows={Math.min(8, Math.max(2, text.split("\n").length))}
      value={text}
      disabled={fixed}
      error={error}
      spellCheck={false}
      classNames={{ input: styles.code }}
      onChange={(event) => {
        setText(event.currentTarget.value);
        onChange(forms.readList(option, event.currentTarget.value));
      }}
    />
  );
}

function MapField({ processor, option, options, fixed, onChange, label, error }: Props & Shown): ReactNode {
  const typed = forms.isTyped(processor, option);
  const [rows, setRows] = useTyped<readonly forms.Row[]>(
    forms.effective(options, option),
    (value) => forms.printMap(value, typed),
    (shown) => forms.readMap(shown, typed) ?? option.default,
  );
  const edit = (next: readonly forms.Row[]): void => {
    setRows(next);
    onChange(forms.readMap(next, typed));
  };
  const shown: readonly forms.Row[] = rows.length === 0 ? [["", ""]] : rows;
  return (
    <fieldset className={styles.map} disabled={fixed}>
      <legend>{label}</legend>
      <p className={styles.help}>
        <Marked text={option.description} /> {typed && t.pipelines.typedValues}
      </p>
      {shown.map(([name, value], index) => {
        const change = (next: forms.Row): void => edit(shown.map((row, at) => (at === index ? next : row)));
        return (
          <div key={index} className={styles.mapRow}>
            <TextInput
              size="xs"
              aria-label={t.pipelines.mapName(option.name, index + 1)}
              placeholder={t.pipelines.namePlaceholder}
              value={name}
              disabled={fixed}
              onChange={(event) => change([event.currentTarget.value, value])}
            />
            <TextInput
              size="xs"
              aria-label={t.pipelines.mapValue(option.name, index + 1)}
              placeholder={t.pipelines.valuePlaceholder}
              value={value}
              disabled={fixed}
              onChange={(event) => change([name, event.currentTarget.value])}
            />
            <IconButton
              label={t.pipelines.removeRow(index + 1)}
              size={24}
              disabled={fixed || rows.length === 0}
              onClick={() => edit(shown.filter((_, at) => at !== index))}
            >
              <IconX size={14} />
            </IconButton>
          </div>
        );
      })}
      {error && <p className={styles.complaint}>{error}</p>}
      {!fixed && (
        <Button
          size="compact-xs"
          variant="subtle"
          leftSection={<IconPlus size={14} />}
          onClick={() => edit([...shown, ["", ""]])}
        >
          {t.pipelines.addRow}
        </Button>
      )}
    </fieldset>
  );
}

interface Shown {
  label: ReactNode;
  error: string | undefined;
}

export function OptionField(props: Props): ReactNode {
  const { option, options, fixed, onChange } = props;
  const value = forms.effective(options, option);
  const label = (
    <>
      <code>{option.name}</code>
      {option.required && <span className={styles.required}> {t.pipelines.required}</span>}
    </>
  );
  const numeric = option.type === "integer" || option.type === "number";
  const wrong = numeric ? forms.numberProblem(option, value) : null;
  const late = option.type === "duration" && forms.durationProblem(value);
  const error = wrong
    ? t.pipelines.badNumber[wrong]
    : late
      ? t.pipelines.badDuration
      : props.missing
        ? t.pipelines.missing
        : undefined;
  if (option.type === "boolean") {
    return (
      <Switch
        size="xs"
        label={label}
        description={<Marked text={option.description} />}
        checked={value === true}
        disabled={fixed}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
    );
  }
  if (option.type === "choice") {
    return (
      <NativeSelect
        size="xs"
        label={label}
        description={<Marked text={option.description} />}
        value={formatValue(value)}
        disabled={fixed}
        data={option.choices}
        onChange={(event) => onChange(event.currentTarget.value)}
      />
    );
  }
  if (option.type === "query") {
    return (
      <QueryField
        label={option.name}
        description={<Marked text={option.description} />}
        hint={t.pipelines.whenHint}
        value={formatValue(value)}
        disabled={fixed}
        onChange={(text) => text !== formatValue(value) && onChange(forms.readText(option, text))}
      />
    );
  }
  if (option.type === "list" && option.choices.length > 0) {
    return (
      <Checkbox.Group
        size="xs"
        label={label}
        description={<Marked text={option.description} />}
        value={Array.isArray(value) ? value.map(String) : []}
        onChange={(chosen) => onChange(option.choices.filter((choice) => chosen.includes(choice)))}
      >
        <div className={styles.checks}>
          {option.choices.map((choice) => (
            <Checkbox key={choice} size="xs" value={choice} label={choice} disabled={fixed} />
          ))}
        </div>
      </Checkbox.Group>
    );
  }
  if (option.type === "list") return <ListField {...props} label={label} error={error} />;
  if (option.type === "map") return <MapField {...props} label={label} error={error} />;
  const long = typeof value === "string" && value.includes("\n");
  return (
    <TextInput
      size="xs"
      label={label}
      description={<Marked text={option.description} />}
      value={long ? JSON.stringify(value).slice(1, -1) : formatValue(value)}
      disabled={fixed}
      inputMode={numeric ? "decimal" : undefined}
      error={error}
      spellCheck={false}
      classNames={{ input: styles.code }}
      onChange={(event) => {
        const text = event.currentTarget.value;
        if (numeric) onChange(forms.readNumber(option, text));
        else onChange(forms.readText(option, long ? text.replaceAll("\\n", "\n") : text));
      }}
    />
  );
}
