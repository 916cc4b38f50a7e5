import { describe, expect, it } from "vitest";
import {
  addCondition,
  conditions,
  differs,
  durationText,
  equals,
  excludeBy,
  fieldOf,
  filterBy,
  findCondition,
  makesSeries,
  negate,
  onlyBy,
  readForm,
  removeCondition,
  setRow,
  setSlot,
  splitField,
  spotAt,
  tokenize,
  withoutStages,
} from "./traceql.ts";

const words = (text: string): string[] =>
  tokenize(text).map((token) => `${token.type}:${text.slice(token.from, token.to)}`);

describe("tokens", () => {
  it("are told apart", () => {
    expect(words('{ span.http.status_code>=500 && .foo-bar = "a b" } | count() > 2')).toEqual([
      "brace:{",
      "field:span.http.status_code",
      "operator:>=",
      "number:500",
      "operator:&&",
      "field:.foo-bar",
      "operator:=",
      'string:"a b"',
      "brace:}",
      "pipe:|",
      "keyword:count",
      "paren:(",
      "paren:)",
      "operator:>",
      "number:2",
    ]);
    expect(words('{resource."a b"=~`x.*`}>>{status=error&&duration>1.5ms}')).toEqual([
      "brace:{",
      'field:resource."a b"',
      "operator:=~",
      "string:`x.*`",
      "brace:}",
      "operator:>>",
      "brace:{",
      "field:status",
      "operator:=",
      "keyword:error",
      "operator:&&",
      "field:duration",
      "operator:>",
      "number:1.5ms",
      "brace:}",
    ]);
    expect(words('{ "open')).toEqual(["brace:{", 'string:"open']);
  });
});

describe("conditions", () => {
  it("are those joined by && of one spanset", () => {
    const found = conditions('{ name = "GET /" && (status = error || kind = server) && !(span.a = 1) } | count() > 1');
    expect(found.map((one) => one.text)).toEqual([
      'name = "GET /"',
      "(status = error || kind = server)",
      "!(span.a = 1)",
    ]);
    expect(found[0]).toMatchObject({ field: "name", op: "=", value: '"GET /"', negated: false });
    expect(found[1]).toMatchObject({ field: "" });
    expect(found[2]).toMatchObject({ field: "span.a", negated: true });
    expect(conditions("{ a } >> { b }")).toEqual([]);
    expect(conditions("{ status = error || kind = server }").length).toBe(1);
  });

  it("are added without touching the rest", () => {
    expect(addCondition("", "status = error")).toBe("{ status = error }");
    expect(addCondition("{}", "status = error")).toBe("{ status = error }");
    expect(addCondition("{ name = `x` } | rate()", "status = error")).toBe("{ name = `x` && status = error } | rate()");
    expect(addCondition("{ kind = server || kind = client }", "status = error")).toBe(
      "{ (kind = server || kind = client) && status = error }",
    );
    expect(addCondition("{ kind = server } >> { kind = client } | count() > 2", "status = error")).toBe(
      "({ kind = server } >> { kind = client }) && { status = error } | count() > 2",
    );
    expect(addCondition("{ status = error }", "status = error")).toBe("{ status = error }");
  });

  it("are taken away and turned around", () => {
    const query = '{ name = "x" && span.a = 1 && status = error }';
    const [first, second, third] = conditions(query);
    expect(removeCondition(query, second ?? { from: 0, to: 0 })).toBe('{ name = "x" && status = error }');
    expect(removeCondition("{ status = error }", { from: 2, to: 16 })).toBe("{}");
    expect(first && negate(first)).toBe('name != "x"');
    expect(second && negate(second)).toBe("!(span.a = 1)");
    expect(third && negate(third)).toBe("status != error");
    const [back] = conditions("{ !(span.a = 1) }");
    expect(back && negate(back)).toBe("span.a = 1");
  });

  it("say the same as filter, exclude and only", () => {
    expect(equals("resource.service.name", 'a"b')).toBe('resource.service.name = "a\\"b"');
    expect(differs("span.http.method", "GET")).toBe('!(span.http.method = "GET")');
    const query = filterBy("", "span.http.method", "GET");
    expect(query).toBe('{ span.http.method = "GET" }');
    expect(excludeBy(query, "span.http.method", "GET")).toBe('{ !(span.http.method = "GET") }');
    expect(filterBy('{ !(span.http.method = "GET") }', "span.http.method", "GET")).toBe(query);
    expect(onlyBy("{ span.a = 1 && status = error && span.a != 2 }", "span.a", 3)).toBe(
      "{ status = error && span.a = 3 }",
    );
    expect(findCondition(query, "span.http.method", "GET")?.from).toBe(2);
  });

  it("have fields with scopes", () => {
    expect(fieldOf("span", "http.method")).toBe("span.http.method");
    expect(fieldOf("resource", "my attribute")).toBe('resource."my attribute"');
    expect(fieldOf("intrinsic", "duration")).toBe("duration");
    expect(splitField('resource."my attribute"')).toEqual({ scope: "resource", name: "my attribute" });
    expect(splitField("status")).toEqual({ scope: "intrinsic", name: "status" });
    expect(splitField(".a.b")).toEqual({ scope: "", name: "a.b" });
  });
});

