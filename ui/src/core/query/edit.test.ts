import { describe, expect, it } from "vitest";
import { rank, spotAt } from "./complete.ts";
import {
  appendTerm,
  fieldTerm,
  filterTerm,
  fromCodePoints,
  hasTopLevelOr,
  localParts,
  negated,
  onlyTerm,
  type Part,
  quote,
  quoteField,
  quoteValue,
  removeTerm,
  toggleNegation,
} from "./edit.ts";
import { addToHistory, pastedId } from "./history.ts";
import { searchedWords, tokenize } from "./tokens.ts";

const part = (query: string, text: string, field = ""): Part => ({
  text: text.replace(/^[-!]/, "NOT "),
  offset: query.indexOf(text),
  length: text.length,
  field,
  negated: /^(NOT |-|!)/.test(text),
});
const types = (query: string): string[] =>
  tokenize(query).map((token) => `${token.type}:${query.slice(token.from, token.to)}`);

describe("tokens", () => {
  it("tell fields, operators, values and keywords apart", () => {
    expect(types('timeout AND service:checkout http.status_code:>=500 NOT "a phrase" conn* /re.+gex/ -x')).toEqual([
      "word:timeout",
      "keyword:AND",
      "field:service:",
      "word:checkout",
      "field:http.status_code:",
      "operator:>=",
      "number:500",
      "keyword:NOT",
      'string:"a phrase"',
      "wildcard:conn*",
      "regex:/re.+gex/",
      "keyword:-",
      "word:x",
    ]);
  });

  it("cover unfinished text", () => {
    expect(types("service:")).toEqual(["field:service:"]);
    expect(types('"open')).toEqual(['string:"open']);
    expect(types("(a OR")).toEqual(["paren:(", "word:a", "keyword:OR"]);
    expect(types('a:"b \\" c" d')).toEqual(["field:a:", 'string:"b \\" c"', "word:d"]);
    expect(types("/api/v1")).toEqual(["word:/api/v1"]);
  });

  it("never overlap and end, whatever the text", () => {
    for (const text of ["::::", '"""', "((((", "-!-!", "\\", "a:b:c:d", "/".repeat(50), "é:ü", "😀:😀 x"]) {
      let end = 0;
      for (const token of tokenize(text)) {
        expect(token.from).toBeGreaterThanOrEqual(end);
        expect(token.to).toBeGreaterThan(token.from);
        end = token.to;
      }
      expect(end).toBeLessThanOrEqual(text.length);
    }
  });

  it("name the words to highlight, not what is excluded or of another field", () => {
    expect(searchedWords('timeout "bad gateway" service:checkout body:refused NOT debug -quiet conn*')).toEqual([
      "timeout",
      "bad gateway",
      "refused",
      "conn",
    ]);
  });
});

describe("values", () => {
  it.each([
    ["checkout", "checkout"],
    ["a b", '"a b"'],
    ["OR", '"OR"'],
    ["x*y", '"x*y"'],
    ['say "hi"', '"say \\"hi\\""'],
    ["a\\b", '"a\\\\b"'],
    ["-x", '"-x"'],
    [">=5", '">=5"'],
    ["2026-11-20", "2026-11-20"],
    ["12:30", '"12:30"'],
    ["größe", "größe"],
    ["[1 TO 2]", '"[1 TO 2]"'],
  ])("%s", (value, expected) => expect(quoteValue(value)).toBe(expected));

  it("become terms", () => {
    expect(fieldTerm("service", "checkout")).toBe("service:checkout");
    expect(fieldTerm("http.status_code", 500)).toBe("http.status_code:500");
    expect(fieldTerm("ok", true)).toBe("ok:true");
    expect(fieldTerm("odd name", "x y")).toBe('"odd name":"x y"');
    expect(fieldTerm("service", "")).toBe("NOT service:*");
    expect(negated("a:b")).toBe("NOT a:b");
    expect(negated("NOT a:b")).toBe("a:b");
    expect(quote("a\nb")).toBe('"a\nb"');
    expect(quoteField("k8s.pod/name")).toBe("k8s.pod/name");
  });
});

