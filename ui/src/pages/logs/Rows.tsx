/**
 * The virtual grid of log lines: a window of at most 5,000 records, pages fetched at both ends, one set of delegated
 * listeners, keys of the rows, and verbs for the one row under the pointer.
 */

import { IconArrowDown, IconArrowUp, IconX } from "@tabler/icons-react";
import { useVirtualizer } from "@tanstack/react-virtual";
import {
  type KeyboardEvent,
  type MouseEvent,
  type ReactNode,
  type RefObject,
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useState,
} from "react";
import type { LogRecord } from "../../core/api/types.ts";
import type { PauseReason } from "../../core/live/buffer.ts";
import { fieldValue } from "../../core/logs/records.ts";
import { ROW_HEIGHT } from "../../core/prefs.ts";
import { t } from "../../core/text.ts";
import type { Order } from "../../core/url/codecs.ts";
import { useAction } from "../../hooks/useActions.tsx";
import { usePrefs, useSetPrefs } from "../../hooks/usePrefs.ts";
import { useSize } from "../../hooks/useSize.ts";
import { Row } from "./Row.tsx";
import styles from "./Rows.module.css";
import { RowTools } from "./RowTools.tsx";
import { asFilterValue, useFilters } from "./useFilters.tsx";

export interface RowsProps {
  records: LogRecord[];
  /** Number of rows before `records` that were left behind. */
  before: number;
  hasMore: boolean;
  loading: boolean;
  stale: boolean;
  columns: string[];
  words: string[];
  zone: string;
  dated: boolean;
  order: Order;
  selectedId: string;
  /** Changes when the rows belong to another query. */
  identity: string;
  /** Without it the order cannot be turned. */
  onOrder?(order: Order): void;
  onSelect(id: string): void;
  onNeedNext(): void;
  onNeedPrevious(): void;
  /** Why the rows should stand still; null when nobody is reading. */
  onReading(reason: PauseReason | null): void;
  /** The pointer goes down on a row. */
  onPress?(): void;
  /** Stands at the end instead of "end of the results". */
  tail?: string;
}

const NEAR = 30;

