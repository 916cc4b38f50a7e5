import { describe, expect, it } from "vitest";
import type { PipelineSpec, PreviewRecord, ProcessorOption } from "../api/pipelines.ts";
import type { LogRecord } from "../logs/records.ts";
import * as drafts from "./draft.ts";
import * as forms from "./form.ts";
import * as history from "./history.ts";
import { flatten, outcomeOf, rowsAt, tally, textDifference } from "./preview.ts";
import { figures } from "./rates.ts";
import { begun, STARTS } from "./starts.ts";

const step = (type: string, options: Record<string, unknown> = {}) => ({
  type,
  options,
  when: "",
  name: "",
  enabled: true,
});
const spec = (name: string, ...steps: ReturnType<typeof step>[]): PipelineSpec => ({
  name,
  steps,
  when: "",
  description: "",
  enabled: true,
  tests: [],
});

describe("drafts", () => {
  it("come back as they went in", () => {
    const specs = [spec("a", step("redact"), step("drop", { query: "x" })), spec("b")];
    expect(drafts.toSpecs(drafts.toDraft(specs))).toEqual(specs);
  });

  it("move entries, never beyond the ends", () => {
    expect(drafts.moved(["a", "b", "c"], 0, 2)).toEqual(["b", "c", "a"]);
    expect(drafts.moved(["a", "b", "c"], 2, 0)).toEqual(["c", "a", "b"]);
    expect(drafts.moved(["a", "b", "c"], 1, 9)).toEqual(["a", "c", "b"]);
    expect(drafts.moved(["a", "b", "c"], 1, -4)).toEqual(["b", "a", "c"]);
    expect(drafts.moved(["a"], 5, 0)).toEqual(["a"]);
  });

  it("copy with names of their own", () => {
    const draft = drafts.toDraft([spec("web", step("redact")), spec("web-2")]);
    const copied = drafts.duplicatedPipeline(draft, draft[0]?.key ?? "");
    expect(copied.map((pipeline) => pipeline.spec.name)).toEqual(["web", "web-3", "web-2"]);
    expect(copied[1]?.steps[0]?.saved).toBe("");
    expect(new Set(copied.flatMap((entry) => [entry.key, ...entry.steps.map((one) => one.key)])).size).toBe(5);
  });

  it("change one step and leave the others the same objects", () => {
    const draft = drafts.toDraft([spec("a", step("redact"), step("drop")), spec("b")]);
    const [a] = draft;
    const next = drafts.withStep(draft, a?.key ?? "", a?.steps[1]?.key ?? "", { enabled: false });
    expect(next[0]?.steps[1]?.spec.enabled).toBe(false);
    expect(next[0]?.steps[0]).toBe(a?.steps[0]);
    expect(next[1]).toBe(draft[1]);
    expect(drafts.fingerprint(next)).not.toBe(drafts.fingerprint(draft));
  });

  it("count steps where they are once saved", () => {
    const draft = drafts.toDraft([spec("a", step("redact"), step("drop"))]);
    const swapped = drafts.withMovedStep(draft, draft[0]?.key ?? "", 0, 1);
    expect(swapped[0]?.steps.map((one) => one.saved)).toEqual(["a/1", "a/0"]);
    expect(drafts.settled(swapped)[0]?.steps.map((one) => one.saved)).toEqual(["a/0", "a/1"]);
  });

  it("know names that cannot be", () => {
    const draft = drafts.toDraft([spec("a"), spec("b")]);
    const key = draft[0]?.key ?? "";
    expect(drafts.nameProblem(draft, key, "a")).toBeNull();
    expect(drafts.nameProblem(draft, key, "b")).toBe("taken");
    expect(drafts.nameProblem(draft, key, "a b")).toBe("form");
    expect(drafts.nameProblem(draft, key, "")).toBe("form");
  });

  it("find whose fault an error is", () => {
    const draft = drafts.toDraft([spec("a"), spec("b", step("redact"), step("parse_regex"))]);
    const [a, b] = draft;
    const at = (message: string) => drafts.faultOf(draft, message);
    expect(at("pipeline `b`, step 2: `pattern` is missing.")).toMatchObject({
      pipeline: b?.key,
      step: b?.steps[1]?.key,
    });
    expect(at("Pipeline 'b', step 1 would drop every record.")).toMatchObject({ step: b?.steps[0]?.key });
    expect(at("pipeline 'a': `when`: this parenthesis is not closed.")).toMatchObject({ pipeline: a?.key, step: "" });
    expect(at("expected `str` - at `$.pipelines[1].steps[0].type`.")).toMatchObject({ step: b?.steps[0]?.key });
    expect(at("1 of the tests fail: test 'x' of pipeline 'a': record 1")).toMatchObject({ pipeline: a?.key });
    expect(at("out of memory")).toBeNull();
  });

  it("begin with something", () => {
    for (const start of STARTS) {
      const pipeline = begun(start, [], "why");
      expect(pipeline.steps.length).toBeGreaterThan(0);
      expect(drafts.nameProblem([], "", pipeline.spec.name)).toBeNull();
    }
  });
});

