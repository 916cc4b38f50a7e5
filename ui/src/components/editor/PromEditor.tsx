/** The PromQL box: coloured, completing names, labels and values, marking errors where they are. Enter runs. */
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import type { Extension } from "@codemirror/state";
import { type Command, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { LanguageType, type PrometheusClient, promQLLanguage } from "@prometheus-io/codemirror-promql";
import { HybridComplete } from "@prometheus-io/codemirror-promql/dist/esm/complete/hybrid";
import { type ReactNode, useCallback } from "react";
import { baseExtensions } from "./base.ts";
import { queryKeys } from "./queryKeys.ts";
import { type EditorProps, useCodeMirror } from "./useCodeMirror.ts";

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.modifier, tags.operatorKeyword], class: "cm-q-keyword" },
  { tag: [tags.function(tags.variableName), tags.standard(tags.name)], class: "cm-q-keyword" },
  { tag: tags.string, class: "cm-q-string" },
  { tag: tags.number, class: "cm-q-number" },
  { tag: tags.labelName, class: "cm-q-regex" },
  { tag: [tags.variableName, tags.definition(tags.variableName)], class: "cm-q-field" },
  {
    tag: [tags.operator, tags.arithmeticOperator, tags.compareOperator, tags.paren, tags.brace],
    class: "cm-q-operator",
  },
]);

interface Props extends EditorProps {
  hint: string;
  names: PrometheusClient;
}

export default function PromEditor(props: Props): ReactNode {
  const { label, hint, names } = props;
  const extensions = useCallback(
    (run: Command): Extension => {
      // Without its linter and its own client: mistakes are found by the server, names come through our API.
      const complete = new HybridComplete(names, 50_000);
      const language = promQLLanguage(LanguageType.PromQL);
      return [
        queryKeys(run, { activateOnTypingDelay: 120, maxRenderedOptions: 100 }),
        baseExtensions(label),
        placeholder(hint),
        language,
        language.data.of({ autocomplete: complete.promQL.bind(complete) }),
        syntaxHighlighting(colours),
      ];
    },
    [label, hint, names],
  );
  return <div ref={useCodeMirror(props, extensions)} data-testid="prom-editor" />;
}
