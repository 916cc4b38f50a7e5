/** Everything the address holds, one hook per concern. Running, zooming and pivoting push history; the rest replaces it. */
import { createParser, parseAsString, useQueryState, useQueryStates } from "nuqs";
import { useMemo } from "react";
import { DEFAULT_RANGE, type Range } from "../core/time/range.ts";
import {
  type Order,
  parseColumns,
  parseExpression,
  parseOrder,
  parseRefresh,
  printColumns,
} from "../core/url/codecs.ts";

const expression = createParser<string>({ parse: parseExpression, serialize: (value) => value });
const columns = createParser<string[]>({
  parse: parseColumns,
  serialize: printColumns,
  eq: (a, b) => a.join("\n") === b.join("\n"),
});
const order = createParser<Order>({ parse: parseOrder, serialize: (value) => value });
const refresh = createParser<number>({ parse: parseRefresh, serialize: (value) => `${value}s` });

const timeParsers = {
  from: expression.withDefault(DEFAULT_RANGE.from),
  to: expression.withDefault(DEFAULT_RANGE.to),
};

export function useUrlRange(): [Range, (range: Range) => void] {
  const [state, setState] = useQueryStates(timeParsers, { history: "push" });
  const range = useMemo(() => ({ from: state.from, to: state.to }), [state.from, state.to]);
  return [range, (next) => void setState(next)];
}

export function useUrlRefresh(): [number, (seconds: number) => void] {
  const [seconds, setSeconds] = useQueryState("refresh", refresh);
  return [seconds ?? 0, (next) => void setSeconds(next === 0 ? null : next)];
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
};

export interface LogsUrl {
  q: string;
  order: Order;
  cols: string[];
  /** Id of the record in the panel. */
  sel: string;
  /** Field that the histogram is stacked by. */
  by: string;
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
