/**
 * A forgiving reading of TraceQL, for colours, completion and edits of the text. The server parses for real. What is not
 * understood here stays as it was typed. Offsets are UTF-16 units.
 */

export type TokenType =
  | "brace"
  | "paren"
  | "field"
  | "keyword"
  | "operator"
  | "string"
  | "number"
  | "pipe"
  | "comma"
  | "word";

export interface Token {
  type: TokenType;
  from: number;
  to: number;
}

export const INTRINSICS = [
  "name",
  "duration",
  "status",
  "kind",
  "statusMessage",
  "rootName",
  "rootServiceName",
  "traceDuration",
  "trace:id",
  "span:id",
  "span:parentID",
  "span:childCount",
  "event:name",
  "event:timeSinceStart",
  "link:traceID",
  "link:spanID",
  "instrumentation:name",
  "instrumentation:version",
] as const;
export const STATUS_VALUES = ["error", "ok", "unset"] as const;
export const KIND_VALUES = ["server", "client", "internal", "producer", "consumer", "unspecified"] as const;
/** Functions behind a pipe that take spansets, and those that make series. */
export const STAGES = ["count()", "avg()", "min()", "max()", "sum()", "by()", "select()", "coalesce()"] as const;
export const METRIC_STAGES = [
  "rate()",
  "count_over_time()",
  "quantile_over_time()",
  "histogram_over_time()",
  "avg_over_time()",
  "min_over_time()",
  "max_over_time()",
  "sum_over_time()",
] as const;

export const SERVICE = "resource.service.name";

const WORDS = new Set<string>([...STATUS_VALUES, ...KIND_VALUES, "true", "false", "nil"]);
const PATTERNS: readonly [TokenType, RegExp][] = [
  ["string", /"(?:[^"\\]|\\.)*"?|`[^`]*`?/y],
  [
    "field",
    /(?:(?:span|resource|event|link|instrumentation|parent)(?:\.(?:span|resource))?)?\.(?:"(?:[^"\\]|\\.)*"?|[^\s"`{}()=!<>~|&,+*^%])+|(?:trace|span|event|link|instrumentation):\w+/y,
  ],
  ["number", /\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h)?(?:\d+(?:ns|us|µs|ms|s|m|h))*/y],
  ["operator", /&>>|&<<|!>>|!<<|&&|\|\||&>|&<|&~|!=|=~|!~|>=|<=|>>|<<|[=<>!~+\-*/%^]/y],
  ["pipe", /\|/y],
  ["brace", /[{}]/y],
  ["paren", /[()]/y],
  ["comma", /,/y],
  ["word", /[A-Za-z_]\w*/y],
  ["word", /[^\s]/y],
];

export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < text.length; ) {
    if (/\s/.test(text[at] ?? "")) {
      at += 1;
      continue;
    }
    for (const [type, pattern] of PATTERNS) {
      pattern.lastIndex = at;
      const match = pattern.exec(text);
      if (!match) continue;
      const word = match[0];
      const kind =
        type !== "word"
          ? type
          : (INTRINSICS as readonly string[]).includes(word)
            ? "field"
            : WORDS.has(word) || /^\s*\(/.test(text.slice(at + word.length)) || word === "with" || word === "by"
              ? "keyword"
              : "word";
      tokens.push({ type: kind, from: at, to: at + word.length });
      at += word.length;
      break;
    }
  }
  return tokens;
}

/** One spanset with nothing before it: `{ … }`, or `{ … } | …`. */
interface Shape {
  /** Behind the opening brace and before the closing one. */
  from: number;
  to: number;
  /** Conditions joined by `&&` outside of all parentheses. */
  parts: { from: number; to: number }[];
  /** A `||` joins them. */
  either: boolean;
}

/** Where the first spanset pipeline ends, and whether the text begins with exactly one spanset; null when it does not. */
function shapeOf(text: string): Shape | null {
  const tokens = tokenize(text);
  const raw = (token: Token | undefined): string => (token ? text.slice(token.from, token.to) : "");
  if (raw(tokens[0]) !== "{") return null;
  let depth = 0;
  let either = false;
  const cuts: { from: number; to: number }[] = [];
  let close = -1;
  for (let at = 1; at < tokens.length; at += 1) {
    const token = tokens[at] as Token;
    const word = raw(token);
    if (word === "(") depth += 1;
    else if (word === ")") depth -= 1;
    else if (word === "{") return null;
    else if (word === "}") {
      close = at;
      break;
    } else if (depth === 0 && word === "&&") cuts.push(token);
    else if (depth === 0 && word === "||") either = true;
  }
  if (close < 0) return null;
  const after = tokens[close + 1];
  if (after && after.type !== "pipe") return null;
  const [from, to] = [tokens[0]?.to ?? 1, tokens[close]?.from ?? text.length];
  const bounds = either ? [] : cuts;
  const edges = [from, ...bounds.flatMap((cut) => [cut.from, cut.to]), to];
  const parts: Shape["parts"] = [];
  for (let at = 0; at < edges.length; at += 2) {
    const [begin, end] = [edges[at] ?? 0, edges[at + 1] ?? 0];
    const part = text.slice(begin, end);
    if (part.trim() === "") continue;
    parts.push({ from: begin + part.length - part.trimStart().length, to: begin + part.trimEnd().length });
  }
  return { from, to, parts, either };
}

export interface Condition {
  text: string;
  from: number;
  to: number;
  /** "" when it is no comparison of a field with a value. */
  field: string;
  op: string;
  /** As written. */
  value: string;
  negated: boolean;
}

/** The conditions that all have to hold, where the query is one spanset; none otherwise. */
export function conditions(text: string): Condition[] {
  const shape = shapeOf(text);
  return (shape?.parts ?? []).map(({ from, to }) => ({
    text: text.slice(from, to),
    from,
    to,
    ...comparison(text.slice(from, to)),
  }));
}

function comparison(text: string): Pick<Condition, "field" | "op" | "value" | "negated"> {
  const tokens = tokenize(text);
  const raw = (at: number): string => text.slice(tokens[at]?.from ?? 0, tokens[at]?.to ?? 0);
  if (raw(0) === "!" && raw(1) === "(" && raw(tokens.length - 1) === ")") {
    const inner = comparison(text.slice(tokens[1]?.to ?? 0, tokens[tokens.length - 1]?.from ?? 0));
    if (inner.field !== "" && !inner.negated) return { ...inner, negated: true };
  }
  const simple = tokens.length === 3 && tokens[0]?.type === "field" && tokens[1]?.type === "operator";
  if (!simple) return { field: "", op: "", value: "", negated: false };
  return { field: raw(0), op: raw(1), value: raw(2), negated: raw(1) === "!=" || raw(1) === "!~" };
}

/** The text of a quoted value, others as they are. */
export function plainValue(value: string): string {
  if (value.startsWith("`")) return value.replaceAll("`", "");
  return value.startsWith('"') ? value.replace(/^"|"$/g, "").replace(/\\(.)/g, "$1") : value;
}

export type Value = string | number | boolean;

export function quote(text: string): string {
  return `"${text.replace(/[\\"]/g, "\\$&").replace(/\n/g, "\\n")}"`;
}

