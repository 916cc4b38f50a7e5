/** Everything about one record, for the inline expansion and for the panel. */
import { Button, SegmentedControl } from "@mantine/core";
import { IconColumns3, IconListSearch, IconMinus, IconPlus } from "@tabler/icons-react";
import { type KeyboardEvent, type ReactNode, useMemo, useState } from "react";
import { CopyIcon, CopyTextButton } from "../../components/common/CopyButton.tsx";
import { IconButton } from "../../components/common/IconButton.tsx";
import { TraceButton } from "../../components/trace/TraceButton.tsx";
import type { LogRecord } from "../../core/api/types.ts";
import { formatValue } from "../../core/format.ts";
import { type DetailField, detailGroups, jsonBody, recordJson, SHOWN_CHARACTERS } from "../../core/logs/records.ts";
import { asSeverity } from "../../core/logs/severity.ts";
import { t } from "../../core/text.ts";
import { formatInstant } from "../../core/time/format.ts";
import { fromNsText } from "../../core/time/instant.ts";
import styles from "./Detail.module.css";
import { JsonTree } from "./JsonTree.tsx";
import { LongText } from "./LongText.tsx";
import { asFilterValue, useFilters } from "./useFilters.tsx";

function FieldRow({ entry, active, onActive }: { entry: DetailField; active: boolean; onActive(): void }): ReactNode {
  const { filter, exclude, toggleColumn, columns } = useFilters();
  const value = asFilterValue(entry.value);
  const text = formatValue(entry.value);
  const container = entry.value !== null && typeof entry.value === "object";
  const onKey = (event: KeyboardEvent): void => {
    if (value === null || (event.key !== "f" && event.key !== "x")) return;
    event.preventDefault();
    (event.key === "f" ? filter : exclude)(entry.field, value);
  };
  return (
    <tr data-active={active || undefined} onMouseEnter={onActive} onFocus={onActive} onKeyDown={onKey}>
      <th scope="row">
        <button type="button" className={styles.field} title={t.logs.column} onClick={() => toggleColumn(entry.field)}>
          {entry.label}
        </button>
      </th>
      <td>
        {container ? (
          <JsonTree value={entry.value} />
        ) : text.length > SHOWN_CHARACTERS ? (
          <LongText text={text} />
        ) : (
          text
        )}
        {active && (
          <span className={styles.tools}>
            {value !== null && (
              <>
                <IconButton label={`${t.logs.filter} (F)`} size={24} onClick={() => filter(entry.field, value)}>
                  <IconPlus size={14} />
                </IconButton>
                <IconButton label={`${t.logs.exclude} (X)`} size={24} onClick={() => exclude(entry.field, value)}>
                  <IconMinus size={14} />
                </IconButton>
              </>
            )}
            <IconButton
              label={columns.includes(entry.field) ? t.logs.removeColumn : t.logs.column}
              size={24}
              aria-pressed={columns.includes(entry.field)}
              onClick={() => toggleColumn(entry.field)}
            >
              <IconColumns3 size={14} />
            </IconButton>
            <CopyIcon text={text} label={t.logs.copy} />
          </span>
        )}
      </td>
    </tr>
  );
}

function Body({ body, words }: { body: string; words: string[] }): ReactNode {
  const json = useMemo(() => jsonBody(body), [body]);
  const [raw, setRaw] = useState(false);
  return (
    <div>
      <div className={styles.bodyHead}>
        <h3>{t.logs.body}</h3>
        {json !== undefined && (
          <SegmentedControl
            size="xs"
            aria-label={t.logs.body}
            value={raw ? "raw" : "tree"}
            onChange={(value) => setRaw(value === "raw")}
            data={[
              { value: "tree", label: t.logs.tree },
              { value: "raw", label: t.logs.raw },
            ]}
          />
        )}
        <CopyIcon text={body} label={t.logs.copy} />
      </div>
      {json !== undefined && !raw ? (
        <div className={styles.text}>
          <JsonTree value={json} />
        </div>
      ) : (
        <LongText text={body} words={words} />
      )}
    </div>
  );
}

export function RecordDetail({ record, zone, words }: { record: LogRecord; zone: string; words: string[] }): ReactNode {
  const { openContext, openTrace } = useFilters();
  const groups = useMemo(() => detailGroups(record), [record]);
  const [active, setActive] = useState<string | null>(null);
  const severity = asSeverity(record.severity);
  return (
    <div className={styles.detail} data-testid="record-detail">
      <div className={styles.meta}>
        <span className={styles.severity} style={{ color: `var(--severity-${severity})` }}>
          {severity}
        </span>
        <b>{record.service || t.logs.empty}</b>
        <span>{formatInstant(fromNsText(record.timestamp), zone, 9)}</span>
        {record.observed_timestamp !== "" &&
          record.observed_timestamp !== "0" &&
          record.observed_timestamp !== record.timestamp && (
            <span>
              {t.logs.observed} {formatInstant(fromNsText(record.observed_timestamp), zone, 9)}
            </span>
          )}
        {openContext && (
          <Button
            size="compact-xs"
            variant="default"
            title={t.context.openHelp}
            leftSection={<IconListSearch size={14} />}
            onClick={() => openContext(record.id)}
          >
            {t.context.open}
          </Button>
        )}
        {openTrace && record.trace_id !== "" && (
          <TraceButton
            id={record.trace_id}
            at={fromNsText(record.timestamp)}
            onOpen={() => openTrace(record.trace_id, record.span_id)}
          />
        )}
        <CopyTextButton text={() => recordJson(record)} label={t.logs.copyRecord} />
      </div>
      <Body body={record.body} words={words} />
      {groups.map((group) => (
        <div key={group.title} className={styles.group}>
          <h3>{t.logs.groups[group.title]}</h3>
          <table className={styles.fields} onMouseLeave={() => setActive(null)}>
            <tbody>
              {group.fields.map((entry) => (
                <FieldRow
                  key={entry.field}
                  entry={entry}
                  active={active === entry.field}
                  onActive={() => setActive(entry.field)}
                />
              ))}
            </tbody>
          </table>
        </div>
      ))}
    </div>
  );
}
