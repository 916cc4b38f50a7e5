/** Everything the address holds, one hook per concern. Running, zooming and pivoting push history; the rest replaces it. */
import { createParser, parseAsString, useQueryState, useQueryStates } from "nuqs";
import { useOptimisticSearchParams } from "nuqs/adapters/react-router/v7";
import { useMemo } from "react";
import type { PatternOrder, Same } from "../core/api/explore.ts";
import { type Against, parseAgainst } from "../core/logs/compare.ts";
import type { AuditFilter } from "../core/security/audit.ts";
import { DEFAULT_RANGE, type Range } from "../core/time/range.ts";
import {
  type Order,
  parseColumns,
  parseExpression,
  parseOrder,
  parsePatternOrder,
  parseRefresh,
  parseTab,
  printColumns,
  type Tab,
} from "../core/url/codecs.ts";

const expression = createParser<string>({ parse: parseExpression, serialize: (value) => value });
const columns = createParser<string[]>({
  parse: parseColumns,
  serialize: printColumns,
  eq: (a, b) => a.join("\n") === b.join("\n"),
});
const order = createParser<Order>({ parse: parseOrder, serialize: (value) => value });
const refresh = createParser<number>({ parse: parseRefresh, serialize: (value) => `${value}s` });

const tab = createParser<Tab>({ parse: parseTab, serialize: (value) => value });
const patternOrder = createParser<PatternOrder>({ parse: parsePatternOrder, serialize: (value) => value });
const against = createParser<Against>({ parse: parseAgainst, serialize: (value) => value });
const same = createParser<Same>({
  parse: (text) => (text === "service" || text === "stream" ? text : null),
  serialize: (value) => value,
});
const flag = createParser<boolean>({ parse: (text) => text === "1", serialize: (value) => (value ? "1" : "0") });

const timeParsers = {
  from: expression.withDefault(DEFAULT_RANGE.from),
  to: expression.withDefault(DEFAULT_RANGE.to),
};

/** All arguments of the address, also those that were set without a navigation. */
export function useSearchText(): string {
  return useOptimisticSearchParams().toString();
}

export function useUrlRange(): [Range, (range: Range) => void] {
  const [state, setState] = useQueryStates(timeParsers, { history: "push" });
  const range = useMemo(() => ({ from: state.from, to: state.to }), [state.from, state.to]);
  return [range, (next) => void setState(next)];
}

export function useUrlRefresh(): [number, (seconds: number) => void] {
  const [seconds, setSeconds] = useQueryState("refresh", refresh);
  return [seconds ?? 0, (next) => void setSeconds(next === 0 ? null : next)];
}

export function useUrlLive(): [boolean, (live: boolean) => void] {
  const [live, setLive] = useQueryState("live", flag.withDefault(false).withOptions({ history: "push" }));
  return [live, (next) => void setLive(next ? true : null)];
}

export function useUrlTenant(): [string, (tenant: string) => void] {
  const [tenant, setTenant] = useQueryState("tenant", parseAsString.withDefault("").withOptions({ history: "push" }));
  return [tenant, (next) => void setTenant(next === "" ? null : next)];
}

const logParsers = {
  q: parseAsString.withDefault("").withOptions({ history: "push" }),
  order: order.withDefault("desc"),
  cols: columns.withDefault([]),
  sel: parseAsString.withDefault(""),
  by: parseAsString.withDefault("severity"),
  tab: tab.withDefault("rows").withOptions({ history: "push" }),
  ctx: parseAsString.withDefault("").withOptions({ history: "push" }),
  same: same.withDefault("stream"),
  stat: parseAsString.withDefault(""),
  porder: patternOrder.withDefault("most"),
  since: expression.withDefault(""),
  fresh: flag.withDefault(false),
  bfrom: expression.withDefault("").withOptions({ history: "push" }),
  bto: expression.withDefault("").withOptions({ history: "push" }),
  vs: against.withDefault("before").withOptions({ history: "push" }),
  other: parseAsString.withDefault("").withOptions({ history: "push" }),
  ofrom: expression.withDefault(""),
  oto: expression.withDefault(""),
  view: parseAsString.withDefault(""),
};

export interface LogsUrl {
  q: string;
  order: Order;
  cols: string[];
  /** Id of the record in the panel. */
  sel: string;
  /** Field that the histogram is stacked by. */
  by: string;
  tab: Tab;
  /** Id of the record whose context is shown, and what its neighbours have in common with it. */
  ctx: string;
  same: Same;
  /** Field whose statistics are in the panel. */
  stat: string;
  porder: PatternOrder;
  /** Patterns never seen before this are new; "" is the start of the range. */
  since: string;
  /** New patterns only. */
  fresh: boolean;
  /** The brushed range of a comparison. */
  bfrom: string;
  bto: string;
  vs: Against;
  /** Query and range of the other side. */
  other: string;
  ofrom: string;
  oto: string;
  /** Id of the saved view that was opened. */
  view: string;
}

export function useLogsUrl(): [LogsUrl, (change: Partial<LogsUrl>) => void] {
  const [state, setState] = useQueryStates(logParsers);
  return [state, (change) => void setState(change)];
}

export function useUrlStatement(): [string, (statement: string) => void] {
  const [statement, setStatement] = useQueryState(
    "sql",
    parseAsString.withDefault("").withOptions({ history: "push" }),
  );
  return [statement, (next) => void setStatement(next === "" ? null : next)];
}

/** Id of the source of the first run. */
export function useUrlSource(): [string, (source: string) => void] {
  const [source, setSource] = useQueryState("source", parseAsString.withDefault(""));
  return [source, (next) => void setSource(next)];
}

/** What is open in a page of the settings: a user's name, a team's id, a role's name, "" for nothing. */
export function useUrlOpen(
  name: "user" | "team" | "role" | "preview" | "account" | "deletion",
): [string, (value: string) => void] {
  const [open, setOpen] = useQueryState(name, parseAsString.withDefault("").withOptions({ history: "push" }));
  return [open, (next) => void setOpen(next === "" ? null : next)];
}

/** Words that a list is filtered by. */
export function useUrlFind(): [string, (words: string) => void] {
  const [words, setWords] = useQueryState("find", parseAsString.withDefault(""));
  return [words, (next) => void setWords(next === "" ? null : next)];
}

const auditParsers = {
  text: parseAsString.withDefault(""),
  who: parseAsString.withDefault(""),
  action: parseAsString.withDefault(""),
  subject: parseAsString.withDefault(""),
  outcome: parseAsString.withDefault(""),
  start: parseAsString.withDefault(""),
  end: parseAsString.withDefault(""),
  all_tenants: parseAsString.withDefault(""),
};

/** Filters of the audit log. */
export function useUrlAudit(): [AuditFilter, (change: Partial<AuditFilter> | null) => void] {
  const [state, setState] = useQueryStates(auditParsers);
  return [state, (change) => void setState(change)];
}
