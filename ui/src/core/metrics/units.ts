/** Units of metrics: found in metadata or in the name's suffix, printed for people. Bytes are IEC, times go from ns to days. */

export const UNITS = [
  "",
  "bytes",
  "bytes/s",
  "bits/s",
  "seconds",
  "percent",
  "ratio",
  "ops",
  "celsius",
  "hertz",
  "volts",
  "amperes",
  "watts",
  "joules",
  "meters",
  "date",
] as const;
export type Unit = (typeof UNITS)[number];

/** Those that metadata of metrics declare; the others come from functions and names. */
export const DECLARED_UNITS: readonly Unit[] = UNITS.filter(
  (unit) => !["", "bytes/s", "bits/s", "ops", "date"].includes(unit),
);

const SUFFIXES: readonly (readonly [RegExp, Unit])[] = [
  [/_(timestamp|time|created)_seconds$/, "date"],
  [/_bytes(_total)?$/, "bytes"],
  [/_seconds(_total)?$/, "seconds"],
  [/_percent$/, "percent"],
  [/_ratio$/, "ratio"],
  [/_celsius$/, "celsius"],
  [/_hertz$/, "hertz"],
  [/_volts$/, "volts"],
  [/_amperes$/, "amperes"],
  [/_watts$/, "watts"],
  [/_joules(_total)?$/, "joules"],
  [/_meters(_total)?$/, "meters"],
];

/** Units as metadata and OpenTelemetry (UCUM) write them. */
const NAMES: Readonly<Record<string, Unit>> = {
  bytes: "bytes",
  By: "bytes",
  "By/s": "bytes/s",
  "bytes/s": "bytes/s",
  "bit/s": "bits/s",
  "bits/s": "bits/s",
  seconds: "seconds",
  s: "seconds",
  percent: "percent",
  "%": "percent",
  ratio: "ratio",
  "1": "",
  "/s": "ops",
  ops: "ops",
  celsius: "celsius",
  Cel: "celsius",
  hertz: "hertz",
  Hz: "hertz",
  volts: "volts",
  V: "volts",
  amperes: "amperes",
  A: "amperes",
  watts: "watts",
  W: "watts",
  joules: "joules",
  J: "joules",
  meters: "meters",
  m: "meters",
  date: "date",
};

export function asUnit(text: string): Unit | null {
  return (UNITS as readonly string[]).includes(text) ? (text as Unit) : null;
}

/** The unit of a metric: what its metadata say, else what its name says. */
export function unitOfMetric(name: string, declared = ""): Unit {
  const known = NAMES[declared];
  if (known !== undefined && known !== "") return known;
  const family = name.replace(/_(sum|bucket)$/, "");
  return SUFFIXES.find(([suffix]) => suffix.test(family))?.[1] ?? "";
}

/** What a unit becomes a second. */
export function perSecond(unit: Unit): Unit {
  if (unit === "bytes") return "bytes/s";
  if (unit === "seconds") return "ratio";
  if (unit === "joules") return "watts";
  return unit === "" || unit === "ops" ? "ops" : unit;
}

const RATES = /\b(?:rate|irate|deriv)\s*\(/;
const COUNTS =
  /\b(?:count|count_values|count_over_time|changes|resets|absent|group|present_over_time)\b\s*(?:\(|by|without)/;
const METRIC = /[a-zA-Z_:][a-zA-Z0-9_:]*(?=\s*[{[])|[a-zA-Z_:][a-zA-Z0-9_:]*(?!\s*\()/g;

/** A guess from the text of a query, used when the server does not say. */
export function unitOfQuery(query: string): Unit {
  const bare = query.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g, '""').replace(/\{[^}]*\}/g, "{}");
  if (COUNTS.test(bare)) return "";
  const found = [...bare.matchAll(METRIC)].map((match) => unitOfMetric(match[0])).filter((unit) => unit !== "");
  const quantile = /\bhistogram_(?:quantile|avg|stddev|stdvar)\s*\(/.test(bare);
  const unit = found[0] ?? "";
  // A quotient of two of one unit has none.
  if (/\)\s*\/|\w\s*\//.test(bare) && found.length > 1 && found.every((one) => one === unit)) return "ratio";
  if (/_sum\b.*\/.*_count\b/s.test(bare)) return unit;
  if (quantile) return unit;
  // Buckets count, whatever they are of.
  if (/\w_bucket\b/.test(bare)) return RATES.test(bare) ? "ops" : "";
  return RATES.test(bare) ? perSecond(unit) : unit;
}

interface Scale {
  factor: number;
  suffix: string;
}

function stepped(value: number, base: number, names: readonly string[], gap = " "): Scale {
  let factor = 1;
  let at = 0;
  while (Math.abs(value) / factor >= base && at < names.length - 1) {
    factor *= base;
    at += 1;
  }
  const name = names[at] ?? "";
  return { factor, suffix: name === "" ? "" : gap + name };
}

const BYTES = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
const SI = ["", "k", "M", "G", "T", "P", "E"];
const SMALL: readonly (readonly [number, string])[] = [
  [1e-3, "m"],
  [1e-6, "µ"],
  [1e-9, "n"],
];

function si(value: number, name: string): Scale {
  const size = Math.abs(value);
  if (size > 0 && size < 1 && name !== "") {
    const [factor, prefix] = SMALL.find(([limit]) => size >= limit) ?? [1e-9, "n"];
    return { factor, suffix: ` ${prefix}${name}` };
  }
  const scale = stepped(value, 1000, SI, "");
  return { factor: scale.factor, suffix: name || scale.suffix ? ` ${scale.suffix}${name}` : "" };
}

function time(value: number): Scale {
  const size = Math.abs(value);
  if (size === 0) return { factor: 1, suffix: " s" };
  if (size < 1e-6) return { factor: 1e-9, suffix: " ns" };
  if (size < 1e-3) return { factor: 1e-6, suffix: " µs" };
  if (size < 1) return { factor: 1e-3, suffix: " ms" };
  if (size < 120) return { factor: 1, suffix: " s" };
  if (size < 7200) return { factor: 60, suffix: " min" };
  if (size < 172_800) return { factor: 3600, suffix: " h" };
  return { factor: 86_400, suffix: " d" };
}

const ONES: Readonly<Partial<Record<Unit, string>>> = {
  "bits/s": "bit/s",
  hertz: "Hz",
  volts: "V",
  amperes: "A",
  watts: "W",
  joules: "J",
  meters: "m",
};

/** Factor and suffix that print numbers about as large as `value`. */
function scaleOf(value: number, unit: Unit): Scale {
  if (unit === "bytes") return stepped(value, 1024, BYTES);
  if (unit === "bytes/s") {
    const scale = stepped(value, 1024, BYTES);
    return { factor: scale.factor, suffix: `${scale.suffix}/s` };
  }
  if (unit === "seconds") return time(value);
  if (unit === "percent") return { factor: 1, suffix: " %" };
  if (unit === "ratio") return { factor: 0.01, suffix: " %" };
  if (unit === "celsius") return { factor: 1, suffix: " °C" };
  if (unit === "ops") {
    const scale = stepped(value, 1000, SI, "");
    return { factor: scale.factor, suffix: `${scale.suffix ? ` ${scale.suffix}` : ""}/s` };
  }
  return si(value, ONES[unit] ?? "");
}

const three = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 3, useGrouping: false });
const four = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 4, useGrouping: false });
const plain = new Intl.NumberFormat("en-US", { maximumFractionDigits: 6, useGrouping: false });

