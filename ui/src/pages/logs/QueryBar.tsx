/** The query box with its history, Run and Cancel, and what is wrong with the text. */
import { Button, Menu } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconHistory, IconPlayerPlayFilled, IconPlayerStopFilled, IconX } from "@tabler/icons-react";
import { type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import { IconButton } from "../../components/common/IconButton.tsx";
import SearchEditor from "../../components/editor/SearchEditor.tsx";
import type { EditorHandle } from "../../components/editor/useCodeMirror.ts";
import { fromCodePoints } from "../../core/query/edit.ts";
import { t } from "../../core/text.ts";
import type { Span } from "../../core/time/range.ts";
import { useAction } from "../../hooks/useActions.tsx";
import { useCompletions, useQueryProblem } from "../../hooks/useLogs.ts";
import { usePrefs } from "../../hooks/usePrefs.ts";
import styles from "./QueryBar.module.css";
import { ViewsMenu } from "./ViewsMenu.tsx";

interface Props {
  query: string;
  span: Span;
  running: boolean;
  live: boolean;
  onRun(query: string): void;
  onLive(live: boolean): void;
  onCancel(): void;
}

export function QueryBar({ query, span, running, live, onRun, onLive, onCancel }: Props): ReactNode {
  const [draft, setDraft] = useState(query);
  useEffect(() => setDraft(query), [query]);
  const [settled] = useDebouncedValue(draft, 250);
  const found = useQueryProblem(settled);
  // An old complaint must not mark new text.
  const problem = settled === draft ? found : null;
  const completions = useCompletions(span);
  const { searches } = usePrefs();
  const editor = useRef<EditorHandle>(null);
  useAction("query", () => editor.current?.focus() as undefined);
  useAction("run", () => onRun(draft) as undefined);
  const mark = useMemo(() => {
    if (!problem?.position) return null;
    const from = fromCodePoints(settled, problem.position.offset);
    return { from, to: fromCodePoints(settled, problem.position.offset + Math.max(1, problem.position.length)) };
  }, [problem, settled]);
  return (
    <>
      <div className={styles.bar} role="search">
        <div className={styles.box} data-problem={problem ? true : undefined}>
          <div className={styles.editor}>
            <SearchEditor
              ref={editor}
              value={draft}
              label={t.logs.queryLabel}
              hint={t.logs.placeholder}
              problem={mark}
              completions={completions}
              onChange={setDraft}
              onRun={onRun}
            />
          </div>
          <div className={styles.tools}>
            {draft !== "" && (
              <IconButton label={t.logs.clear} size={24} onClick={() => onRun("")}>
                <IconX size={14} />
              </IconButton>
            )}
            <Menu position="bottom-end" width={560}>
              <Menu.Target>
                <IconButton label={t.logs.history} size={24}>
                  <IconHistory size={16} stroke={1.6} />
                </IconButton>
              </Menu.Target>
              <Menu.Dropdown>
                {searches.length === 0 && <Menu.Label>{t.logs.noHistory}</Menu.Label>}
                {searches.slice(0, 12).map((entry) => (
                  <Menu.Item key={entry} onClick={() => onRun(entry)}>
                    <div className={styles.entry}>{entry}</div>
                  </Menu.Item>
                ))}
              </Menu.Dropdown>
            </Menu>
          </div>
        </div>
        {running ? (
          <Button
            size="xs"
            h={32}
            w={92}
            variant="default"
            onClick={onCancel}
            leftSection={<IconPlayerStopFilled size={14} />}
          >
            {t.logs.cancel}
          </Button>
        ) : (
          <Button size="xs" h={32} w={92} onClick={() => onRun(draft)} leftSection={<IconPlayerPlayFilled size={14} />}>
            {t.logs.run}
          </Button>
        )}
        <Button
          size="xs"
          h={32}
          variant={live ? "light" : "default"}
          aria-pressed={live}
          title={live ? t.live.stopHelp : `${t.live.startHelp} (Space)`}
          leftSection={<span className={styles.liveDot} data-on={live || undefined} aria-hidden />}
          onClick={(event) => {
            // The space bar pauses then, instead of pressing the button again.
            if (event.detail > 0) event.currentTarget.blur();
            onLive(!live);
          }}
          data-testid="live-button"
        >
          {t.live.start}
        </Button>
        <ViewsMenu />
      </div>
      {problem && (
        <div className={styles.problem} role="alert">
          {problem.message} <span>{problem.hint}</span>
        </div>
      )}
    </>
  );
}
