/** What the address holds of the metrics and targets pages. Picking, running and zooming push history; the rest replaces it. */
import { createParser, parseAsString, useQueryStates } from "nuqs";
import type { CatalogOrder, Health } from "../core/api/metrics.ts";
import {
  type ChartStyle,
  type Period,
  parsePeriod,
  parseQueries,
  parseStep,
  parseStyle,
  printQueries,
  type QueryLine,
} from "../core/metrics/queries.ts";
import { asUnit, type Unit } from "../core/metrics/units.ts";

export type MetricsTab = "browse" | "query";
export type ResultView = "chart" | "table";

const one = <T extends string>(...allowed: T[]) =>
  createParser<T>({
    parse: (text) => ((allowed as string[]).includes(text) ? (text as T) : null),
    serialize: (value) => value,
  });
const flag = createParser<boolean>({ parse: (text) => text === "1", serialize: (value) => (value ? "1" : "0") });
const count = createParser<number>({
  parse: (text) => (/^\d{1,3}$/.test(text) && Number(text) > 0 ? Number(text) : null),
  serialize: String,
});

const parsers = {
  tab: one<MetricsTab>("browse", "query").withDefault("browse").withOptions({ history: "push" }),
  metric: parseAsString.withDefault("").withOptions({ history: "push" }),
  by: parseAsString.withDefault("").withOptions({ history: "push" }),
  same: flag.withDefault(true),
  find: parseAsString.withDefault(""),
  kind: parseAsString.withDefault(""),
  munit: parseAsString.withDefault(""),
  morder: one<CatalogOrder>("name", "series", "last").withDefault("name"),
  q: createParser<QueryLine[]>({
    parse: parseQueries,
    serialize: printQueries,
    eq: (a, b) => printQueries(a) === printQueries(b),
  })
    .withDefault([{ query: "", legend: "", hidden: false }])
    .withOptions({ history: "push" }),
  view: one<ResultView>("chart", "table").withDefault("chart"),
  style: createParser<ChartStyle>({ parse: parseStyle, serialize: (value) => value }).withDefault("line"),
  unit: createParser<Unit | "auto">({
    parse: (text) => (text === "auto" ? text : asUnit(text)),
    serialize: String,
  }).withDefault("auto"),
  step: createParser<string>({
    parse: (text) => (parseStep(text) === null ? null : text),
    serialize: (value) => value,
  }).withDefault(""),
  vs: createParser<Period>({ parse: parsePeriod, serialize: (value) => value }),
  ex: flag.withDefault(false),
  line: createParser<number>({
    parse: (text) => (text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : null),
    serialize: String,
  }),
  top: count.withDefault(20),
  panel: parseAsString.withDefault("").withOptions({ history: "push" }),
};

export interface MetricsUrl {
  tab: MetricsTab;
  /** The metric that is looked at, and the label that it is split by. */
  metric: string;
  by: string;
  /** Small multiples have one scale. */
  same: boolean;
  find: string;
  kind: string;
  munit: string;
  morder: CatalogOrder;
  q: QueryLine[];
  view: ResultView;
  style: ChartStyle;
  unit: Unit | "auto";
  step: string;
  vs: Period | null;
  /** Exemplars are shown. */
  ex: boolean;
  /** A threshold. */
  line: number | null;
  top: number;
  /** "logs", "logs:{labels as JSON}", "trace:ID@ms". */
  panel: string;
}

export function useMetricsUrl(): [MetricsUrl, (change: Partial<MetricsUrl>) => void] {
  const [state, setState] = useQueryStates(parsers);
  return [state, (change) => void setState(change)];
}

const targetParsers = {
  find: parseAsString.withDefault(""),
  health: one<Health>("up", "down", "unknown"),
  pool: parseAsString.withDefault(""),
  target: parseAsString.withDefault("").withOptions({ history: "push" }),
  dropped: parseAsString.withDefault("").withOptions({ history: "push" }),
};

export interface TargetsUrl {
  find: string;
  health: Health | null;
  pool: string;
  /** Id of the target in the panel, and the pool whose dropped ones are in it. */
  target: string;
  dropped: string;
}

export function useTargetsUrl(): [TargetsUrl, (change: Partial<TargetsUrl>) => void] {
  const [state, setState] = useQueryStates(targetParsers);
  return [state, (change) => void setState(change)];
}