function significant(value: number): string {
  const size = Math.abs(value);
  if (size >= 1000 && size < 10_000 && Number.isInteger(value)) return plain.format(value);
  return size !== 0 && (size < 1e-6 || size >= 1e21) ? value.toExponential(2) : four.format(value);
}

function dateText(seconds: number): string {
  const moment = new Date(seconds * 1000);
  return Number.isNaN(moment.getTime())
    ? String(seconds)
    : `${moment.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** One value with its unit: "1.5 KiB", "12.3 ms", "42 %". */
export function formatUnit(value: number | null, unit: Unit): string {
  if (value === null || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "+∞" : "−∞";
  if (unit === "date") return dateText(value);
  const size = Math.abs(value);
  // Below ten thousand all are written out: 4914 beside 5189 and not 5.189 k.
  if (unit === "" && size < 10_000 && (size >= 1000 || Number.isInteger(value))) return significant(value);
  const { factor, suffix } = scaleOf(value, unit);
  return significant(value / factor) + suffix;
}

/** Labels of an axis: all of one scale, with as many digits as tell neighbours apart. */
export function formatTicks(values: readonly number[], unit: Unit): string[] {
  if (unit === "date") return values.map((value) => dateText(value).slice(0, 10));
  const largest = values.reduce((size, value) => Math.max(size, Math.abs(value)), 0);
  const { factor, suffix } = scaleOf(largest, unit);
  const step = values.length > 1 ? Math.abs((values[1] ?? 0) - (values[0] ?? 0)) / factor : 1;
  const digits = Math.min(9, Math.max(0, Math.ceil(-Math.log10(step || 1) - 1e-9) + (needsMore(step) ? 1 : 0)));
  return values.map((value) => {
    const scaled = value / factor;
    const text = Math.abs(scaled) >= 1e6 ? three.format(scaled) : scaled.toFixed(digits);
    return Number(text) === 0 ? "0" : text + suffix;
  });
}

/** 2.5 needs a digit more than its size says. */
function needsMore(step: number): boolean {
  if (step <= 0) return false;
  const lead = step / 10 ** Math.floor(Math.log10(step) + 1e-9);
  return step < 10 && Math.abs(lead - Math.round(lead)) > 1e-6;
}

const BINARY: readonly number[] = Array.from({ length: 61 }, (_, power) => 2 ** power);
const TIMES: readonly number[] = [
  ...Array.from({ length: 30 }, (_, at) => ([1, 2, 5][at % 3] ?? 1) * 10 ** (Math.floor(at / 3) - 9)),
  10,
  15,
  20,
  30,
  60,
  120,
  300,
  600,
  900,
  1200,
  1800,
  3600,
  7200,
  10_800,
  14_400,
  21_600,
  43_200,
  86_400,
  172_800,
  432_000,
  864_000,
  1_728_000,
  4_320_000,
  8_640_000,
  86_400_000,
];

/** Distances of axis lines that are round in the unit; undefined where decimal ones are. */
export function tickSteps(unit: Unit): number[] | undefined {
  if (unit === "bytes" || unit === "bytes/s") return [...BINARY];
  if (unit === "seconds") return [...new Set(TIMES)].filter((step) => step <= 5 || step >= 10).sort((a, b) => a - b);
  return undefined;
}