describe("edits", () => {
  it("append without changing what is there", () => {
    expect(appendTerm("", "a:b")).toBe("a:b");
    expect(appendTerm("*", "a:b")).toBe("a:b");
    expect(appendTerm("x", "a:b")).toBe("x a:b");
    expect(appendTerm("x a:b", "a:b")).toBe("x a:b");
    expect(appendTerm("x OR y", "a:b")).toBe("(x OR y) a:b");
    expect(appendTerm("(x OR y)", "a:b")).toBe("(x OR y) a:b");
    expect(appendTerm("x a:b OR y", "a:b")).toBe("(x a:b OR y) a:b");
    expect(appendTerm("NOT a:b", "a:b")).toBe("NOT a:b a:b");
  });

  it("see OR only outside of parentheses and quotes", () => {
    expect(hasTopLevelOr("a OR b")).toBe(true);
    expect(hasTopLevelOr("(a OR b) c")).toBe(false);
    expect(hasTopLevelOr('"a OR b"')).toBe(false);
    expect(hasTopLevelOr("f:(a OR b)")).toBe(false);
  });

  it.each([
    ["a b c", "b", "a c"],
    ["a AND b AND c", "b", "a AND c"],
    ["a AND b", "a", "b"],
    ["a AND b", "b", "a"],
    ["b", "b", ""],
    ["a  NOT x:y  c", "NOT x:y", "a c"],
    ["(a OR b) AND c", "(a OR b)", "c"],
  ])("%s without %s", (query, text, expected) => expect(removeTerm(query, part(query, text))).toBe(expected));

  it("turn terms around in place", () => {
    expect(toggleNegation("a x:y c", part("a x:y c", "x:y"))).toBe("a NOT x:y c");
    expect(toggleNegation("a NOT x:y c", part("a NOT x:y c", "NOT x:y"))).toBe("a x:y c");
    expect(toggleNegation("a -x:y c", part("a -x:y c", "-x:y"))).toBe("a x:y c");
  });

  it("replace the opposite, and keep only one", () => {
    const query = "boom NOT service:a service:b";
    const parts = [part(query, "boom"), part(query, "NOT service:a", "service"), part(query, "service:b", "service")];
    expect(filterTerm(query, parts, "service:a")).toBe("boom service:b service:a");
    expect(onlyTerm(query, parts, "service", "service:c")).toBe("boom service:c");
  });

  it("translate the server's character offsets", () => {
    expect(fromCodePoints("😀 x", 2)).toBe(3);
    const [first] = localParts("😀 -x:y", [{ offset: 2, length: 4, field: "x", negated: true }]);
    expect(first).toEqual({ text: "NOT x:y", offset: 3, length: 4, field: "x", negated: true });
  });
});

describe("completion", () => {
  it.each([
    ["ser", 3, { kind: "field", from: 0, to: 3, prefix: "ser" }],
    ["service:", 8, { kind: "value", from: 8, to: 8, prefix: "", field: "service" }],
    ["service:che", 11, { kind: "value", from: 8, to: 11, prefix: "che", field: "service" }],
    ['service:"a b', 12, { kind: "value", from: 8, to: 12, prefix: "a b", field: "service" }],
    ["code:>=5", 8, { kind: "value", from: 7, to: 8, prefix: "5", field: "code" }],
    ["a  b", 2, { kind: "field", from: 2, to: 2, prefix: "" }],
    ["a AND", 5, { kind: "field", from: 5, to: 5, prefix: "" }],
  ])("%s at %d", (query, caret, expected) => expect(spotAt(query, caret)).toEqual(expected));

  it("ranks prefixes before parts", () => {
    expect(rank(["k8s.pod.name", "pod", "http.method", "apodo"], "pod")).toEqual(["pod", "k8s.pod.name", "apodo"]);
  });
});

describe("history and pasted ids", () => {
  it("keeps each query once, newest first", () => {
    expect(addToHistory(["b", "a"], " a ")).toEqual(["a", "b"]);
    expect(addToHistory(["b"], "  ")).toEqual(["b"]);
    expect(
      addToHistory(
        Array.from({ length: 80 }, (_, n) => `q${n}`),
        "new",
      ),
    ).toHaveLength(50);
  });

  it("recognises trace and span ids", () => {
    expect(pastedId("0AF7651916CD43DD8448EB211C80319C")).toEqual({
      field: "trace_id",
      id: "0af7651916cd43dd8448eb211c80319c",
    });
    expect(pastedId("0af76519-16cd-43dd-8448-eb211c80319c")?.field).toBe("trace_id");
    expect(pastedId("b7ad6b7169203331")?.field).toBe("span_id");
    expect(pastedId("1234567890123456")).toBeNull();
    expect(pastedId("0".repeat(32))).toBeNull();
    expect(pastedId("hello")).toBeNull();
  });
});