const SCOPES = new Set(["span", "resource", "event", "link", "instrumentation"]);

/** `span.http.method`; names that cannot be spelled stand in quotes. Intrinsics have no scope. */
export function fieldOf(scope: string, name: string): string {
  if (scope === "intrinsic" || scope === "") return name === "service" ? SERVICE : name;
  const prefix = SCOPES.has(scope) ? scope : "";
  return /^[\w.\-/:@]+$/.test(name) ? `${prefix}.${name}` : `${prefix}.${quote(name)}`;
}

/** Scope and name of a field as it is written. */
export function splitField(field: string): { scope: string; name: string } {
  const match = /^(span|resource|event|link|instrumentation)?\.(.+)$/s.exec(field);
  if (!match) return { scope: "intrinsic", name: field };
  return { scope: match[1] ?? "", name: plainValue(match[2] ?? "") };
}

function literal(field: string, value: Value): string {
  if (typeof value !== "string") return String(value);
  if (field === "status" || field === "kind") return value;
  if (/duration$/i.test(field) && /^\d/.test(value)) return value;
  return quote(value);
}

/** Every span has these, so "not equal" says the opposite of "equal". */
function always(field: string): boolean {
  return field === SERVICE || field === "name" || field === "status" || field === "kind" || field === "duration";
}

export function equals(field: string, value: Value): string {
  return `${field} = ${literal(field, value)}`;
}

/** Holds where `equals` does not, also for spans that have no such field. */
export function differs(field: string, value: Value): string {
  return always(field) ? `${field} != ${literal(field, value)}` : `!(${equals(field, value)})`;
}

/** The query with one more condition; other conditions and the stages behind them stay as they were typed. */
export function addCondition(text: string, condition: string): string {
  const query = text.trim();
  if (query === "") return `{ ${condition} }`;
  const shape = shapeOf(query);
  if (shape) {
    const inside = query.slice(shape.from, shape.to).trim();
    if (conditions(query).some((one) => one.text === condition)) return query;
    const all =
      inside === "" || inside === "true"
        ? condition
        : shape.either
          ? `(${inside}) && ${condition}`
          : `${inside} && ${condition}`;
    return `${query.slice(0, shape.from)} ${all} ${query.slice(shape.to)}`;
  }
  const pipe = topLevelPipe(query);
  const [sets, rest] = pipe < 0 ? [query, ""] : [query.slice(0, pipe).trim(), ` ${query.slice(pipe)}`];
  return `(${sets}) && { ${condition} }${rest}`;
}

