/**
 * A list whose order people change: by dragging the handle of an entry, or with Alt and the arrow keys while it has the
 * focus. Both are said aloud in a live region. The list changes nothing itself: `onMove` gets the two places.
 */
import { IconGripVertical } from "@tabler/icons-react";
import { type KeyboardEvent, type PointerEvent, type ReactNode, useId, useLayoutEffect, useRef, useState } from "react";
import { t } from "../../core/text.ts";
import styles from "./SortableList.module.css";

interface Props<T extends { key: string }> {
  items: readonly T[];
  label: string;
  nameOf(item: T): string;
  onMove(from: number, to: number): void;
  /** Draws an entry around its handle. */
  children(item: T, index: number, handle: ReactNode): ReactNode;
}

interface Drag {
  key: string;
  from: number;
  to: number;
  /** How far the pointer has gone, in pixels. */
  way: number;
  pointer: number;
}

const EDGE = 40;
const SCROLL = 14;

function scroller(element: HTMLElement): HTMLElement | null {
  for (let at = element.parentElement; at; at = at.parentElement) {
    if (at.scrollHeight > at.clientHeight && /auto|scroll/.test(getComputedStyle(at).overflowY)) return at;
  }
  return null;
}

export function SortableList<T extends { key: string }>({
  items,
  label,
  nameOf,
  onMove,
  children,
}: Props<T>): ReactNode {
  const list = useRef<HTMLUListElement>(null);
  const [drag, setDrag] = useState<Drag | null>(null);
  const [said, setSaid] = useState("");
  const refocus = useRef("");
  const help = useId();
  // Moving an element takes the focus from what is inside.
  useLayoutEffect(() => {
    if (refocus.current === "") return;
    list.current?.querySelector<HTMLElement>(`[data-handle="${refocus.current}"]`)?.focus();
    refocus.current = "";
  });

  const move = (item: T, from: number, to: number): void => {
    refocus.current = item.key;
    onMove(from, to);
    setSaid(t.sort.moved(nameOf(item), to + 1, items.length));
  };
  const onKey = (event: KeyboardEvent, item: T, index: number): void => {
    if (drag && event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      setDrag(null);
      setSaid(t.sort.cancelled(nameOf(item)));
      return;
    }
    if (!event.altKey || (event.key !== "ArrowUp" && event.key !== "ArrowDown")) return;
    event.preventDefault();
    event.stopPropagation();
    const to = index + (event.key === "ArrowUp" ? -1 : 1);
    if (to < 0) setSaid(t.sort.first(nameOf(item)));
    else if (to >= items.length) setSaid(t.sort.last(nameOf(item)));
    else move(item, index, to);
  };

  /** How many of the other entries have their middle above the pointer: the place to drop at. */
  const placeAt = (y: number, key: string): number => {
    const others = Array.from(list.current?.children ?? []).filter(
      (entry): entry is HTMLElement => entry instanceof HTMLElement && entry.dataset.key !== key,
    );
    return others.filter((entry) => {
      const box = entry.getBoundingClientRect();
      return box.top + box.height / 2 < y;
    }).length;
  };
  const onDown = (event: PointerEvent<HTMLElement>, item: T, index: number): void => {
    if (event.button !== 0) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    setDrag({ key: item.key, from: index, to: index, way: 0, pointer: event.clientY });
  };
  const onDrag = (event: PointerEvent<HTMLElement>, item: T): void => {
    if (drag?.key !== item.key || !event.currentTarget.hasPointerCapture(event.pointerId)) return;
    const frame = scroller(event.currentTarget);
    const box = frame?.getBoundingClientRect();
    let scrolled = 0;
    if (frame && box) {
      const before = frame.scrollTop;
      if (event.clientY < box.top + EDGE) frame.scrollTop -= SCROLL;
      if (event.clientY > box.bottom - EDGE) frame.scrollTop += SCROLL;
      scrolled = frame.scrollTop - before;
    }
    const pointer = drag.pointer - scrolled;
    const to = placeAt(event.clientY, item.key);
    if (to !== drag.to) setSaid(t.sort.over(nameOf(item), to + 1, items.length));
    setDrag({ ...drag, pointer, way: event.clientY - pointer, to });
  };
  const onUp = (item: T): void => {
    if (drag?.key !== item.key) return;
    setDrag(null);
    if (drag.to !== drag.from) move(item, drag.from, drag.to);
    else if (Math.abs(drag.way) > 4) setSaid(t.sort.cancelled(nameOf(item)));
  };

  /** Where the line is drawn: before this entry, or behind the last one. */
  const marked = (index: number): "before" | "after" | undefined => {
    if (!drag || drag.to === drag.from) return undefined;
    const place = drag.to < drag.from ? drag.to : drag.to + 1;
    if (index === place) return "before";
    return index === items.length - 1 && place === items.length ? "after" : undefined;
  };
  return (
    <>
      <span id={help} className="visually-hidden">
        {t.sort.help}
      </span>
      <ul className={styles.list} ref={list} aria-label={label}>
        {items.map((item, index) => {
          const dragged = drag?.key === item.key;
          return (
            <li
              key={item.key}
              data-key={item.key}
              className={styles.entry}
              data-dragged={dragged || undefined}
              data-drop={marked(index)}
              style={dragged ? { transform: `translateY(${drag.way}px)` } : undefined}
            >
              {children(
                item,
                index,
                <button
                  type="button"
                  className={styles.handle}
                  data-handle={item.key}
                  aria-label={t.sort.handle(nameOf(item))}
                  aria-describedby={help}
                  title={t.sort.help}
                  onKeyDown={(event) => onKey(event, item, index)}
                  onPointerDown={(event) => onDown(event, item, index)}
                  onPointerMove={(event) => onDrag(event, item)}
                  onPointerUp={() => onUp(item)}
                  onPointerCancel={() => setDrag(null)}
                  onLostPointerCapture={() => setDrag(null)}
                >
                  <IconGripVertical size={16} stroke={1.6} aria-hidden />
                </button>,
              )}
            </li>
          );
        })}
      </ul>
      <span className="visually-hidden" role="status" aria-live="assertive">
        {said}
      </span>
    </>
  );
}
