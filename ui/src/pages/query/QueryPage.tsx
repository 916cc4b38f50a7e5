/** The SQL workbench: edit, run, stop, look at the result, see what ran, take it away. */
import { Button, Menu, Popover } from "@mantine/core";
import { IconDownload, IconHistory, IconPlayerPlayFilled, IconPlayerStopFilled } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useMemo, useRef, useState } from "react";
import { CopyTextButton } from "../../components/common/CopyButton.tsx";
import { download } from "../../components/common/download.ts";
import { IconButton } from "../../components/common/IconButton.tsx";
import { ErrorState, Skeleton, State } from "../../components/common/State.tsx";
import SqlEditor from "../../components/editor/SqlEditor.tsx";
import { newQueryId } from "../../core/api/client.ts";
import { ApiError, isCancelled } from "../../core/api/errors.ts";
import type { SqlAnswer } from "../../core/api/types.ts";
import { toCsv } from "../../core/csv.ts";
import { formatBytes, formatDuration, formatShort } from "../../core/format.ts";
import { fromCodePoints } from "../../core/query/edit.ts";
import { addToHistory } from "../../core/query/history.ts";
import { EXAMPLES, LOGS_VIEW } from "../../core/sql.ts";
import { t } from "../../core/text.ts";
import { useAction } from "../../hooks/useActions.tsx";
import { useApi } from "../../hooks/useApi.tsx";
import { usePrefs, useSetPrefs } from "../../hooks/usePrefs.ts";
import { useUrlStatement } from "../../hooks/useUrlState.ts";
import status from "../logs/StatusLine.module.css";
import styles from "./QueryPage.module.css";
import { ResultTable } from "./ResultTable.tsx";

const LIMIT = 10_000;
const SCHEMA = { logs: LOGS_VIEW.map((column) => column.name) };

type Outcome =
  | { kind: "idle" }
  | { kind: "running"; id: string }
  | { kind: "done"; answer: SqlAnswer; statement: string }
  | { kind: "failed"; error: unknown; statement: string };

function useStatement(): { outcome: Outcome; run(statement: string): Promise<void>; stop(): void } {
  const api = useApi();
  const [outcome, setOutcome] = useState<Outcome>({ kind: "idle" });
  const abort = useRef<AbortController | null>(null);
  const run = async (statement: string): Promise<void> => {
    abort.current?.abort();
    const controller = new AbortController();
    abort.current = controller;
    const id = newQueryId();
    setOutcome({ kind: "running", id });
    try {
      const answer = await api.sql({ query: statement, limit: LIMIT, query_id: id }, controller.signal);
      setOutcome({ kind: "done", answer, statement });
    } catch (error) {
      if (controller !== abort.current) return;
      setOutcome(isCancelled(error) ? { kind: "idle" } : { kind: "failed", error, statement });
    }
  };
  const stop = (): void => {
    if (outcome.kind === "running") void api.cancel(outcome.id).catch(() => undefined);
    abort.current?.abort();
  };
  return { outcome, run, stop };
}

function DownloadMenu({ answer }: { answer: SqlAnswer }): ReactNode {
  const names = answer.columns.map((column) => column.name);
  const objects = (): Record<string, unknown>[] =>
    answer.rows.map((row) => Object.fromEntries(names.map((name, index) => [name, row[index]])));
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <IconButton label={t.query.csv}>
          <IconDownload size={16} stroke={1.6} />
        </IconButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => download("result.csv", "text/csv", toCsv(names, answer.rows))}>
          {t.query.csv}
        </Menu.Item>
        <Menu.Item onClick={() => download("result.json", "application/json", JSON.stringify(objects(), null, 2))}>
          {t.query.json}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

function RanSql({ statement }: { statement: string }): ReactNode {
  const api = useApi();
  const explain = useQuery({
    queryKey: ["sql-explain", statement],
    retry: false,
    queryFn: ({ signal }) => api.explain({ query: statement, language: "sql" }, signal),
  });
  if (explain.isPending) return <Skeleton rows={4} />;
  if (explain.isError) return <ErrorState error={explain.error} />;
  const text = explain.data.sql.join(";\n\n");
  return (
    <>
      <div className={status.sqlHead}>
        <h3>{t.query.showSql}</h3>
        <CopyTextButton text={text} />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: scrollable with the keyboard */}
      <pre className={status.sql} tabIndex={0}>
        {text}
      </pre>
    </>
  );
}

function Result({ outcome, onRetry }: { outcome: Outcome; onRetry(): void }): ReactNode {
  if (outcome.kind === "idle") return <State title={t.query.empty}>{t.query.help}</State>;
  if (outcome.kind === "running") return <Skeleton rows={12} label={t.logs.running} />;
  if (outcome.kind === "failed") return <ErrorState error={outcome.error} title={t.error.title} onRetry={onRetry} />;
  return outcome.answer.rows.length === 0 ? <State title={t.query.noRows} /> : <ResultTable answer={outcome.answer} />;
}

