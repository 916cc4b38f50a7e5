/** What the same stream wrote before and after a record. The query does not apply, and that is said. */
import { Button, SegmentedControl, TextInput } from "@mantine/core";
import { IconArrowLeft, IconFocus2, IconSearch } from "@tabler/icons-react";
import { useVirtualizer } from "@tanstack/react-virtual";
import {
  type KeyboardEvent,
  type MouseEvent,
  type ReactNode,
  type RefObject,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import { IconButton } from "../../components/common/IconButton.tsx";
import { ErrorState, Skeleton, State } from "../../components/common/State.tsx";
import { hasAnsi } from "../../core/ansi.ts";
import { ApiError } from "../../core/api/errors.ts";
import type { Same } from "../../core/api/explore.ts";
import type { LogRecord } from "../../core/api/types.ts";
import { formatValue } from "../../core/format.ts";
import { contextLines, formatDistance } from "../../core/logs/context.ts";
import { joinLines, LINE_CHARACTERS } from "../../core/logs/records.ts";
import { asSeverity, SEVERITY_LETTER } from "../../core/logs/severity.ts";
import { ROW_HEIGHT } from "../../core/prefs.ts";
import { t } from "../../core/text.ts";
import { formatClock, formatDate } from "../../core/time/format.ts";
import { fromNsText } from "../../core/time/instant.ts";
import { useAction } from "../../hooks/useActions.tsx";
import { CONTEXT_MORE, useContextLines } from "../../hooks/useExplore.ts";
import { usePrefs } from "../../hooks/usePrefs.ts";
import styles from "./ContextView.module.css";
import { AnsiText, Marked } from "./StyledText.tsx";

interface Props {
  id: string;
  same: Same;
  query: string;
  words: string[];
  zone: string;
  selectedId: string;
  shown: RefObject<readonly LogRecord[]>;
  onSame(same: Same): void;
  onSelect(id: string): void;
  onClose(): void;
}

export default function ContextView(props: Props): ReactNode {
  const { id, same, query, onSame, onClose } = props;
  const context = useContextLines(id, same);
  useAction("escape", () => onClose() as undefined);
  const pages = context.data?.pages;
  const around = pages?.find((page) => page.record.id === id) ?? pages?.[0];
  const common = useMemo(() => {
    if (!around) return [];
    if (same === "service") return [["service", around.service || t.context.noService]];
    return Object.entries(around.resource).map(([name, value]) => [name, formatValue(value)]);
  }, [around, same]);
  const body = (): ReactNode => {
    if (context.isError) {
      if (context.error instanceof ApiError && context.error.status === 404)
        return <State title={t.context.gone} actions={<Back onClose={onClose} />} />;
      return <ErrorState error={context.error} onRetry={() => void context.refetch()} />;
    }
    if (!pages) return <Skeleton rows={18} label={t.loading} />;
    return (
      <Lines
        key={`${id} ${same}`}
        {...props}
        context={contextLines(pages, id)}
        loading={context.isFetching}
        more={{
          before: context.hasPreviousPage ? () => void context.fetchPreviousPage() : null,
          after: context.hasNextPage ? () => void context.fetchNextPage() : null,
        }}
      />
    );
  };
  return (
    <section className={styles.view} aria-label={t.context.title} data-testid="context">
      <div className={styles.head}>
        <Back onClose={onClose} />
        <h2>{t.context.title}</h2>
        <SegmentedControl
          size="xs"
          aria-label={t.context.same}
          value={same}
          onChange={(value) => onSame(value as Same)}
          data={[
            { value: "stream", label: t.context.stream },
            { value: "service", label: t.context.service },
          ]}
        />
      </div>
      <p className={styles.dropped} data-testid="context-dropped">
        {query === ""
          ? t.context.unfiltered
          : t.context.droppedTerms(query.length > 120 ? `${query.slice(0, 120)}…` : query)}
      </p>
      {common.length > 0 && (
        <div className={styles.common}>
          <span>{t.context.common}</span>
          <ul aria-label={t.context.common}>
            {common.slice(0, 12).map(([name, value]) => (
              <li key={name} title={`${name}: ${value}`}>
                <span>{name}</span> {value}
              </li>
            ))}
            {common.length > 12 && <li>{t.logs.moreItems(common.length - 12)}</li>}
          </ul>
        </div>
      )}
      {body()}
    </section>
  );
}

function Back({ onClose }: { onClose(): void }): ReactNode {
  return (
    <Button size="compact-sm" variant="default" leftSection={<IconArrowLeft size={14} />} onClick={onClose}>
      {t.context.back}
    </Button>
  );
}

interface LinesProps extends Props {
  context: { lines: LogRecord[]; anchor: number };
  loading: boolean;
  more: { before: (() => void) | null; after: (() => void) | null };
}

const NO_MATCHES: number[] = [];

function Lines(props: LinesProps): ReactNode {
  const { context, loading, more, words, zone, selectedId, shown, onSelect } = props;
  const { lines, anchor } = context;
  const { density, wrap } = usePrefs();
  const height = ROW_HEIGHT[density];
  const scroller = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState(anchor);
  const [typed, setTyped] = useState("");
  shown.current = lines;
  const at = fromNsText(lines[anchor]?.timestamp ?? "0");
  const dated =
    formatDate(fromNsText(lines[0]?.timestamp ?? ""), zone) !==
    formatDate(fromNsText(lines.at(-1)?.timestamp ?? ""), zone);
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => height,
    overscan: 12,
  });
  // The record is in the middle at first; lines that come in above do not move what is being read.
  const placed = useRef({ done: false, anchor });
  useLayoutEffect(() => {
    const box = scroller.current;
    if (!box || anchor < 0) return;
    if (!placed.current.done) {
      placed.current.done = true;
      virtual.scrollToIndex(anchor, { align: "center" });
    } else if (anchor > placed.current.anchor) {
      const added = anchor - placed.current.anchor;
      box.scrollTop += added * height;
      setActive((current) => current + added);
    }
    placed.current.anchor = anchor;
  }, [anchor, height, virtual]);
  const needle = typed.trim().toLowerCase();
  const matches = useMemo(
    () =>
      needle === ""
        ? NO_MATCHES
        : lines.flatMap((record, index) => (record.body.toLowerCase().includes(needle) ? [index] : [])),
    [lines, needle],
  );
  const marked = useMemo(() => (typed.trim() === "" ? words : [typed.trim()]), [typed, words]);
  const move = (to: number): true => {
    const next = Math.min(lines.length - 1, Math.max(0, to));
    setActive(next);
    virtual.scrollToIndex(next, { align: "auto" });
    const record = lines[next];
    if (selectedId !== "" && record) onSelect(record.id);
    return true;
  };
  const find = (backwards: boolean): void => {
    const next = backwards
      ? (matches.findLast((index) => index < active) ?? matches.at(-1))
      : (matches.find((index) => index > active) ?? matches[0]);
    if (next === undefined) return;
    setActive(next);
    virtual.scrollToIndex(next, { align: "center" });
  };
  const open = (): boolean => {
    const record = lines[active];
    if (record) onSelect(record.id === selectedId ? "" : record.id);
    return record !== undefined;
  };
  useAction("rowDown", () => move(active + 1));
  useAction("rowUp", () => move(active - 1));
  useAction("rowToggle", open);
  useAction("rowPanel", open);
  // The rows below keep their keys to themselves.
  const nothing = (): true => true;
  useAction("filter", nothing);
  useAction("exclude", nothing);
  useAction("cellLeft", nothing);
  useAction("cellRight", nothing);
  useAction("context", nothing);
  useAction("live", nothing);
  useEffect(() => scroller.current?.focus({ preventScroll: true }), []);
  const onClick = (event: MouseEvent): void => {
    const index = Number((event.target as Element).closest<HTMLElement>("[data-index]")?.dataset.index ?? -1);
    const record = lines[index];
    if (!record || window.getSelection()?.isCollapsed === false) return;
    setActive(index);
    onSelect(record.id === selectedId ? "" : record.id);
  };
  const onKey = (event: KeyboardEvent): void => {
    if (event.target !== event.currentTarget) return;
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 400) / height) - 2);
    const to = {
      ArrowDown: active + 1,
      ArrowUp: active - 1,
      PageDown: active + page,
      PageUp: active - page,
      Home: 0,
      End: lines.length - 1,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    move(to);
  };
  const place = matches.indexOf(active) + 1;
  return (
    <>
      <div className={styles.tools}>
        <Load load={more.before} loading={loading} label={t.context.earlier} none={t.context.begin} />
        <TextInput
          size="xs"
          className={styles.find}
          value={typed}
          placeholder={t.context.find}
          aria-label={t.context.find}
          leftSection={<IconSearch size={14} />}
          onChange={(event) => setTyped(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== "Enter") return;
            event.preventDefault();
            find(event.shiftKey);
          }}
        />
        <span className={styles.found} role="status">
          {needle !== "" && t.context.found(place, matches.length)}
        </span>
        <IconButton
          label={t.context.toRecord}
          size={24}
          onClick={() => {
            setActive(anchor);
            virtual.scrollToIndex(anchor, { align: "center" });
          }}
        >
          <IconFocus2 size={16} />
        </IconButton>
      </div>
      <div
        ref={scroller}
        className={styles.grid}
        data-wrap={wrap || undefined}
        data-testid="context-grid"
        style={{ "--row-height": `${height}px`, "--time": dated ? "150px" : "104px" } as React.CSSProperties}
        role="grid"
        aria-label={t.context.lines}
        aria-rowcount={lines.length}
        aria-busy={loading}
        aria-activedescendant={active >= 0 ? `context-${active}` : undefined}
        tabIndex={0}
        onClick={onClick}
        onKeyDown={onKey}
      >
        <div role="rowgroup" className={styles.sizer} style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => {
            const record = lines[item.index];
            if (!record) return null;
            const time = fromNsText(record.timestamp);
            const clock = formatClock(time, zone, 3);
            const here = item.index === anchor;
            return (
              <div
                key={record.id}
                ref={wrap ? virtual.measureElement : undefined}
                id={`context-${item.index}`}
                className={styles.row}
                style={{ transform: `translateY(${item.start}px)` }}
                role="row"
                aria-rowindex={item.index + 1}
                aria-selected={record.id === selectedId}
                aria-current={here || undefined}
                data-index={item.index}
                data-here={here || undefined}
                data-active={item.index === active || undefined}
                data-testid="context-row"
              >
                <div role="gridcell" className={styles.distance} title={t.context.difference}>
                  {here ? t.context.here : formatDistance(time - at)}
                </div>
                <div
                  role="gridcell"
                  className={styles.mark}
                  style={{ color: `var(--severity-${asSeverity(record.severity)})` }}
                  aria-label={record.severity}
                >
                  {SEVERITY_LETTER[asSeverity(record.severity)]}
                </div>
                <div role="gridcell" className={styles.time}>
                  {dated ? `${formatDate(time, zone).slice(5)} ${clock}` : clock}
                </div>
                <div role="gridcell" className={styles.body}>
                  <Line body={record.body} words={marked} wrap={wrap} />
                </div>
              </div>
            );
          })}
        </div>
      </div>
      <div className={styles.tools}>
        <Load load={more.after} loading={loading} label={t.context.later} none={t.context.end} />
      </div>
    </>
  );
}

function Line({ body, words, wrap }: { body: string; words: string[]; wrap: boolean }): ReactNode {
  const text = body.slice(0, wrap ? 4 * LINE_CHARACTERS : LINE_CHARACTERS);
  if (hasAnsi(text)) return <AnsiText text={text} words={words} line={!wrap} />;
  return <Marked text={wrap ? text : joinLines(text)} words={words} />;
}

interface LoadProps {
  load: (() => void) | null;
  loading: boolean;
  label: string;
  none: string;
}

function Load({ load, loading, label, none }: LoadProps): ReactNode {
  if (!load) return <span className={styles.edge}>{none}</span>;
  return (
    <Button size="compact-xs" variant="default" disabled={loading} onClick={load}>
      {label}: {t.context.more(CONTEXT_MORE)}
    </Button>
  );
}