function topLevelPipe(text: string): number {
  let depth = 0;
  for (const token of tokenize(text)) {
    const word = text.slice(token.from, token.to);
    if (word === "(" || word === "{") depth += 1;
    else if (word === ")" || word === "}") depth -= 1;
    else if (depth === 0 && token.type === "pipe") return token.from;
  }
  return -1;
}

export function removeCondition(text: string, condition: Pick<Condition, "from" | "to">): string {
  const shape = shapeOf(text);
  if (!shape) return text;
  const rest = shape.parts
    .filter((part) => part.from !== condition.from)
    .map((part) => text.slice(part.from, part.to))
    .join(" && ");
  return `${text.slice(0, shape.from)}${rest === "" ? "" : ` ${rest} `}${text.slice(shape.to)}`.trim();
}

export function replaceCondition(text: string, condition: Pick<Condition, "from" | "to">, by: string): string {
  return text.slice(0, condition.from) + by + text.slice(condition.to);
}

/** Turns a condition around. */
export function negate(condition: Condition): string {
  const { field, op, value, text, negated } = condition;
  const opposite: Record<string, string> = { "!=": "=", "!~": "=~" };
  if (negated && opposite[op]) return `${field} ${opposite[op]} ${value}`;
  if (negated) return text.replace(/^!\s*\(\s*/, "").replace(/\s*\)$/, "");
  if (field !== "" && always(field) && op === "=") return `${field} != ${value}`;
  return `!(${text})`;
}

/** Filter: an opposite condition gives way. */
export function filterBy(text: string, field: string, value: Value): string {
  const against = conditions(text).find((one) => one.text === differs(field, value));
  return addCondition(against ? removeCondition(text, against) : text, equals(field, value));
}

export function excludeBy(text: string, field: string, value: Value): string {
  const against = conditions(text).find((one) => one.text === equals(field, value));
  return addCondition(against ? removeCondition(text, against) : text, differs(field, value));
}

/** Drops every condition on the field and sets this one. */
export function onlyBy(text: string, field: string, value: Value): string {
  let query = text;
  for (let own = conditions(query).find((one) => one.field === field); own; ) {
    query = removeCondition(query, own);
    own = conditions(query).find((one) => one.field === field);
  }
  return addCondition(query, equals(field, value));
}

export function findCondition(text: string, field: string, value: Value): Condition | undefined {
  return conditions(text).find((one) => one.text === equals(field, value));
}

// ------------------------------------------------------------------------------------------------------------- the form

export interface FormRow {
  field: string;
  op: string;
  value: string;
}

export interface SearchForm {
  service: string;
  operation: string;
  min: string;
  max: string;
  status: string;
  attributes: FormRow[];
  /** Conditions that the form cannot show; they stay. */
  others: string[];
  /** The query is more than one spanset: the form would not say what it means. */
  possible: boolean;
}

export const FORM_OPERATORS = ["=", "!=", "=~", "!~", ">", ">=", "<", "<="] as const;

interface Slot {
  name: "service" | "operation" | "min" | "max" | "status";
  field: string;
  ops: readonly string[];
  write: string;
}

const SLOTS: readonly Slot[] = [
  { name: "service", field: SERVICE, ops: ["="], write: "=" },
  { name: "operation", field: "name", ops: ["="], write: "=" },
  { name: "min", field: "duration", ops: [">=", ">"], write: ">=" },
  { name: "max", field: "duration", ops: ["<=", "<"], write: "<=" },
  { name: "status", field: "status", ops: ["="], write: "=" },
];

function slotOf(condition: Condition): Slot | undefined {
  return SLOTS.find((slot) => slot.field === condition.field && slot.ops.includes(condition.op));
}

export function readForm(text: string): SearchForm {
  const form: SearchForm = {
    service: "",
    operation: "",
    min: "",
    max: "",
    status: "",
    attributes: [],
    others: [],
    possible: text.trim() === "" || shapeOf(text.trim()) !== null,
  };
  for (const condition of conditions(text.trim())) {
    const slot = slotOf(condition);
    if (slot && form[slot.name] === "") form[slot.name] = plainValue(condition.value);
    else if (condition.field !== "" && !condition.text.startsWith("!"))
      form.attributes.push({ field: condition.field, op: condition.op, value: plainValue(condition.value) });
    else form.others.push(condition.text);
  }
  return form;
}

