/** The search as fields: service, operation, durations, status, attributes. It reads the query's text and edits it. */
import { Button, Select, TextInput } from "@mantine/core";
import { IconPlus, IconX } from "@tabler/icons-react";
import { type KeyboardEvent, type ReactNode, useEffect, useId, useState } from "react";
import { IconButton } from "../../components/common/IconButton.tsx";
import type { Span } from "../../core/time/range.ts";
import {
  equals,
  FORM_OPERATORS,
  type FormRow,
  readForm,
  SERVICE,
  STATUS_VALUES,
  setRow,
  setSlot,
} from "../../core/traces/traceql.ts";
import { x } from "../../core/tracesText.ts";
import { type TraceNames, useTagValues } from "../../hooks/useTraces.ts";
import styles from "./TracesPage.module.css";

const DURATION = /^\d+(\.\d+)?(ns|us|µs|ms|s|m|h)$/;

interface Props {
  query: string;
  span: Span;
  names: TraceNames;
  onQuery(query: string): void;
}

export function SearchForm({ query, span, names, onQuery }: Props): ReactNode {
  const form = readForm(query);
  const [draft, setDraft] = useState<FormRow | null>(null);
  const [fields, setFields] = useState<string[]>([]);
  const services = useTagValues(SERVICE, "", span);
  const operations = useTagValues("name", form.service === "" ? "" : `{ ${equals(SERVICE, form.service)} }`, span);
  const lookup = (): void => {
    if (fields.length > 0) return;
    void names
      .fields()
      .then((found) => setFields([...new Set(found)]))
      .catch(() => undefined);
  };
  if (!form.possible) return <p className={styles.formNote}>{x.formCode}</p>;
  const choices = (values: readonly { value: string }[] | undefined, own: string): string[] => [
    ...new Set([...(own === "" ? [] : [own]), ...(values ?? []).map((entry) => entry.value)]),
  ];
  return (
    <div className={styles.form} role="group" aria-label={x.form} data-testid="trace-form">
      <Select
        size="xs"
        className={styles.wide}
        label={x.service}
        placeholder={x.any}
        searchable
        clearable
        value={form.service === "" ? null : form.service}
        data={choices(services.data, form.service)}
        onChange={(value) => onQuery(setSlot(query, "service", value ?? ""))}
      />
      <Select
        size="xs"
        className={styles.wide}
        label={x.operation}
        placeholder={x.any}
        searchable
        clearable
        value={form.operation === "" ? null : form.operation}
        data={choices(operations.data, form.operation)}
        onChange={(value) => onQuery(setSlot(query, "operation", value ?? ""))}
      />
      <DurationField label={x.min} value={form.min} onChange={(value) => onQuery(setSlot(query, "min", value))} />
      <DurationField label={x.max} value={form.max} onChange={(value) => onQuery(setSlot(query, "max", value))} />
      <Select
        size="xs"
        className={styles.narrow}
        label={x.status}
        placeholder={x.any}
        clearable
        value={form.status === "" ? null : form.status}
        data={[...STATUS_VALUES]}
        onChange={(value) => onQuery(setSlot(query, "status", value ?? ""))}
      />
      {form.attributes.map((row, index) => (
        <AttributeRow
          key={`${index} ${row.field}`}
          row={row}
          fields={fields}
          names={names}
          onFields={lookup}
          onChange={(next) => onQuery(setRow(query, index, next))}
          onRemove={() => onQuery(setRow(query, index, null))}
        />
      ))}
      {draft && (
        <AttributeRow
          row={draft}
          fields={fields}
          names={names}
          onFields={lookup}
          onChange={(next) => {
            if (next.field === "" || next.value === "") {
              setDraft(next);
              return;
            }
            setDraft(null);
            onQuery(setRow(query, form.attributes.length, next));
          }}
          onRemove={() => setDraft(null)}
        />
      )}
      <Button
        size="xs"
        variant="default"
        className={styles.add}
        leftSection={<IconPlus size={14} />}
        onClick={() => {
          lookup();
          setDraft({ field: "", op: "=", value: "" });
        }}
      >
        {x.addAttribute}
      </Button>
      {form.others.length > 0 && (
        <p className={styles.formNote}>
          <code>{x.formOthers(form.others.join(" && "))}</code>
        </p>
      )}
    </div>
  );
}

/** Takes effect when it is left or Enter is pressed, and only when it is a duration. */
function DurationField({
  label,
  value,
  onChange,
}: {
  label: string;
  value: string;
  onChange(value: string): void;
}): ReactNode {
  const [typed, setTyped] = useState(value);
  useEffect(() => setTyped(value), [value]);
  const text = typed.trim();
  const bad = text !== "" && !DURATION.test(text);
  const done = (): void => {
    if (!bad && text !== value) onChange(text);
  };
  return (
    <TextInput
      size="xs"
      className={styles.narrow}
      label={label}
      placeholder={x.durationHint}
      value={typed}
      error={bad}
      title={bad ? x.durationBad : undefined}
      onChange={(event) => setTyped(event.currentTarget.value)}
      onBlur={done}
      onKeyDown={(event: KeyboardEvent) => {
        if (event.key === "Enter") done();
      }}
    />
  );
}

interface RowProps {
  row: FormRow;
  fields: readonly string[];
  names: TraceNames;
  onFields(): void;
  onChange(row: FormRow): void;
  onRemove(): void;
}

function AttributeRow({ row, fields, names, onFields, onChange, onRemove }: RowProps): ReactNode {
  const [field, setField] = useState(row.field);
  const [value, setValue] = useState(row.value);
  const [values, setValues] = useState<string[]>([]);
  const list = useId();
  const done = (): void => {
    const whole = { field: field.trim(), op: row.op, value: value.trim() };
    if (whole.field !== row.field || whole.op !== row.op || whole.value !== row.value) onChange(whole);
  };
  const lookup = (): void => {
    if (field.trim() === "") return;
    void names
      .values(field.trim())
      .then((found) => setValues([...new Set(found.map((entry) => entry.value))].slice(0, 50)))
      .catch(() => undefined);
  };
  const enter = (event: KeyboardEvent): void => {
    if (event.key === "Enter") done();
  };
  return (
    <div className={styles.attribute}>
      <TextInput
        size="xs"
        label={x.attribute}
        placeholder="span.http.method"
        value={field}
        list={`${list}-fields`}
        onFocus={onFields}
        onChange={(event) => setField(event.currentTarget.value)}
        onBlur={() => done()}
        onKeyDown={enter}
      />
      <Select
        size="xs"
        className={styles.operator}
        label={x.operator}
        value={row.op}
        data={[...FORM_OPERATORS]}
        allowDeselect={false}
        onChange={(op) => onChange({ field: field.trim(), op: op ?? "=", value: value.trim() })}
      />
      <TextInput
        size="xs"
        label={x.value}
        value={value}
        list={`${list}-values`}
        onFocus={lookup}
        onChange={(event) => setValue(event.currentTarget.value)}
        onBlur={() => done()}
        onKeyDown={enter}
      />
      <Choices id={`${list}-fields`} of={fields} />
      <Choices id={`${list}-values`} of={values} />
      <IconButton label={x.removeAttribute(row.field)} onClick={onRemove}>
        <IconX size={14} />
      </IconButton>
    </div>
  );
}

/** What the browser offers while one types. */
function Choices({ id, of }: { id: string; of: readonly string[] }): ReactNode {
  return (
    <datalist id={id}>
      {of.slice(0, 100).map((choice) => (
        <option key={choice} value={choice} />
      ))}
    </datalist>
  );
}