describe("undo", () => {
  it("goes back and forth, and a change ends the way forth", () => {
    let states = history.started(1);
    states = history.changed(history.changed(states, 2), 3);
    states = history.undone(history.undone(history.undone(states)));
    expect(states.present).toBe(1);
    states = history.redone(states);
    expect(states.present).toBe(2);
    expect(history.changed(states, 9).future).toEqual([]);
  });

  it("joins what is typed into one field", () => {
    let states = history.started("");
    for (const text of ["a", "ab", "abc"]) states = history.changed(states, text, "name");
    states = history.changed(states, "abcd", "other");
    expect(history.undone(states).present).toBe("abc");
    expect(history.undone(history.undone(states)).present).toBe("");
  });

  it("is bounded", () => {
    let states = history.started(0);
    for (let at = 1; at < 1000; at += 1) states = history.changed(states, at);
    expect(states.past.length).toBe(history.MOST_UNDO);
  });
});

describe("forms", () => {
  const option = (type: ProcessorOption["type"], by: unknown = null): ProcessorOption => ({
    name: "o",
    type,
    description: "",
    required: false,
    default: by,
    choices: [],
  });

  it("leave defaults out and keep an empty text where it differs from the default", () => {
    const text = option("string", "body");
    expect(forms.withOption({ o: "x", p: 1 }, text, "body")).toEqual({ p: 1 });
    expect(forms.withOption({}, text, forms.readText(text, ""))).toEqual({ o: "" });
    expect(forms.withOption({ o: "x" }, option("string"), forms.readText(option("string"), ""))).toEqual({});
    expect(forms.effective({}, text)).toBe("body");
    expect(forms.effective({ o: "" }, text)).toBe("");
    expect(forms.withOption({}, option("list", ["a"]), ["a"])).toEqual({});
  });

  it("read numbers, and hand on what is none", () => {
    expect(forms.readNumber(option("number"), " 0.5 ")).toBe(0.5);
    expect(forms.readNumber(option("integer"), "1.5")).toBe("1.5");
    expect(forms.readNumber(option("integer"), "")).toBeUndefined();
    expect(forms.numberProblem(option("integer"), "1.5")).toBe("integer");
    expect(forms.numberProblem(option("number"), 3)).toBeNull();
  });

  it("read durations", () => {
    for (const good of ["60s", "5m", "1.5h", "250ms"]) expect(forms.durationProblem(good)).toBe(false);
    for (const bad of ["soon", "5", "5 years"]) expect(forms.durationProblem(bad)).toBe(true);
  });

  it("read lists, with numbers where the default has numbers", () => {
    expect(forms.readList(option("list"), "a\n\n b:c \n")).toEqual(["a", " b:c "]);
    expect(forms.readList(option("list", [0.5, 1]), "0.1\n2\nx")).toEqual([0.1, 2, "x"]);
    expect(forms.readList(option("list"), " \n")).toBeUndefined();
    expect(forms.printList(["a", "b"])).toBe("a\nb");
  });

  it("read maps; typed ones keep their types through the form and back", () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the processor's own placeholders
    const values = { n: 12, t: true, text: "12", quoted: '"x"', plain: "${a} b", zero: 0 };
    expect(forms.readMap(forms.printMap(values, true), true)).toEqual(values);
    expect(forms.readMap([["n", "12"]], false)).toEqual({ n: "12" });
    expect(forms.readMap([["n", "007"]], true)).toEqual({ n: 7 });
    expect(forms.readMap([["", "lost"]], false)).toBeUndefined();
    expect(forms.readMap([["t", '"half']], true)).toEqual({ t: '"half' });
  });

  it("summarise", () => {
    expect(forms.summary(step("x", { fields: { a: "b" }, list: ["c", 1], on: true }))).toBe(
      "fields: a → b · list: c, 1 · on: true",
    );
    expect(forms.missing(step("x"), [{ ...option("string"), required: true }])).toEqual(["o"]);
  });
});

