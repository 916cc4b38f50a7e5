/** One field of the sidebar: its values with counts, and the verbs on the value in focus. */
import { TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import {
  IconChartBar,
  IconChevronDown,
  IconChevronRight,
  IconColumns3,
  IconEqual,
  IconMinus,
  IconPin,
  IconPinFilled,
  IconPlus,
  IconSearch,
} from "@tabler/icons-react";
import { type KeyboardEvent, type ReactNode, useState } from "react";
import { IconButton } from "../../components/common/IconButton.tsx";
import type { Facet, FacetValue } from "../../core/api/types.ts";
import { formatShort } from "../../core/format.ts";
import { isSeverity } from "../../core/logs/severity.ts";
import { appendTerm, type FilterValue, fieldTerm, negated, quoteField } from "../../core/query/edit.ts";
import { t } from "../../core/text.ts";
import { type Scope, useFacetSearch } from "../../hooks/useLogs.ts";
import { usePrefs, useSetPrefs } from "../../hooks/usePrefs.ts";
import styles from "./Facets.module.css";
import { useFilters } from "./useFilters.tsx";

/** Values arrive as text; the type of the field says what they are. */
export function typedValue(facet: Facet, text: string): FilterValue {
  if (
    /^(int|float|i|f)/i.test(facet.type) &&
    text !== "" &&
    Number.isFinite(Number(text)) &&
    String(Number(text)) === text
  )
    return Number(text);
  if (/^b/i.test(facet.type) && (text === "true" || text === "false")) return text === "true";
  return text;
}

function wildcardTerm(field: string, typed: string): string {
  return `${quoteField(field)}:*${typed.replace(/[^\p{L}\p{N}_.\-@]+/gu, "*")}*`;
}

interface Props {
  facet: Facet;
  scope: Scope;
  pinned: boolean;
  onPin(): void;
}

export function FacetGroup({ facet, scope, pinned, onPin }: Props): ReactNode {
  const { closedFacets } = usePrefs();
  const setPrefs = useSetPrefs();
  const { columns, toggleColumn, openField } = useFilters();
  const [searching, setSearching] = useState(false);
  const [typed, setTyped] = useState("");
  const [settled] = useDebouncedValue(typed.trim(), 250);
  const search = useFacetSearch(
    { ...scope, query: appendTerm(scope.query, wildcardTerm(facet.name, settled)) },
    facet.name,
    searching ? settled : "",
  );
  const [active, setActive] = useState<string | null>(null);
  const closed = closedFacets.includes(facet.name);
  const setClosed = (): void =>
    setPrefs({
      closedFacets: closed ? closedFacets.filter((name) => name !== facet.name) : [...closedFacets, facet.name],
    });
  const needle = settled.toLowerCase();
  const found = (search.data?.facets[0]?.values ?? []).filter((entry) => entry.value.toLowerCase().includes(needle));
  const values = searching && settled !== "" ? found : facet.values;
  const most = Math.max(1, ...values.map((entry) => entry.count));
  const Chevron = closed ? IconChevronRight : IconChevronDown;
  return (
    <section className={styles.facet} aria-label={facet.name}>
      <div className={styles.name}>
        <button
          type="button"
          className={styles.nameButton}
          aria-expanded={!closed}
          onClick={setClosed}
          title={`${facet.name} · ${facet.kind} · ${facet.type}`}
        >
          <Chevron size={14} />
          <span className={styles.nameText}>{facet.name}</span>
        </button>
        {!closed && (
          <div className={styles.tools}>
            <IconButton
              label={t.logs.searchFacet(facet.name)}
              size={24}
              aria-pressed={searching}
              onClick={() => setSearching(!searching)}
            >
              <IconSearch size={13} />
            </IconButton>
            {openField && (
              <IconButton label={`${t.field.open} ${facet.name}`} size={24} onClick={() => openField(facet.name)}>
                <IconChartBar size={13} />
              </IconButton>
            )}
            <IconButton
              label={columns.includes(facet.name) ? t.logs.removeColumn : t.logs.column}
              size={24}
              aria-pressed={columns.includes(facet.name)}
              onClick={() => toggleColumn(facet.name)}
            >
              <IconColumns3 size={13} />
            </IconButton>
            <IconButton label={pinned ? t.logs.unpin : t.logs.pin} size={24} aria-pressed={pinned} onClick={onPin}>
              {pinned ? <IconPinFilled size={13} /> : <IconPin size={13} />}
            </IconButton>
          </div>
        )}
      </div>
      {!closed && (
        <>
          {searching && (
            <div className={styles.find}>
              <TextInput
                size="xs"
                autoFocus
                value={typed}
                onChange={(event) => setTyped(event.currentTarget.value)}
                aria-label={t.logs.searchFacet(facet.name)}
              />
            </div>
          )}
          <ul className={styles.values} onMouseLeave={() => setActive(null)}>
            {values.map((entry) => (
              <Value
                key={entry.value}
                facet={facet}
                entry={entry}
                most={most}
                active={active === entry.value}
                onActive={() => setActive(entry.value)}
              />
            ))}
          </ul>
          {searching && settled !== "" && search.isSuccess && values.length === 0 && (
            <p className={styles.note}>{t.logs.noValues}</p>
          )}
          {facet.more && !searching && <p className={styles.note}>{t.logs.moreValues}</p>}
        </>
      )}
    </section>
  );
}

interface ValueProps {
  facet: Facet;
  entry: FacetValue;
  most: number;
  active: boolean;
  onActive(): void;
}

function Value({ facet, entry, most, active, onActive }: ValueProps): ReactNode {
  const { filter, exclude, only, find, remove, parts, columns, toggleColumn } = useFilters();
  const value = typedValue(facet, entry.value);
  const chosen = find(facet.name, value);
  const excluded = parts.find((part) => part.text === negated(fieldTerm(facet.name, value)));
  const onKey = (event: KeyboardEvent): void => {
    if (event.key === "f") filter(facet.name, value);
    else if (event.key === "x") exclude(facet.name, value);
    else return;
    event.preventDefault();
  };
  return (
    <li
      className={styles.value}
      data-active={active || undefined}
      onMouseEnter={onActive}
      onFocus={onActive}
      onKeyDown={onKey}
    >
      <button
        type="button"
        className={styles.pick}
        aria-pressed={chosen !== undefined}
        data-excluded={excluded ? true : undefined}
        title={entry.value || t.logs.empty}
        onClick={() => (chosen ? remove(chosen) : excluded ? remove(excluded) : filter(facet.name, value))}
      >
        {facet.name === "severity" && isSeverity(entry.value) && (
          <span className={styles.swatch} style={{ background: `var(--severity-${entry.value})` }} aria-hidden />
        )}
        <span className={styles.label}>{entry.value || t.logs.empty}</span>
        {!active && <span className={styles.count}>{formatShort(entry.count)}</span>}
      </button>
      {active && (
        <span className={styles.tools}>
          <IconButton label={t.logs.filter} size={24} onClick={() => filter(facet.name, value)}>
            <IconPlus size={14} />
          </IconButton>
          <IconButton label={t.logs.exclude} size={24} onClick={() => exclude(facet.name, value)}>
            <IconMinus size={14} />
          </IconButton>
          <IconButton label={t.logs.only} size={24} onClick={() => only(facet.name, value)}>
            <IconEqual size={14} />
          </IconButton>
          <IconButton
            label={columns.includes(facet.name) ? t.logs.removeColumn : t.logs.column}
            size={24}
            aria-pressed={columns.includes(facet.name)}
            onClick={() => toggleColumn(facet.name)}
          >
            <IconColumns3 size={14} />
          </IconButton>
        </span>
      )}
      <span className={styles.bar} style={{ width: `${(entry.count / most) * 0.9 * 100}%` }} />
    </li>
  );
}
