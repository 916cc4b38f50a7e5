/** The SQL box. Mod+Enter runs. */
import { acceptCompletion, autocompletion, completionKeymap } from "@codemirror/autocomplete";
import { indentWithTab } from "@codemirror/commands";
import { SQLDialect, type SQLNamespace, sql } from "@codemirror/lang-sql";
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { type Extension, Prec } from "@codemirror/state";
import { type Command, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { type ReactNode, useCallback } from "react";
import { baseExtensions } from "./base.ts";
import { type EditorProps, useCodeMirror } from "./useCodeMirror.ts";

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

const leave: Command = (target) => {
  target.contentDOM.blur();
  return true;
};

interface Props extends EditorProps {
  schema: SQLNamespace;
}

export default function SqlEditor(props: Props): ReactNode {
  const { label, schema } = props;
  const extensions = useCallback(
    (run: Command): Extension => [
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
    ],
    [label, schema],
  );
  // A statement is read from its beginning.
  return <div ref={useCodeMirror(props, extensions, "start")} data-testid="sql-editor" />;
}
