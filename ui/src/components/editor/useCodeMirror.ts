/** CodeMirror in React, for all editors: mounts it, keeps its text and its mark those of the props, says what changes. */
import { EditorState, type Extension } from "@codemirror/state";
import { type Command, EditorView } from "@codemirror/view";
import { type Ref, type RefObject, useEffect, useImperativeHandle, useLayoutEffect, useRef } from "react";
import { type Mark, setProblem } from "./base.ts";
import "./Editor.css";

export interface EditorHandle {
  focus(): void;
}

/** What every editor is given. */
export interface EditorProps {
  value: string;
  label: string;
  problem: Mark | null;
  onChange(value: string): void;
  onRun(value: string): void;
  ref?: Ref<EditorHandle>;
}

/**
 * Returns the element to mount in. `extensions` makes all of the editor but for the listening; it is given the command that
 * runs the text. The editor is made anew when it changes. Text that comes from outside leaves the caret at `caret`.
 */
export function useCodeMirror(
  { value, problem, onChange, onRun, ref }: EditorProps,
  extensions: (run: Command) => Extension,
  caret: "start" | "end" = "end",
): RefObject<HTMLDivElement | null> {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const latest = useRef({ value, onChange, onRun });
  useLayoutEffect(() => {
    latest.current = { value, onChange, onRun };
  });
  useEffect(() => {
    if (!host.current) return;
    const run: Command = (target) => {
      latest.current.onRun(target.state.doc.toString());
      return true;
    };
    const created = new EditorView({
      parent: host.current,
      state: EditorState.create({
        doc: latest.current.value,
        extensions: [
          extensions(run),
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
  }, [extensions]);
  useEffect(() => {
    const current = view.current;
    if (current && current.state.doc.toString() !== value) {
      current.dispatch({
        changes: { from: 0, to: current.state.doc.length, insert: value },
        selection: { anchor: caret === "end" ? value.length : 0 },
      });
    }
  }, [value, caret]);
  const from = problem?.from;
  const to = problem?.to;
  useEffect(() => {
    view.current?.dispatch({ effects: setProblem.of(from === undefined || to === undefined ? null : { from, to }) });
  }, [from, to]);
  useImperativeHandle(ref, () => ({ focus: () => view.current?.focus() }), []);
  return host;
}