describe("the form", () => {
  const query =
    '{ resource.service.name = "pay" && duration >= 10ms && span.http.status_code >= 500 && (kind = server || kind = client) } | count() > 1';

  it("reads what it can and leaves the rest", () => {
    expect(readForm(query)).toEqual({
      service: "pay",
      operation: "",
      min: "10ms",
      max: "",
      status: "",
      attributes: [{ field: "span.http.status_code", op: ">=", value: "500" }],
      others: ["(kind = server || kind = client)"],
      possible: true,
    });
    expect(readForm("{ status = error } >> { status = ok }").possible).toBe(false);
    expect(readForm("").possible).toBe(true);
  });

  it("edits the same text", () => {
    expect(setSlot("", "service", "pay")).toBe('{ resource.service.name = "pay" }');
    expect(setSlot(query, "service", "cart")).toBe(query.replace('"pay"', '"cart"'));
    expect(setSlot(query, "min", "")).toBe(query.replace(" && duration >= 10ms", ""));
    expect(setSlot("{ status = error }", "max", "2s")).toBe("{ status = error && duration <= 2s }");
    expect(setRow(query, 0, { field: "span.http.status_code", op: "=", value: "404" })).toBe(
      query.replace(">= 500", "= 404"),
    );
    expect(setRow("{ status = error }", 0, { field: "span.user", op: "=", value: "ann b" })).toBe(
      '{ status = error && span.user = "ann b" }',
    );
    expect(setRow(query, 0, null)).toBe(query.replace(" && span.http.status_code >= 500", ""));
  });
});

describe("completion", () => {
  const at = (text: string): unknown => {
    const caret = text.indexOf("^");
    const spot = spotAt(text.replace("^", ""), caret);
    return spot && { kind: spot.kind, prefix: spot.prefix, ...("field" in spot && { field: spot.field }) };
  };

  it("knows what may stand where", () => {
    expect(at("^")).toEqual({ kind: "start", prefix: "" });
    expect(at("{ ^")).toEqual({ kind: "field", prefix: "" });
    expect(at("{ span.ht^")).toEqual({ kind: "field", prefix: "span.ht" });
    expect(at("{ span.http.method = ^")).toEqual({ kind: "value", prefix: "", field: "span.http.method" });
    expect(at('{ span.http.method = "GE^')).toEqual({ kind: "value", prefix: '"GE', field: "span.http.method" });
    expect(at("{ status = er^ }")).toEqual({ kind: "value", prefix: "er", field: "status" });
    expect(at("{ status = error && na^")).toEqual({ kind: "field", prefix: "na" });
    expect(at("{ status = error } | ra^")).toEqual({ kind: "stage", prefix: "ra" });
    expect(at("{ status = error } | rate() by (^")).toEqual({ kind: "field", prefix: "" });
    expect(at("{ status = error ^")).toBeNull();
  });
});

describe("queries", () => {
  it("find traces or make series", () => {
    expect(makesSeries("{} | rate() by (name)")).toBe(true);
    expect(makesSeries("{} | quantile_over_time(duration, .9)")).toBe(true);
    expect(makesSeries("{} | count() > 1")).toBe(false);
    expect(withoutStages("{ status = error } | rate()")).toBe("{ status = error }");
    expect(withoutStages("{ name = `a|b` }")).toBe("{ name = `a|b` }");
    expect(durationText(1_500_000)).toBe("1.5ms");
    expect(durationText(999)).toBe("999ns");
    expect(durationText(2.5e9)).toBe("2.5s");
  });
});
