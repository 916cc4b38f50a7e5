/** The TraceQL box: coloured, completing, marking errors where they are. Enter runs, Shift+Enter breaks the line. */
import type { Extension } from "@codemirror/state";
import { type Command, placeholder } from "@codemirror/view";
import { type ReactNode, useCallback, useLayoutEffect, useRef } from "react";
import { baseExtensions } from "./base.ts";
import { queryKeys } from "./queryKeys.ts";
import { type TraceNamesSource, traceColours, traceCompletion } from "./traceLanguage.ts";
import { type EditorProps, useCodeMirror } from "./useCodeMirror.ts";

interface Props extends EditorProps {
  hint: string;
  names: TraceNamesSource;
}

export default function TraceEditor(props: Props): ReactNode {
  const { label, hint, names } = props;
  const latest = useRef(names);
  useLayoutEffect(() => {
    latest.current = names;
  });
  const extensions = useCallback(
    (run: Command): Extension => [
      queryKeys(run, { override: [traceCompletion(() => latest.current)], activateOnTypingDelay: 150 }),
      baseExtensions(label),
      placeholder(hint),
      traceColours,
    ],
    [label, hint],
  );
  return <div ref={useCodeMirror(props, extensions)} data-testid="trace-editor" />;
}