export function Rows(props: RowsProps): ReactNode {
  const {
    records,
    before,
    hasMore,
    columns,
    words,
    zone,
    dated,
    selectedId,
    identity,
    onSelect,
    onNeedNext,
    onNeedPrevious,
    onReading,
  } = props;
  const { density, wrap } = usePrefs();
  const setPrefs = useSetPrefs();
  const { filter, exclude, openContext } = useFilters();
  const [scroller, { width }] = useSize<HTMLDivElement>();
  const [active, setActive] = useState(-1);
  const [cell, setCell] = useState(0);
  const [keyed, setKeyed] = useState(false);
  const [expanded, setExpanded] = useState<ReadonlySet<string>>(new Set());
  const [hovered, setHovered] = useState<{ index: number; field: string } | null>(null);
  const height = ROW_HEIGHT[density];
  const end = before + records.length;
  const cells = useMemo(() => ["service", ...columns, "body"], [columns]);

  const virtual = useVirtualizer({
    count: end + 1,
    getScrollElement: () => scroller.current,
    estimateSize: () => height,
    overscan: 10,
    scrollPaddingEnd: 24,
  });
  const items = virtual.getVirtualItems();
  const first = items[0]?.index ?? 0;
  const last = items.at(-1)?.index ?? 0;
  const recordAt = (index: number): LogRecord | undefined => records[index - before];

  // biome-ignore lint/correctness/useExhaustiveDependencies: heights are stale exactly when one of these changes
  useLayoutEffect(() => virtual.measure(), [height, wrap, identity, columns, width]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another query begins at the top
  useLayoutEffect(() => {
    scroller.current?.scrollTo({ top: 0 });
    setActive(-1);
    setKeyed(false);
    setExpanded(new Set());
    setHovered(null);
  }, [identity]);
  useEffect(() => {
    if (last >= end - NEAR && hasMore) onNeedNext();
    if (before > 0 && first < before + NEAR) onNeedPrevious();
  }, [first, last, end, before, hasMore, onNeedNext, onNeedPrevious]);
  const selecting = useSelecting(scroller);
  const reading: PauseReason | null =
    expanded.size > 0 || selectedId !== ""
      ? "open"
      : selecting
        ? "select"
        : (virtual.scrollOffset ?? 0) > height
          ? "scroll"
          : keyed && active >= 0
            ? "key"
            : null;
  useEffect(() => {
    onReading(reading);
  }, [reading, onReading]);

  const toggle = useCallback(
    (index: number, id: string) => {
      setExpanded((current) => {
        const next = new Set(current);
        if (!next.delete(id)) next.add(id);
        return next;
      });
      // A collapsed row is not measured any more.
      if (!wrap) virtual.resizeItem(index, height);
    },
    [virtual, height, wrap],
  );
  const move = (to: number): true => {
    const next = Math.min(end - 1, Math.max(0, to));
    if (next < 0) return true;
    setActive(next);
    setKeyed(true);
    virtual.scrollToIndex(next, { align: "auto" });
    const record = recordAt(next);
    if (selectedId !== "" && record) onSelect(record.id);
    return true;
  };
  const withActive = (run: (record: LogRecord) => void) => (): boolean => {
    const record = recordAt(active);
    if (record) run(record);
    return record !== undefined;
  };
  /** The message itself is no value to filter by: lines of the same template are meant. */
  const verb = (record: LogRecord, field: string, run: typeof filter): void => {
    const name = field === "body" ? "template_id" : field;
    const value = asFilterValue(fieldValue(record, name));
    if (value !== null) run(name, value);
  };
  useAction("rowDown", () => move(active + 1));
  useAction("rowUp", () => move(active < 0 ? 0 : active - 1));
  useAction(
    "rowToggle",
    withActive((record) => toggle(active, record.id)),
  );
  useAction(
    "rowPanel",
    withActive((record) => onSelect(record.id)),
  );
  useAction(
    "cellLeft",
    withActive(() => setCell(Math.max(0, cell - 1))),
  );
  useAction(
    "cellRight",
    withActive(() => setCell(Math.min(cells.length - 1, cell + 1))),
  );
  useAction(
    "filter",
    withActive((record) => verb(record, cells[cell] ?? "service", filter)),
  );
  useAction(
    "exclude",
    withActive((record) => verb(record, cells[cell] ?? "service", exclude)),
  );
  useAction("context", () => {
    const record = recordAt(active);
    if (!record || !openContext) return false;
    openContext(record.id);
    return true;
  });
  useAction("wrap", () => setPrefs({ wrap: !wrap }) as undefined);

  const rowOf = (event: MouseEvent): number => {
    const row = (event.target as Element).closest<HTMLElement>("[data-index]");
    return row ? Number(row.dataset.index) : -1;
  };
  const onClick = (event: MouseEvent): void => {
    const index = rowOf(event);
    const record = recordAt(index);
    const target = event.target as Element;
    if (!record || target.closest(`.${styles.expansion}`)) return;
    setActive(index);
    setKeyed(false);
    if (target.closest("[data-act=toggle]")) toggle(index, record.id);
    else if (window.getSelection()?.isCollapsed !== false) onSelect(record.id === selectedId ? "" : record.id);
  };
  /** The keyboard stays with the grid when a chevron is clicked. */
  const onDown = (event: MouseEvent): void => {
    if (props.onPress && (event.target as Element).closest("[data-index], [data-tools]")) props.onPress();
    if (!(event.target as Element).closest("[data-act]")) return;
    event.preventDefault();
    scroller.current?.focus({ preventScroll: true });
  };
  const onOver = (event: MouseEvent): void => {
    const target = event.target as Element;
    if (target.closest("[data-tools]")) return;
    const index = rowOf(event);
    const field = target.closest<HTMLElement>("[data-cell]")?.dataset.cell ?? "";
    if (target.closest(`.${styles.expansion}`) || index < 0) setHovered(null);
    else if (hovered?.index !== index || (field !== "" && hovered.field !== field)) setHovered({ index, field });
  };
  const onKey = (event: KeyboardEvent): void => {
    if (event.target !== event.currentTarget) return;
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 400) / height) - 2);
    const moves: Record<string, number> = {
      ArrowDown: active + 1,
      ArrowUp: active - 1,
      PageDown: active + page,
      PageUp: active - page,
      Home: 0,
      End: end - 1,
    };
    const to = moves[event.key];
    if (to === undefined) return;
    event.preventDefault();
    move(to);
  };

  // Rows of the usual height share a pool of elements: scrolling changes text instead of making and dropping nodes.
  const slots = last - first + 2;
  const columnWidths = `24px 22px ${dated ? 144 : 100}px 140px ${columns.map(() => "150px").join(" ")} minmax(${wrap ? 240 : 320}px, 1fr)`;
  const hoveredItem = hovered && items.find((item) => item.index === hovered.index);
  const hoveredRecord = hovered && recordAt(hovered.index);
  const rowWidth = wrap ? width : undefined;
  return (
    <div
      ref={scroller}
      className={styles.grid}
      data-wrap={wrap || undefined}
      data-stale={props.stale || undefined}
      data-testid="log-grid"
      style={{ "--columns": columnWidths, "--row-height": `${height}px` } as React.CSSProperties}
      role="grid"
      aria-label={t.logs.rows}
      aria-rowcount={hasMore ? -1 : end + 1}
      aria-busy={props.loading}
      aria-activedescendant={active >= first && active <= last && active < end ? `row-${active}` : undefined}
      tabIndex={0}
      onClick={onClick}
      onMouseDown={onDown}
      onMouseOver={onOver}
      onFocus={() => undefined}
      onMouseLeave={() => setHovered(null)}
      onKeyDown={onKey}
    >
      <RowsHeader columns={columns} order={props.order} onOrder={props.onOrder} />
      <div className={styles.sizer} role="rowgroup" style={{ height: virtual.getTotalSize(), width: rowWidth }}>
        {items.map((item) => {
          const record = recordAt(item.index);
          if (!record)
            return <Tail key={item.key} start={item.start} end={item.index >= end} more={hasMore} text={props.tail} />;
          const open = expanded.has(record.id);
          return (
            <Row
              key={open || wrap ? `row${item.index}` : `slot${item.index % slots}`}
              record={record}
              index={item.index}
              start={item.start}
              active={item.index === active}
              focused={keyed && item.index === active ? cell : -1}
              expanded={open}
              selected={record.id === selectedId}
              columns={columns}
              words={words}
              zone={zone}
              dated={dated}
              wrap={wrap}
              detailWidth={width}
              measure={open || wrap ? virtual.measureElement : undefined}
            />
          );
        })}
        {hoveredItem && hoveredRecord && (
          <RowTools
            top={hoveredItem.start}
            width={width}
            height={height}
            record={hoveredRecord}
            field={hovered.field}
            onFilter={(field) => verb(hoveredRecord, field, filter)}
            onExclude={(field) => verb(hoveredRecord, field, exclude)}
            onOpen={() => onSelect(hoveredRecord.id)}
          />
        )}
      </div>
    </div>
  );
}

