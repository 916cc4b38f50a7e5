/** The query box: coloured, completing, marking errors where they are. Enter runs, Shift+Enter breaks the line. */
import {
  acceptCompletion,
  autocompletion,
  completionKeymap,
  completionStatus,
  moveCompletionSelection,
  selectedCompletion,
} from "@codemirror/autocomplete";
import { EditorState, Prec } from "@codemirror/state";
import { EditorView, keymap, placeholder } from "@codemirror/view";
import { type ReactNode, type Ref, useEffect, useImperativeHandle, useLayoutEffect, useRef } from "react";
import { baseExtensions, type Mark, setProblem } from "./base.ts";
import "./Editor.css";
import { type CompletionSource, searchColours, searchCompletion } from "./searchLanguage.ts";

export interface EditorHandle {
  focus(): void;
}

interface Props {
  value: string;
  label: string;
  hint: string;
  problem: Mark | null;
  completions: CompletionSource;
  onChange(value: string): void;
  onRun(value: string): void;
  ref?: Ref<EditorHandle>;
}

export default function SearchEditor({
  value,
  label,
  hint,
  problem,
  completions,
  onChange,
  onRun,
  ref,
}: Props): ReactNode {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const latest = useRef({ onChange, onRun, completions });
  const initial = useRef(value);
  useLayoutEffect(() => {
    latest.current = { onChange, onRun, completions };
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
    const keys = Prec.highest(
      keymap.of([
        { key: "Tab", run: complete },
        { key: "Mod-Enter", run },
        { key: "Enter", run: (target) => (selectedCompletion(target.state) ? acceptCompletion(target) : run(target)) },
        {
          key: "Escape",
          run: (target) => {
            if (completionStatus(target.state)) return false;
            target.contentDOM.blur();
            return true;
          },
        },
      ]),
    );
    const created = new EditorView({
      parent: host.current,
      state: EditorState.create({
        doc: initial.current,
        extensions: [
          keys,
          keymap.of(completionKeymap.filter((binding) => binding.key !== "Enter")),
          autocompletion({
            override: [searchCompletion(() => latest.current.completions)],
            selectOnOpen: false,
            interactionDelay: 0,
            icons: false,
            defaultKeymap: false,
            activateOnTypingDelay: 150,
            aboveCursor: false,
          }),
          baseExtensions(label),
          placeholder(hint),
          searchColours,
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
  }, [label, hint]);

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
  return <div ref={host} data-testid="query-editor" />;
}