export function QueryPage(): ReactNode {
  const [statement, setStatement] = useUrlStatement();
  const [draft, setDraft] = useState(statement || (EXAMPLES[0]?.sql ?? ""));
  const { statements } = usePrefs();
  const setPrefs = useSetPrefs();
  const { outcome, run, stop } = useStatement();
  const start = (text: string): void => {
    if (text.trim() === "") return;
    setDraft(text);
    setStatement(text);
    setPrefs((prefs) => ({ statements: addToHistory(prefs.statements, text) }));
    void run(text);
  };
  useAction("run", () => start(draft) as undefined);
  const error =
    outcome.kind === "failed" && outcome.error instanceof ApiError && outcome.statement === draft
      ? outcome.error
      : null;
  const problem = useMemo(() => {
    if (!error?.position) return null;
    const from = fromCodePoints(draft, error.position.offset);
    return { from, to: fromCodePoints(draft, error.position.offset + Math.max(1, error.position.length)) };
  }, [error, draft]);
  const answer = outcome.kind === "done" ? outcome.answer : null;
  return (
    <div className={styles.page}>
      <div className={styles.top}>
        <div className={styles.editor}>
          <SqlEditor
            value={draft}
            label={t.query.label}
            schema={SCHEMA}
            problem={problem}
            onChange={setDraft}
            onRun={start}
          />
        </div>
        <aside className={styles.columns} aria-label={t.query.columns}>
          <h2>{t.query.columns}</h2>
          <dl tabIndex={0} aria-label={t.query.columns}>
            {LOGS_VIEW.map((column) => (
              <div key={column.name} style={{ display: "contents" }}>
                <dt>{column.name}</dt>
                <dd title={column.type}>{column.type}</dd>
              </div>
            ))}
          </dl>
        </aside>
      </div>
      <div className={styles.bar}>
        {outcome.kind === "running" ? (
          <Button size="xs" variant="default" onClick={stop} leftSection={<IconPlayerStopFilled size={14} />}>
            {t.query.stop}
          </Button>
        ) : (
          <Button size="xs" onClick={() => start(draft)} leftSection={<IconPlayerPlayFilled size={14} />}>
            {t.query.run}
          </Button>
        )}
        <Menu position="bottom-start">
          <Menu.Target>
            <Button size="xs" variant="default">
              {t.query.examples}
            </Button>
          </Menu.Target>
          <Menu.Dropdown>
            {EXAMPLES.map((example) => (
              <Menu.Item key={example.title} onClick={() => start(example.sql)}>
                {example.title}
              </Menu.Item>
            ))}
          </Menu.Dropdown>
        </Menu>
        <Menu position="bottom-start" width={560}>
          <Menu.Target>
            <IconButton label={t.query.history}>
              <IconHistory size={16} stroke={1.6} />
            </IconButton>
          </Menu.Target>
          <Menu.Dropdown>
            {statements.length === 0 && <Menu.Label>{t.logs.noHistory}</Menu.Label>}
            {statements.slice(0, 12).map((entry) => (
              <Menu.Item key={entry} onClick={() => start(entry)}>
                <div className={styles.statement}>{entry.replace(/\s+/g, " ")}</div>
              </Menu.Item>
            ))}
          </Menu.Dropdown>
        </Menu>
        <span className={styles.space} />
        <span className={styles.muted} aria-live="polite" data-testid="sql-status">
          {answer &&
            `${t.query.rows(answer.rows.length)} · ${formatDuration(answer.statistics.elapsed_ms)} · ${formatShort(answer.statistics.rows_read)} ${t.logs.rowsRead.toLowerCase()} · ${formatBytes(answer.statistics.bytes_read)}`}
        </span>
        {outcome.kind === "done" && (
          <>
            <Popover position="bottom-end" width={640}>
              <Popover.Target>
                <Button size="xs" variant="default">
                  {t.query.showSql}
                </Button>
              </Popover.Target>
              <Popover.Dropdown aria-label={t.query.showSql}>
                <RanSql statement={outcome.statement} />
              </Popover.Dropdown>
            </Popover>
            <DownloadMenu answer={outcome.answer} />
          </>
        )}
      </div>
      {answer && answer.rows.length >= LIMIT && <div className={status.banner}>{t.query.cut(LIMIT)}</div>}
      {outcome.kind === "done" && outcome.answer.rows.length > 0 ? (
        <Result outcome={outcome} onRetry={() => start(draft)} />
      ) : (
        <div>
          <Result outcome={outcome} onRetry={() => start(draft)} />
        </div>
      )}
    </div>
  );
}

export { QueryPage as Component };