/** True while text inside the element is selected. */
function useSelecting(box: RefObject<HTMLElement | null>): boolean {
  const [selecting, setSelecting] = useState(false);
  useEffect(() => {
    const onChange = (): void => {
      const selection = document.getSelection();
      const inside =
        selection !== null && !selection.isCollapsed && box.current?.contains(selection.anchorNode) === true;
      setSelecting(inside);
    };
    document.addEventListener("selectionchange", onChange);
    return () => document.removeEventListener("selectionchange", onChange);
  }, [box]);
  return selecting;
}

interface TailProps {
  start: number;
  end: boolean;
  more: boolean;
  text: string | undefined;
}

function Tail({ start, end, more, text = t.logs.endOfRows }: TailProps): ReactNode {
  return (
    <div className={styles.row} style={{ transform: `translateY(${start}px)` }} role="row">
      <div role="gridcell">
        {end && !more ? (
          <div className={styles.tail}>{text}</div>
        ) : (
          <div className={`skeleton ${styles.placeholder}`} />
        )}
      </div>
    </div>
  );
}

function RowsHeader({
  columns,
  order,
  onOrder,
}: {
  columns: string[];
  order: Order;
  onOrder: ((order: Order) => void) | undefined;
}): ReactNode {
  const { toggleColumn } = useFilters();
  const Arrow = order === "desc" ? IconArrowDown : IconArrowUp;
  return (
    <div role="rowgroup">
      <div className={styles.header} role="row" aria-rowindex={1}>
        <div role="columnheader">
          <span className="visually-hidden">{t.logs.expand}</span>
        </div>
        <div role="columnheader">
          <span className="visually-hidden">{t.logs.severity}</span>
        </div>
        <div role="columnheader" aria-sort={order === "desc" ? "descending" : "ascending"}>
          {onOrder ? (
            <button
              type="button"
              className={styles.sort}
              title={order === "desc" ? t.logs.newest : t.logs.oldest}
              onClick={() => onOrder(order === "desc" ? "asc" : "desc")}
            >
              {t.logs.time} <Arrow size={12} />
            </button>
          ) : (
            t.logs.time
          )}
        </div>
        <div role="columnheader">{t.logs.service}</div>
        {columns.map((name) => (
          <div key={name} role="columnheader" title={name}>
            {name}
            <button
              type="button"
              className={styles.drop}
              aria-label={`${t.logs.removeColumn}: ${name}`}
              onClick={() => toggleColumn(name)}
            >
              <IconX size={12} />
            </button>
          </div>
        ))}
        <div role="columnheader">{t.logs.body}</div>
      </div>
    </div>
  );
}
