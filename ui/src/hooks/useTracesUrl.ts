/** What the address holds of the pages of traces and services. Searching, opening and zooming push history; the rest replaces it. */
import { createParser, parseAsString, useQueryStates } from "nuqs";
import { TRACE_ORDERS, type TraceOrder } from "../core/api/traces.ts";
import { GROUPINGS, type Grouping } from "../core/services/graph.ts";
import { SERVICE_ORDERS, type ServiceOrder } from "../core/services/services.ts";
import {
  BELOW,
  FIRST_VIEW,
  parseZoom,
  printZoom,
  TRACE_VIEWS,
  type TraceView,
  type TraceViewName,
} from "../core/traces/view.ts";
import { parseColumns, parseExpression, printColumns } from "../core/url/codecs.ts";

const one = <T extends string>(allowed: readonly T[]) =>
  createParser<T>({
    parse: (text) => ((allowed as readonly string[]).includes(text) ? (text as T) : null),
    serialize: (value) => value,
  });
const flag = createParser<boolean>({ parse: (text) => text === "1", serialize: (value) => (value ? "1" : "0") });
const names = createParser<string[]>({
  parse: parseColumns,
  serialize: printColumns,
  eq: (a, b) => a.join("\n") === b.join("\n"),
});
const expression = createParser<string>({ parse: parseExpression, serialize: (value) => value });
const share = createParser<number>({
  parse: (text) => ((BELOW as readonly number[]).includes(Number(text)) ? Number(text) : null),
  serialize: String,
});
const zoom = createParser<[number, number]>({
  parse: parseZoom,
  serialize: printZoom,
  eq: (a, b) => a[0] === b[0] && a[1] === b[1],
});
const push = { history: "push" } as const;

const traceParsers = {
  view: one<TraceViewName>(TRACE_VIEWS).withDefault(FIRST_VIEW.view).withOptions(push),
  span: parseAsString.withDefault(""),
  find: parseAsString.withDefault(""),
  below: share.withDefault(0),
  without: names.withDefault([]),
  withoutKinds: names.withDefault([]),
  errors: flag.withDefault(false),
  path: flag.withDefault(true),
  pathOnly: flag.withDefault(false),
  repeated: flag.withDefault(true),
  zoom: zoom.withDefault(FIRST_VIEW.zoom),
  other: parseAsString.withDefault("").withOptions(push),
};

export function useTraceUrl(): [TraceView, (change: Partial<TraceView>) => void] {
  const [state, setState] = useQueryStates(traceParsers);
  return [state, (change) => void setState(change)];
}

export const TRACES_TABS = ["list", "compare", "metrics"] as const;
export type TracesTab = (typeof TRACES_TABS)[number];

const searchParsers = {
  q: parseAsString.withDefault("").withOptions(push),
  tab: one<TracesTab>(TRACES_TABS).withDefault("list").withOptions(push),
  order: one<TraceOrder>(TRACE_ORDERS).withDefault("newest"),
  form: flag.withDefault(true),
  heat: one(["all", "errors"] as const).withDefault("all"),
  more: flag.withDefault(false),
  bfrom: expression.withDefault("").withOptions(push),
  bto: expression.withDefault("").withOptions(push),
  bmin: parseAsString.withDefault("").withOptions(push),
  bmax: parseAsString.withDefault("").withOptions(push),
};

export interface TracesUrl {
  q: string;
  tab: TracesTab;
  order: TraceOrder;
  /** The form is shown. */
  form: boolean;
  heat: "all" | "errors";
  /** More traces than at first. */
  more: boolean;
  /** The box on the heatmap: its times, and its durations as TraceQL spells them. */
  bfrom: string;
  bto: string;
  bmin: string;
  bmax: string;
}

export function useTracesUrl(): [TracesUrl, (change: Partial<TracesUrl>) => void] {
  const [state, setState] = useQueryStates(searchParsers);
  return [state, (change) => void setState(change)];
}

export const SERVICE_VIEWS = ["list", "map"] as const;
export type ServiceView = (typeof SERVICE_VIEWS)[number];

export const MAP_PERIODS = ["none", "previous", "day", "week"] as const;
export type MapPeriod = (typeof MAP_PERIODS)[number];

const servicesParsers = {
  view: one<ServiceView>(SERVICE_VIEWS).withDefault("list").withOptions(push),
  find: parseAsString.withDefault(""),
  sort: one<ServiceOrder>(SERVICE_ORDERS).withDefault("requestRate"),
  down: flag.withDefault(true),
  focus: parseAsString.withDefault("").withOptions(push),
  hops: one(["1", "2", "3"] as const).withDefault("1"),
  group: one<Grouping>(GROUPINGS).withDefault("none"),
  without: names.withDefault([]),
  at: expression.withDefault(""),
  vs: one<MapPeriod>(MAP_PERIODS).withDefault("none"),
};

export interface ServicesUrl {
  view: ServiceView;
  find: string;
  sort: ServiceOrder;
  down: boolean;
  focus: string;
  hops: "1" | "2" | "3";
  group: Grouping;
  /** Types of nodes that are left out. */
  without: string[];
  /** The map as of then, and compared with then. */
  at: string;
  vs: MapPeriod;
}

export function useServicesUrl(): [ServicesUrl, (change: Partial<ServicesUrl>) => void] {
  const [state, setState] = useQueryStates(servicesParsers);
  return [state, (change) => void setState(change)];
}

export const SERVICE_TABS = [
  "overview",
  "operations",
  "dependencies",
  "errors",
  "logs",
  "traces",
  "deployments",
] as const;
export type ServiceTab = (typeof SERVICE_TABS)[number];
export const QUANTILES = ["all", "typical", "slow", "slowest"] as const;
export type QuantileChoice = (typeof QUANTILES)[number];

const serviceParsers = {
  tab: one<ServiceTab>(SERVICE_TABS).withDefault("overview").withOptions(push),
  operation: parseAsString.withDefault(""),
  slow: one<QuantileChoice>(QUANTILES).withDefault("slow"),
};

export interface ServiceUrl {
  tab: ServiceTab;
  operation: string;
  slow: QuantileChoice;
}

export function useServiceUrl(): [ServiceUrl, (change: Partial<ServiceUrl>) => void] {
  const [state, setState] = useQueryStates(serviceParsers);
  return [state, (change) => void setState(change)];
}
