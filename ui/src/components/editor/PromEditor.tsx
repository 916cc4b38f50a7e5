/** The PromQL box: coloured, completing names, labels and values, marking errors where they are. Enter runs. */
import {
  acceptCompletion,
  autocompletion,
  completionKeymap,
  completionStatus,
  moveCompletionSelection,
  selectedCompletion,
} from "@codemirror/autocomplete";
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { EditorState, Prec } from "@codemirror/state";
import { EditorView, keymap, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { type PrometheusClient, PromQLExtension } from "@prometheus-io/codemirror-promql";
import { type ReactNode, type Ref, useEffect, useImperativeHandle, useLayoutEffect, useRef } from "react";
import { baseExtensions, type Mark, setProblem } from "./base.ts";
import "./Editor.css";

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

export interface PromHandle {
  focus(): void;
}

interface Props {
  value: string;
  label: string;
  hint: string;
  problem: Mark | null;
  names: PrometheusClient;
  onChange(value: string): void;
  onRun(value: string): void;
  ref?: Ref<PromHandle>;
}

export default function PromEditor({ value, label, hint, problem, names, onChange, onRun, ref }: Props): ReactNode {
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
    const complete = (target: EditorView): boolean => {
      if (completionStatus(target.state) !== "active") return false;
      if (!selectedCompletion(target.state)) moveCompletionSelection(true)(target);
      return acceptCompletion(target);
    };
    const promql = new PromQLExtension()
      .activateLinter(false)
      .setComplete({ remote: names, maxMetricsMetadata: 50_000 });
    const created = new EditorView({
      parent: host.current,
      state: EditorState.create({
        doc: initial.current,
        extensions: [
          Prec.highest(
            keymap.of([
              { key: "Tab", run: complete },
              { key: "Mod-Enter", run },
              {
                key: "Enter",
                run: (target) => (selectedCompletion(target.state) ? acceptCompletion(target) : run(target)),
              },
              {
                key: "Escape",
                run: (target) => {
                  if (completionStatus(target.state)) return false;
                  target.contentDOM.blur();
                  return true;
                },
              },
            ]),
          ),
          keymap.of(completionKeymap.filter((binding) => binding.key !== "Enter")),
          autocompletion({
            selectOnOpen: false,
            interactionDelay: 0,
            icons: false,
            defaultKeymap: false,
            activateOnTypingDelay: 120,
            maxRenderedOptions: 100,
          }),
          baseExtensions(label),
          placeholder(hint),
          promql.asExtension(),
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
  }, [label, hint, names]);
  useEffect(() => {
    const current = view.current;
    if (current && current.state.doc.toString() !== value) {
      current.dispatch({
        changes: { from: 0, to: current.state.doc.length, insert: value },
        selection: { anchor: value.length },
      });
    }
  }, [value]);
  const from = problem?.from;
  const to = problem?.to;
  useEffect(() => {
    view.current?.dispatch({ effects: setProblem.of(from === undefined || to === undefined ? null : { from, to }) });
  }, [from, to]);
  useImperativeHandle(ref, () => ({ focus: () => view.current?.focus() }), []);
  return <div ref={host} data-testid="prom-editor" />;
}