const record = (body: string, attributes: LogRecord["attributes"] = {}): LogRecord => ({
  id: "1",
  timestamp: "1",
  observed_timestamp: "1",
  service: "web",
  severity: "info",
  severity_number: 9,
  body,
  trace_id: "",
  span_id: "",
  event_name: "",
  template_id: "t",
  attributes,
  resource: { "service.name": "web" },
  scope_name: "",
  scope_version: "",
});

describe("a preview", () => {
  const tried: PreviewRecord = {
    before: record("mail a@b.c", { gone: 1 }),
    after: [record("mail [email]", { added: true })],
    steps: [
      {
        pipeline: "p",
        step: 0,
        outcome: "changed",
        changed: { body: ["mail a@b.c", "mail [email]"], template_id: ["t", "u"] },
        message: "",
      },
      {
        pipeline: "p",
        step: 2,
        outcome: "failed",
        changed: { "attributes.gone": [1, null], "attributes.added": [null, true] },
        message: "no",
      },
    ],
  };

  it("shows the whole way and each step, what changed first", () => {
    const brief = (moment: number) =>
      rowsAt(tried, moment)
        .filter((row) => row.kind !== "same")
        .map((row) => [row.field, row.kind, row.before, row.after]);
    expect(brief(0)).toEqual([
      ["body", "changed", "mail a@b.c", "mail [email]"],
      ["attributes.gone", "removed", "1", ""],
      ["attributes.added", "added", "", "true"],
    ]);
    expect(brief(1)).toEqual([["body", "changed", "mail a@b.c", "mail [email]"]]);
    expect(brief(2)).toEqual([
      ["attributes.gone", "removed", "1", ""],
      ["attributes.added", "added", "", "true"],
    ]);
    expect(rowsAt(tried, 2).find((row) => row.field === "body")?.after).toBe("mail [email]");
  });

  it("leaves out what is empty, and names fields as the server does", () => {
    expect([...flatten(record("x", { a: 1 })).keys()]).toEqual([
      "timestamp",
      "observed_timestamp",
      "service",
      "severity",
      "body",
      "attributes.a",
      "resource.service.name",
    ]);
  });

  it("counts what became of records", () => {
    const dropped: PreviewRecord = {
      before: record("x"),
      after: [],
      steps: [{ pipeline: "p", step: 0, outcome: "dropped", changed: {}, message: "" }],
    };
    expect(outcomeOf(tried)).toBe("failed");
    expect(tally([tried, dropped, { ...dropped, steps: [] }])).toEqual({
      unchanged: 1,
      changed: 0,
      dropped: 1,
      routed: 0,
      failed: 1,
    });
  });

  it("marks what differs within a text, in whole characters", () => {
    expect(textDifference("pay 4111 now", "pay [card] now")).toEqual({
      head: "pay ",
      removed: "4111",
      added: "[card]",
      tail: " now",
    });
    expect(textDifference("aa", "aaa")).toEqual({ head: "aa", removed: "", added: "a", tail: "" });
    expect(textDifference("😀x", "😁x")).toEqual({ head: "", removed: "😀", added: "😁", tail: "x" });
  });
});

describe("figures", () => {
  const at = (records_in: number, type = "redact") => [
    { pipeline: "p", step: 0, type, records_in, records_out: records_in, dropped: 1, failed: 2, seconds: 0.001 },
  ];

  it("are rates between two answers, and begin anew when a total falls", () => {
    expect(figures({ at: 3000, steps: at(500) }, { at: 1000, steps: at(100) }).get("p/0")).toEqual({
      rate: 200,
      in: 500,
      out: 500,
      dropped: 1,
      failed: 2,
      micros: 2,
    });
    expect(figures({ at: 3000, steps: at(500) }, null).get("p/0")?.rate).toBeNull();
    expect(figures({ at: 3000, steps: at(5) }, { at: 1000, steps: at(100) }).get("p/0")?.rate).toBeNull();
    expect(figures({ at: 3000, steps: at(500) }, { at: 1000, steps: at(1, "drop") }).get("p/0")?.rate).toBeNull();
  });
});
