/** The sidebar: fields of the matching records with their most frequent values. */
import { TextInput } from "@mantine/core";
import { IconLayoutSidebarLeftCollapse, IconPlus, IconSearch } from "@tabler/icons-react";
import { type ReactNode, useMemo, useState } from "react";
import { IconButton } from "../../components/common/IconButton.tsx";
import { ErrorState, Skeleton } from "../../components/common/State.tsx";
import { isQueryMistake } from "../../core/api/errors.ts";
import type { Facet } from "../../core/api/types.ts";
import { formatShort } from "../../core/format.ts";
import { orderFacets } from "../../core/logs/facets.ts";
import { rank } from "../../core/query/complete.ts";
import { t } from "../../core/text.ts";
import { type Scope, useFacets, useFields } from "../../hooks/useLogs.ts";
import { usePrefs, useSetPrefs } from "../../hooks/usePrefs.ts";
import { FacetGroup } from "./FacetGroup.tsx";
import styles from "./Facets.module.css";

function emptyFacet(name: string): Facet {
  return { name, kind: "attribute", type: "", records: 0, more: false, values: [] };
}

export function Facets({ scope, ready }: { scope: Scope; ready: boolean }): ReactNode {
  const { pinnedFacets } = usePrefs();
  const setPrefs = useSetPrefs();
  const [typed, setTyped] = useState("");
  const facets = useFacets(scope, [], ready);
  const hot = useMemo(() => orderFacets(facets.data?.facets ?? []), [facets.data]);
  const missing = useMemo(
    () => pinnedFacets.filter((name) => !hot.some((facet) => facet.name === name)),
    [pinnedFacets, hot],
  );
  const extra = useFacets(scope, missing, ready && facets.isSuccess && missing.length > 0);
  const fields = useFields(scope, ready && typed !== "");
  const all = useMemo(
    () => [...hot, ...(missing.length > 0 ? (extra.data?.facets ?? []) : [])],
    [hot, extra.data, missing],
  );
  const pinned = pinnedFacets.map((name) => all.find((facet) => facet.name === name) ?? emptyFacet(name));
  const others = all.filter(
    (facet) => !pinnedFacets.includes(facet.name) && (facet.records > 0 || facet.values.length > 0),
  );
  const needle = typed.trim().toLowerCase();
  const shown = [...pinned, ...others].filter((facet) => facet.name.toLowerCase().includes(needle));
  const found = useMemo(() => {
    if (needle === "") return [];
    const known = new Set(all.map((facet) => facet.name));
    const names = (fields.data?.fields ?? []).map((field) => field.name).filter((name) => !known.has(name));
    return rank(names, needle, 20);
  }, [fields.data, all, needle]);
  const pin = (name: string): void => {
    setPrefs({
      pinnedFacets: pinnedFacets.includes(name)
        ? pinnedFacets.filter((other) => other !== name)
        : [...pinnedFacets, name],
    });
  };
  return (
    <aside className={styles.side} aria-label={t.logs.facets}>
      <div className={styles.head}>
        <h2>{t.logs.facets}</h2>
        <IconButton label={t.logs.hideFacets} size={24} onClick={() => setPrefs({ facetsShown: false })}>
          <IconLayoutSidebarLeftCollapse size={16} stroke={1.6} />
        </IconButton>
      </div>
      <div className={styles.find}>
        <TextInput
          size="xs"
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
          placeholder={t.logs.addFacet}
          aria-label={t.logs.addFacet}
          leftSection={<IconSearch size={14} />}
        />
      </div>
      <div className={styles.list}>
        {facets.isPending && <Skeleton rows={10} />}
        {facets.isError && !isQueryMistake(facets.error) && (
          <ErrorState error={facets.error} onRetry={() => void facets.refetch()} />
        )}
        {facets.isSuccess && shown.length === 0 && found.length === 0 && (
          <p className={styles.note}>{t.logs.noFacets}</p>
        )}
        {shown.map((facet) => (
          <FacetGroup
            key={facet.name}
            facet={facet}
            scope={scope}
            pinned={pinnedFacets.includes(facet.name)}
            onPin={() => pin(facet.name)}
          />
        ))}
        {found.map((name) => {
          const field = fields.data?.fields.find((entry) => entry.name === name);
          return (
            <div key={name} className={styles.facet}>
              <button
                type="button"
                className={styles.nameButton}
                onClick={() => {
                  pin(name);
                  setTyped("");
                }}
              >
                <IconPlus size={14} />
                <span className={styles.nameText}>{name}</span>
                <span className={styles.count}>{formatShort(field?.records ?? 0)}</span>
              </button>
            </div>
          );
        })}
      </div>
    </aside>
  );
}