/** A value as it is typed into the form: numbers, true and false are themselves, the rest is text. */
function typed(field: string, value: string): string {
  if (/^-?\d+(\.\d+)?(ns|us|µs|ms|s|m|h)?$/.test(value) || value === "true" || value === "false" || value === "nil")
    return value;
  return literal(field, value);
}

/** The query with one field of the form changed; "" takes its condition away. */
export function setSlot(text: string, name: Slot["name"], value: string): string {
  const slot = SLOTS.find((one) => one.name === name) as Slot;
  const query = text.trim();
  const own = conditions(query).find((one) => slotOf(one)?.name === name);
  const wanted =
    value === ""
      ? ""
      : `${slot.field} ${slot.write} ${slot.field === "duration" || slot.field === "status" ? value : quote(value)}`;
  if (own) return wanted === "" ? removeCondition(query, own) : replaceCondition(query, own, wanted);
  return wanted === "" ? query : addCondition(query, wanted);
}

/** The same for one of its rows of attributes; a new row has the index behind the last. */
export function setRow(text: string, index: number, row: FormRow | null): string {
  const query = text.trim();
  const taken = new Set<string>();
  const own = conditions(query).filter((one) => {
    const slot = slotOf(one);
    if (slot && !taken.has(slot.name)) {
      taken.add(slot.name);
      return false;
    }
    return one.field !== "" && !one.text.startsWith("!");
  })[index];
  if (row === null) return own ? removeCondition(query, own) : query;
  const wanted = `${row.field} ${row.op} ${typed(row.field, row.value)}`;
  return own ? replaceCondition(query, own, wanted) : addCondition(query, wanted);
}

// -------------------------------------------------------------------------------------------------------- the completion

export type Spot =
  | { kind: "field"; from: number; to: number; prefix: string }
  | { kind: "value"; from: number; to: number; prefix: string; field: string }
  | { kind: "stage"; from: number; to: number; prefix: string }
  | { kind: "start"; from: number; to: number; prefix: string };

const COMPARES = new Set(["=", "!=", "=~", "!~", ">", ">=", "<", "<="]);

export function spotAt(text: string, caret: number): Spot | null {
  const tokens = tokenize(text.slice(0, caret));
  const raw = (token: Token | undefined): string => (token ? text.slice(token.from, token.to) : "");
  if (tokens.length === 0) return { kind: "start", from: caret, to: caret, prefix: "" };
  const last = tokens[tokens.length - 1] as Token;
  const touching = last.to === caret && /^(field|word|string|number|keyword)$/.test(last.type);
  const before = touching ? tokens.slice(0, -1) : tokens;
  const [from, prefix] = touching ? [last.from, raw(last)] : [caret, ""];
  const rest = /^[\w.-]*/.exec(text.slice(caret))?.[0].length ?? 0;
  const spot = { from, to: touching ? caret + rest : caret, prefix };
  let [brace, paren] = [0, 0];
  for (const token of before) {
    const word = raw(token);
    if (token.type === "brace") brace += word === "{" ? 1 : -1;
    else if (token.type === "paren") paren += word === "(" ? 1 : -1;
  }
  const previous = before[before.length - 1];
  if (brace === 0 && previous?.type === "pipe") return { kind: "stage", ...spot };
  if (brace === 0 && paren === 0) return before.length === 0 ? { kind: "start", ...spot } : null;
  const field = before[before.length - 2];
  if (previous && COMPARES.has(raw(previous)))
    return field?.type === "field" ? { kind: "value", ...spot, field: raw(field) } : null;
  const opens = !previous || ["brace", "paren", "comma"].includes(previous.type) || /^(&&|\|\||!)$/.test(raw(previous));
  return opens && raw(previous) !== ")" ? { kind: "field", ...spot } : null;
}

/** Does the query make series rather than find traces? */
export function makesSeries(text: string): boolean {
  return /\|\s*(rate|\w+_over_time|compare)\s*\(/.test(text);
}

/** The conditions of a query without the stages behind them: what a heatmap or facets are about. */
export function withoutStages(text: string): string {
  const at = topLevelPipe(text);
  return at < 0 ? text.trim() : text.slice(0, at).trim();
}

/** ns as TraceQL spells a duration exactly enough: three digits. */
export function durationText(ns: number): string {
  for (const [unit, size] of [
    ["s", 1e9],
    ["ms", 1e6],
    ["us", 1e3],
  ] as const)
    if (ns >= size) return `${Number((ns / size).toPrecision(4))}${unit}`;
  return `${Math.max(0, Math.round(ns))}ns`;
}
