/** The rows that a scrolling element shows, in steps so that a little scrolling renders nothing anew. */
import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import { useSize } from "../../hooks/useSize.ts";

const STEP = 8;

export interface RowWindow {
  box: RefObject<HTMLDivElement | null>;
  width: number;
  height: number;
  /** First and one behind the last row to render. */
  first: number;
  last: number;
  scrollTo(row: number): void;
}

/** `onScroll` is called with every movement, for what is painted by hand. */
export function useWindow(count: number, rowHeight: number, onScroll?: (top: number) => void): RowWindow {
  const [box, { width, height }] = useSize<HTMLDivElement>();
  const [step, setStep] = useState(0);
  const latest = useRef(onScroll);
  useLayoutEffect(() => {
    latest.current = onScroll;
  });
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const listen = (): void => {
      setStep(Math.floor(element.scrollTop / (rowHeight * STEP)));
      latest.current?.(element.scrollTop);
    };
    element.addEventListener("scroll", listen, { passive: true });
    return () => element.removeEventListener("scroll", listen);
  }, [box, rowHeight]);
  const scrollTo = useCallback(
    (row: number) => {
      const element = box.current;
      if (!element || row < 0) return;
      const [top, bottom] = [row * rowHeight, (row + 1) * rowHeight];
      if (top < element.scrollTop) element.scrollTop = top;
      else if (bottom > element.scrollTop + element.clientHeight) element.scrollTop = bottom - element.clientHeight;
    },
    [box, rowHeight],
  );
  const first = Math.max(0, (step - 1) * STEP);
  const last = Math.min(count, (step + 2) * STEP + Math.ceil((height || 600) / rowHeight));
  return { box, width, height, first, last, scrollTo };
}
