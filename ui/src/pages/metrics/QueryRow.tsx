/** One query: editor, what is wrong with it, what it does in words, what it costs, and its legend. */
import { Menu, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import {
  IconArrowDown,
  IconArrowUp,
  IconCopy,
  IconDots,
  IconEye,
  IconEyeOff,
  IconIndentIncrease,
  IconMessage,
  IconTerminal,
  IconTrash,
} from "@tabler/icons-react";
import { lazy, type ReactNode, type Ref, Suspense, useEffect, useMemo, useState } from "react";
import { IconButton } from "../../components/common/IconButton.tsx";
import type { EditorHandle } from "../../components/editor/useCodeMirror.ts";
import { ApiError } from "../../core/api/errors.ts";
import type { MetricExplanation } from "../../core/api/metrics.ts";
import { asCurl, type QueryLine } from "../../core/metrics/queries.ts";
import { m } from "../../core/metricsText.ts";
import { fromCodePoints } from "../../core/query/edit.ts";
import { t } from "../../core/text.ts";
import { toMs } from "../../core/time/instant.ts";
import type { Span } from "../../core/time/range.ts";
import { useCopy } from "../../hooks/useCopy.ts";
import { type MetricNames, problemIn, useMetricExplain } from "../../hooks/useMetrics.ts";
import { useUrlTenant } from "../../hooks/useUrlState.ts";
import styles from "./QueryView.module.css";

const PromEditor = lazy(() => import("../../components/editor/PromEditor.tsx"));

/** Samples from which on a query is called expensive. */
const COSTLY = 50_000_000;

interface Props {
  letter: string;
  line: QueryLine;
  span: Span;
  step: number;
  points: number;
  names: MetricNames;
  /** Why the query as it is here did not run. */
  failure: Error | null;
  alone: boolean;
  place: { first: boolean; last: boolean };
  onDraft(query: string): void;
  onChange(edit: Partial<QueryLine>): void;
  onRun(query: string): void;
  onDuplicate: (() => void) | null;
  onRemove(): void;
  onMove(by: -1 | 1): void;
  ref?: Ref<EditorHandle> | undefined;
}

export function QueryRow(props: Props): ReactNode {
  const { letter, line, span, step, points, names, failure, alone, place, ref } = props;
  const { onDraft, onChange, onRun, onDuplicate, onRemove, onMove } = props;
  const [tenant] = useUrlTenant();
  const copy = useCopy();
  const [words, setWords] = useState(false);
  const [legend, setLegend] = useState(line.legend);
  const [naming, setNaming] = useState(false);
  useEffect(() => setLegend(line.legend), [line.legend]);
  const [settled] = useDebouncedValue(line.query, 300);
  const explain = useMetricExplain({ query: settled, span, step, points: Math.max(100, points) });
  const fresh = settled === line.query && !explain.isPlaceholderData;
  const wrong = fresh ? problemIn(explain) : null;
  const failed = failure instanceof ApiError ? failure : null;
  const problem = wrong ?? (failed?.position ? failed : null);
  const said = wrong ?? failed;
  const mark = useMemo(() => {
    if (!problem?.position) return null;
    const { offset, length } = problem.position;
    return { from: fromCodePoints(settled, offset), to: fromCodePoints(settled, offset + Math.max(1, length)) };
  }, [problem, settled]);
  const known = fresh && explain.data ? explain.data : null;
  const curl = (): string =>
    asCurl(
      location.origin,
      {
        query: line.query,
        from: toMs(span.from) / 1000,
        to: toMs(span.to) / 1000,
        step: step || Math.max(1, Math.ceil((toMs(span.to) - toMs(span.from)) / 1000 / Math.max(100, points))),
        instant: false,
      },
      tenant,
    );
  return (
    <section
      className={styles.query}
      aria-label={m.editor(letter)}
      data-hidden={line.hidden || undefined}
      data-testid="query-row"
    >
      <span className={styles.letter} aria-hidden>
        {letter}
      </span>
      <div className={styles.body}>
        <div className={styles.box} data-problem={said ? true : undefined}>
          <Suspense fallback={<code className={styles.plain}>{line.query || m.placeholder}</code>}>
            <PromEditor
              {...(ref ? { ref } : {})}
              value={line.query}
              label={m.editor(letter)}
              hint={m.placeholder}
              problem={mark}
              names={names}
              onChange={onDraft}
              onRun={onRun}
            />
          </Suspense>
        </div>
        {said && (
          <div className={styles.problem} role="alert" data-testid="query-problem">
            {said.message} <span>{said.hint}</span>
          </div>
        )}
        {known && !said && line.query.trim() !== "" && (
          <div className={styles.cost} data-testid="query-cost">
            {m.estimate(known.estimate.series, known.estimate.samples, known.estimate.bytes)}
            {known.estimate.samples > COSTLY && <b> {m.costly}</b>}
            {line.legend !== "" && !naming && (
              <>
                {" · "}
                <button type="button" className={styles.textButton} onClick={() => setNaming(true)}>
                  {m.legendIs(line.legend)}
                </button>
              </>
            )}
          </div>
        )}
        {words && known && <Words known={known} query={line.query} onFormat={(query) => onRun(query)} />}
        {naming && (
          <TextInput
            size="xs"
            className={styles.legend}
            label={m.legend}
            aria-label={m.legendFor(letter)}
            title={m.legendHelp}
            placeholder={m.legendHint}
            value={legend}
            onChange={(event) => setLegend(event.currentTarget.value)}
            onBlur={() => legend !== line.legend && onChange({ legend })}
            onKeyDown={(event) => event.key === "Enter" && legend !== line.legend && onChange({ legend })}
          />
        )}
      </div>
      <div className={styles.rowTools}>
        <IconButton
          label={m.explainHelp}
          aria-pressed={words}
          variant={words ? "light" : "subtle"}
          color={words ? "nexus" : "gray"}
          onClick={() => setWords(!words)}
        >
          <IconMessage size={16} stroke={1.6} />
        </IconButton>
        <IconButton
          label={line.hidden ? m.show : m.hide}
          aria-pressed={line.hidden}
          onClick={() => onChange({ hidden: !line.hidden })}
        >
          {line.hidden ? <IconEyeOff size={16} stroke={1.6} /> : <IconEye size={16} stroke={1.6} />}
        </IconButton>
        <Menu position="bottom-end">
          <Menu.Target>
            <IconButton label={m.actions(letter)}>
              <IconDots size={16} stroke={1.6} />
            </IconButton>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item leftSection={<IconIndentIncrease size={14} />} onClick={() => setNaming(true)}>
              {m.legend}
            </Menu.Item>
            {onDuplicate && (
              <Menu.Item leftSection={<IconCopy size={14} />} onClick={onDuplicate}>
                {m.duplicate}
              </Menu.Item>
            )}
            <Menu.Item leftSection={<IconTerminal size={14} />} onClick={() => void copy(curl(), t.copiedShort)}>
              {m.copyCurl}
            </Menu.Item>
            {!place.first && (
              <Menu.Item leftSection={<IconArrowUp size={14} />} onClick={() => onMove(-1)}>
                {m.moveUp}
              </Menu.Item>
            )}
            {!place.last && (
              <Menu.Item leftSection={<IconArrowDown size={14} />} onClick={() => onMove(1)}>
                {m.moveDown}
              </Menu.Item>
            )}
            {!alone && (
              <Menu.Item color="red" leftSection={<IconTrash size={14} />} onClick={onRemove}>
                {m.remove}
              </Menu.Item>
            )}
          </Menu.Dropdown>
        </Menu>
      </div>
    </section>
  );
}

/** The tree of the query, a sentence a node. */
function Words({
  known,
  query,
  onFormat,
}: {
  known: MetricExplanation;
  query: string;
  onFormat(query: string): void;
}): ReactNode {
  return (
    <div className={styles.words} data-testid="query-words">
      <ul>
        {known.words.map((word, index) => (
          <li key={index} style={{ paddingLeft: word.depth * 18 }}>
            {word.text}
            {word.length > 0 && <code>{part(query, word.offset, word.length)}</code>}
          </li>
        ))}
      </ul>
      {known.pretty !== "" && known.pretty !== query && (
        <button type="button" className={styles.textButton} onClick={() => onFormat(known.pretty)}>
          {m.format}
        </button>
      )}
      {[...known.warnings, ...known.infos].map((text) => (
        <p key={text} className={styles.note}>
          {text}
        </p>
      ))}
    </div>
  );
}

function part(query: string, offset: number, length: number): string {
  const text = query.slice(fromCodePoints(query, offset), fromCodePoints(query, offset + length)).replace(/\s+/g, " ");
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}
