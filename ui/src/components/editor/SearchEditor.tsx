/** The query box: coloured, completing, marking errors where they are. Enter runs, Shift+Enter breaks the line. */
import type { Extension } from "@codemirror/state";
import { type Command, placeholder } from "@codemirror/view";
import { type ReactNode, useCallback, useLayoutEffect, useRef } from "react";
import { baseExtensions } from "./base.ts";
import { queryKeys } from "./queryKeys.ts";
import { type CompletionSource, searchColours, searchCompletion } from "./searchLanguage.ts";
import { type EditorProps, useCodeMirror } from "./useCodeMirror.ts";

interface Props extends EditorProps {
  hint: string;
  completions: CompletionSource;
}

export default function SearchEditor(props: Props): ReactNode {
  const { label, hint, completions } = props;
  const latest = useRef(completions);
  useLayoutEffect(() => {
    latest.current = completions;
  });
  const extensions = useCallback(
    (run: Command): Extension => [
      queryKeys(run, {
        override: [searchCompletion(() => latest.current)],
        activateOnTypingDelay: 150,
        aboveCursor: false,
      }),
      baseExtensions(label),
      placeholder(hint),
      searchColours,
    ],
    [label, hint],
  );
  return <div ref={useCodeMirror(props, extensions)} data-testid="query-editor" />;
}
