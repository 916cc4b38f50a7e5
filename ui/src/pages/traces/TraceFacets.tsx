/** The sidebar: attributes of the matching spans with their most frequent values; each a filter away. */
import { TextInput } from "@mantine/core";
import {
  IconChevronDown,
  IconChevronRight,
  IconEqual,
  IconLayoutSidebarLeftCollapse,
  IconMinus,
  IconPlus,
  IconSearch,
} from "@tabler/icons-react";
import { type KeyboardEvent, type ReactNode, useState } from "react";
import { IconButton } from "../../components/common/IconButton.tsx";
import { ErrorState, Skeleton } from "../../components/common/State.tsx";
import { isQueryMistake } from "../../core/api/errors.ts";
import type { TagFacet, TagValue } from "../../core/api/traces.ts";
import { formatShort } from "../../core/format.ts";
import { t } from "../../core/text.ts";
import { excludeBy, filterBy, findCondition, onlyBy, removeCondition, type Value } from "../../core/traces/traceql.ts";
import { x } from "../../core/tracesText.ts";
import type { Scope } from "../../hooks/useLogs.ts";
import { usePrefs, useSetPrefs } from "../../hooks/usePrefs.ts";
import { useTraceFacets } from "../../hooks/useTraces.ts";
import styles from "../logs/Facets.module.css";

/** What TraceQL compares with: numbers and booleans are themselves. */
function typed({ value, type }: TagValue): Value {
  if (typeof value !== "string") return value;
  if (/^(int|float)$/.test(type) && value !== "" && Number.isFinite(Number(value))) return Number(value);
  return type === "bool" ? value === "true" : value;
}

interface Props {
  scope: Scope;
  /** The query that is edited; the scope has none of its stages. */
  query: string;
  ready: boolean;
  onQuery(query: string): void;
}

export function TraceFacets({ scope, query, ready, onQuery }: Props): ReactNode {
  const setPrefs = useSetPrefs();
  const [find, setFind] = useState("");
  const facets = useTraceFacets(scope, ready);
  const needle = find.trim().toLowerCase();
  const shown = (facets.data ?? []).filter((facet) => facet.field.toLowerCase().includes(needle));
  return (
    <aside className={styles.side} aria-label={x.facets}>
      <div className={styles.head}>
        <h2>{x.facets}</h2>
        <IconButton label={t.logs.hideFacets} size={24} onClick={() => setPrefs({ facetsShown: false })}>
          <IconLayoutSidebarLeftCollapse size={16} stroke={1.6} />
        </IconButton>
      </div>
      <div className={styles.find}>
        <TextInput
          size="xs"
          value={find}
          onChange={(event) => setFind(event.currentTarget.value)}
          placeholder={x.findAttribute}
          aria-label={x.findAttribute}
          leftSection={<IconSearch size={14} />}
        />
      </div>
      <div className={styles.list}>
        {facets.isPending && <Skeleton rows={10} />}
        {facets.isError && !isQueryMistake(facets.error) && (
          <ErrorState error={facets.error} onRetry={() => void facets.refetch()} />
        )}
        {facets.isSuccess && shown.length === 0 && <p className={styles.note}>{x.noAttributes}</p>}
        {shown.map((facet) => (
          <Group key={facet.field} facet={facet} query={query} onQuery={onQuery} />
        ))}
      </div>
    </aside>
  );
}

function Group({ facet, query, onQuery }: { facet: TagFacet; query: string; onQuery(query: string): void }): ReactNode {
  const { closedFacets } = usePrefs();
  const setPrefs = useSetPrefs();
  const [active, setActive] = useState<string | null>(null);
  const { field } = facet;
  const closed = closedFacets.includes(field);
  const Chevron = closed ? IconChevronRight : IconChevronDown;
  const most = Math.max(1, ...facet.values.map((entry) => entry.count));
  return (
    <section className={styles.facet} aria-label={field}>
      <div className={styles.name}>
        <button
          type="button"
          className={styles.nameButton}
          aria-expanded={!closed}
          title={field}
          onClick={() =>
            setPrefs({ closedFacets: closed ? closedFacets.filter((one) => one !== field) : [...closedFacets, field] })
          }
        >
          <Chevron size={14} />
          <span className={styles.nameText}>{field}</span>
        </button>
      </div>
      {!closed && (
        <ul className={styles.values} onMouseLeave={() => setActive(null)}>
          {facet.values.map((entry) => {
            const value = typed(entry);
            const text = String(entry.value);
            const chosen = findCondition(query, field, value);
            const onKey = (event: KeyboardEvent): void => {
              if (event.key !== "f" && event.key !== "x") return;
              event.preventDefault();
              onQuery((event.key === "f" ? filterBy : excludeBy)(query, field, value));
            };
            return (
              <li
                key={text}
                className={styles.value}
                data-active={active === text || undefined}
                onMouseEnter={() => setActive(text)}
                onFocus={() => setActive(text)}
                onKeyDown={onKey}
              >
                <button
                  type="button"
                  className={styles.pick}
                  aria-pressed={chosen !== undefined}
                  title={text || t.logs.empty}
                  onClick={() => onQuery(chosen ? removeCondition(query, chosen) : filterBy(query, field, value))}
                >
                  <span className={styles.label}>{text || t.logs.empty}</span>
                  {active !== text && <span className={styles.count}>{formatShort(entry.count)}</span>}
                </button>
                {active === text && (
                  <span className={styles.tools}>
                    <IconButton label={x.filter} size={24} onClick={() => onQuery(filterBy(query, field, value))}>
                      <IconPlus size={14} />
                    </IconButton>
                    <IconButton label={x.exclude} size={24} onClick={() => onQuery(excludeBy(query, field, value))}>
                      <IconMinus size={14} />
                    </IconButton>
                    <IconButton label={t.logs.only} size={24} onClick={() => onQuery(onlyBy(query, field, value))}>
                      <IconEqual size={14} />
                    </IconButton>
                  </span>
                )}
                <span className={styles.bar} style={{ width: `${(entry.count / most) * 90}%` }} />
              </li>
            );
          })}
        </ul>
      )}
    </section>
  );
}
