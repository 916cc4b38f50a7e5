/** What can be done with the value of an attribute: the same verbs everywhere. They edit the query of the page, or begin one. */
import { createContext, type ReactNode, use, useMemo } from "react";
import { useNavigate } from "react-router";
import { excludeBy, filterBy, type Value, withoutStages } from "../../core/traces/traceql.ts";
import { usePagePath } from "../../hooks/usePagePath.ts";
import type { TracesTab } from "../../hooks/useTracesUrl.ts";

export type EditQuery = (change: (query: string) => string, tab: TracesTab) => void;

export interface Verbs {
  filter(field: string, value: Value): void;
  exclude(field: string, value: Value): void;
  groupBy(field: string): void;
  compare(field: string, value: Value): void;
}

const VerbsContext = createContext<EditQuery | null>(null);

export function VerbsProvider({ edit, children }: { edit: EditQuery; children: ReactNode }): ReactNode {
  return <VerbsContext value={edit}>{children}</VerbsContext>;
}

export function useVerbs(): Verbs {
  const own = use(VerbsContext);
  const navigate = useNavigate();
  const to = usePagePath();
  return useMemo(() => {
    const elsewhere: EditQuery = (change, tab) =>
      void navigate(to("/traces", { q: change(""), ...(tab !== "list" && { tab }) }));
    const edit = own ?? elsewhere;
    return {
      filter: (field, value) => edit((query) => filterBy(query, field, value), "list"),
      exclude: (field, value) => edit((query) => excludeBy(query, field, value), "list"),
      groupBy: (field) => edit((query) => `${withoutStages(query) || "{ }"} | rate() by (${field})`, "metrics"),
      compare: (field, value) => edit((query) => filterBy(withoutStages(query), field, value), "compare"),
    };
  }, [own, navigate, to]);
}
