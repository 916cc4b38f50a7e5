/** The SQL box. Mod+Enter runs. */
import { acceptCompletion, autocompletion, completionKeymap } from "@codemirror/autocomplete";
import { indentWithTab } from "@codemirror/commands";
import { SQLDialect, type SQLNamespace, sql } from "@codemirror/lang-sql";
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { EditorState, Prec } from "@codemirror/state";
import { EditorView, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { type ReactNode, useEffect, useLayoutEffect, useRef } from "react";
import { baseExtensions, type Mark, setProblem } from "./base.ts";
import "./Editor.css";

const dialect = SQLDialect.define({
  keywords:
    "select from where group by order having limit offset as and or not in between is null like ilike case when then else end distinct asc desc with union all join left right inner on using any array interval prewhere final sample over partition",
  types: "string uint8 uint16 uint32 uint64 int8 int16 int32 int64 float32 float64 datetime datetime64 date map bool",
  builtin:
    "count countif sum sumif avg min max any quantile quantiles uniq uniqexact topk grouparray tostartofminute tostartofhour tostartofday tostartofinterval now lower upper length position match extract tostring todatetime tofloat64 mapkeys mapvalues jsonextractstring formatdatetime round floor if multiif",
  doubleDollarQuotedStrings: false,
  hashComments: false,
});

const colours = HighlightStyle.define([
  { tag: tags.keyword, class: "cm-q-keyword" },
  { tag: [tags.string, tags.special(tags.string)], class: "cm-q-string" },
  { tag: [tags.number, tags.bool, tags.null], class: "cm-q-number" },
  { tag: [tags.standard(tags.name), tags.typeName], class: "cm-q-field" },
  { tag: tags.operator, class: "cm-q-operator" },
  { tag: tags.comment, class: "cm-q-paren" },
]);

interface Props {
  value: string;
  label: string;
  schema: SQLNamespace;
  problem: Mark | null;
  onChange(value: string): void;
  onRun(value: string): void;
}

export default function SqlEditor({ value, label, schema, problem, onChange, onRun }: Props): ReactNode {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const latest = useRef({ onChange, onRun });
  const initial = useRef(value);
  useLayoutEffect(() => {
    latest.current = { onChange, onRun };
  });
  useEffect(() => {
    if (!host.current) return;
    const run = (target: EditorView): boolean => {
      latest.current.onRun(target.state.doc.toString());
      return true;
    };
    const leave = (target: EditorView): boolean => {
      target.contentDOM.blur();
      return true;
    };
    const created = new EditorView({
      parent: host.current,
      state: EditorState.create({
        doc: initial.current,
        extensions: [
          Prec.highest(
            keymap.of([
              { key: "Mod-Enter", run },
              { key: "Tab", run: acceptCompletion },
            ]),
          ),
          autocompletion({ icons: false, defaultKeymap: false }),
          keymap.of([...completionKeymap, indentWithTab, { key: "Escape", run: leave }]),
          baseExtensions(label),
          lineNumbers(),
          sql({ dialect, schema, upperCaseKeywords: true }),
          syntaxHighlighting(colours),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) latest.current.onChange(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = created;
    return () => {
      view.current = null;
      created.destroy();
    };
  }, [label, schema]);
  useEffect(() => {
    const current = view.current;
    if (current && current.state.doc.toString() !== value) {
      current.dispatch({ changes: { from: 0, to: current.state.doc.length, insert: value } });
    }
  }, [value]);
  const from = problem?.from;
  const to = problem?.to;
  useEffect(() => {
    view.current?.dispatch({ effects: setProblem.of(from === undefined || to === undefined ? null : { from, to }) });
  }, [from, to]);
  return <div ref={host} data-testid="sql-editor" />;
}
