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
import type { Facet } from "../../core/api/types.ts";
import { formatShort } from "../../core/format.ts";
import { t } from "../../core/text.ts";
import {
  excludeBy,
  fieldOf,
  filterBy,
  findCondition,
  onlyBy,
  removeCondition,
  type Value,
} from "../../core/traces/traceql.ts";
import { x } from "../../core/tracesText.ts";
import type { Scope } from "../../hooks/useLogs.ts";
import { usePrefs, useSetPrefs } from "../../hooks/usePrefs.ts";
import { useTraceFacets } from "../../hooks/useTraces.ts";
import styles from "../logs/Facets.module.css";

/** Field of a facet as the query names it; the server says the place in `kind`, or the name is whole already. */
function facetField(facet: Facet): string {
  const kind = facet.kind as string;
  return kind === "" || /^(span|resource|event|link|instrumentation)\./.test(facet.name)
    ? facet.name
    : fieldOf(kind, facet.name);
}

function typed(facet: Facet, text: string): Value {
  if (/^(int|float)/.test(facet.type) && text !== "" && String(Number(text)) === text) return Number(text);
  return facet.type === "bool" && (text === "true" || text === "false") ? text === "true" : text;
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
  const shown = (facets.data?.facets ?? []).filter((facet) => facet.name.toLowerCase().includes(needle));
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
          <Group key={`${facet.kind} ${facet.name}`} facet={facet} query={query} onQuery={onQuery} />
        ))}
      </div>
    </aside>
  );
}

function Group({ facet, query, onQuery }: { facet: Facet; query: string; onQuery(query: string): void }): ReactNode {
  const { closedFacets } = usePrefs();
  const setPrefs = useSetPrefs();
  const [active, setActive] = useState<string | null>(null);
  const field = facetField(facet);
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
            const value = typed(facet, entry.value);
            const chosen = findCondition(query, field, value);
            const onKey = (event: KeyboardEvent): void => {
              if (event.key !== "f" && event.key !== "x") return;
              event.preventDefault();
              onQuery((event.key === "f" ? filterBy : excludeBy)(query, field, value));
            };
            return (
              <li
                key={entry.value}
                className={styles.value}
                data-active={active === entry.value || undefined}
                onMouseEnter={() => setActive(entry.value)}
                onFocus={() => setActive(entry.value)}
                onKeyDown={onKey}
              >
                <button
                  type="button"
                  className={styles.pick}
                  aria-pressed={chosen !== undefined}
                  title={entry.value || t.logs.empty}
                  onClick={() => onQuery(chosen ? removeCondition(query, chosen) : filterBy(query, field, value))}
                >
                  <span className={styles.label}>{entry.value || t.logs.empty}</span>
                  {active !== entry.value && <span className={styles.count}>{formatShort(entry.count)}</span>}
                </button>
                {active === entry.value && (
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
          {facet.more && <li className={styles.note}>{t.logs.moreValues}</li>}
        </ul>
      )}
    </section>
  );
}
