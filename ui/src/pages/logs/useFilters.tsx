/** The one set of verbs for values: filter, exclude, only, column, copy. They edit the text of the query. */
import { createContext, type ReactNode, use, useMemo } from "react";
import type { AttributeValue } from "../../core/logs/records.ts";
import {
  type FilterValue,
  fieldTerm,
  filterTerm,
  negated,
  onlyTerm,
  type Part,
  removeTerm,
} from "../../core/query/edit.ts";

export interface Filters {
  parts: Part[];
  columns: string[];
  filter(field: string, value: FilterValue): void;
  exclude(field: string, value: FilterValue): void;
  only(field: string, value: FilterValue): void;
  /** The term of the query that says this, if there is one. */
  find(field: string, value: FilterValue): Part | undefined;
  remove(part: Part): void;
  toggleColumn(field: string): void;
  /** What the same stream wrote around a record; undefined where there is no such view. */
  openContext?: (id: string) => void;
  /** Statistics of a field, in the panel. */
  openField?: (field: string) => void;
  /** The trace that a record belongs to, in the panel. */
  openTrace?: (trace: string, span: string) => void;
}

const FiltersContext = createContext<Filters | null>(null);

interface Props {
  query: string;
  parts: Part[];
  columns: string[];
  onQuery(query: string): void;
  onColumns(columns: string[]): void;
  onContext?: (id: string) => void;
  onField?: (field: string) => void;
  onTrace?: (trace: string, span: string) => void;
  children: ReactNode;
}

export function FiltersProvider(props: Props): ReactNode {
  const { query, parts, columns, onQuery, onColumns, onContext, onField, onTrace, children } = props;
  const value = useMemo<Filters>(
    () => ({
      parts,
      columns,
      filter: (field, wanted) => onQuery(filterTerm(query, parts, fieldTerm(field, wanted))),
      exclude: (field, wanted) => onQuery(filterTerm(query, parts, negated(fieldTerm(field, wanted)))),
      only: (field, wanted) => onQuery(onlyTerm(query, parts, field, fieldTerm(field, wanted))),
      find: (field, wanted) => parts.find((part) => part.text === fieldTerm(field, wanted)),
      remove: (part) => onQuery(removeTerm(query, part)),
      toggleColumn: (field) =>
        onColumns(columns.includes(field) ? columns.filter((name) => name !== field) : [...columns, field]),
      openContext: onContext,
      openField: onField,
      openTrace: onTrace,
    }),
    [query, parts, columns, onQuery, onColumns, onContext, onField, onTrace],
  );
  return <FiltersContext value={value}>{children}</FiltersContext>;
}

export function useFilters(): Filters {
  const filters = use(FiltersContext);
  if (!filters) throw new Error("useFilters needs a FiltersProvider above it");
  return filters;
}

/** Objects and lists cannot be filtered by; everything else can. */
export function asFilterValue(value: AttributeValue | undefined): FilterValue | null {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : null;
}
