/** The right-hand panel: over the page's right side, resizable by pointer and arrow keys, closed by Escape. */
import { IconX } from "@tabler/icons-react";
import { type KeyboardEvent, type PointerEvent, type ReactNode, useRef, useState } from "react";
import { t } from "../../core/text.ts";
import { useAction } from "../../hooks/useActions.tsx";
import { usePrefs, useSetPrefs } from "../../hooks/usePrefs.ts";
import { IconButton } from "../common/IconButton.tsx";
import styles from "./SidePanel.module.css";

const MIN = 320;
const MAX = 1200;

interface Props {
  title: string;
  tools?: ReactNode;
  children: ReactNode;
  onClose(): void;
}

export function SidePanel({ title, tools, children, onClose }: Props): ReactNode {
  const { panelWidth } = usePrefs();
  const setPrefs = useSetPrefs();
  const [dragged, setDragged] = useState<number | null>(null);
  const start = useRef({ x: 0, width: 0 });
  const width = dragged ?? panelWidth;
  const clamp = (value: number): number => Math.round(Math.min(MAX, Math.max(MIN, value)));
  useAction("escape", () => onClose() as undefined);
  const onDown = (event: PointerEvent): void => {
    event.currentTarget.setPointerCapture(event.pointerId);
    start.current = { x: event.clientX, width };
    setDragged(width);
  };
  const onMove = (event: PointerEvent): void => {
    if (dragged !== null) setDragged(clamp(start.current.width + start.current.x - event.clientX));
  };
  const onUp = (): void => {
    if (dragged !== null) setPrefs({ panelWidth: dragged });
    setDragged(null);
  };
  const onKey = (event: KeyboardEvent): void => {
    const step = event.key === "ArrowLeft" ? 24 : event.key === "ArrowRight" ? -24 : 0;
    if (step === 0) return;
    event.preventDefault();
    setPrefs({ panelWidth: clamp(width + step) });
  };
  return (
    <aside className={styles.panel} style={{ width }} aria-label={title} data-testid="side-panel">
      <div
        className={styles.grip}
        role="separator"
        aria-orientation="vertical"
        aria-label={t.logs.resizePanel}
        aria-valuenow={width}
        aria-valuemin={MIN}
        aria-valuemax={MAX}
        tabIndex={0}
        onPointerDown={onDown}
        onPointerMove={onMove}
        onPointerUp={onUp}
        onPointerCancel={onUp}
        onKeyDown={onKey}
      />
      <div className={styles.head}>
        <h2 title={title}>{title}</h2>
        {tools}
        <IconButton label={t.logs.closePanel} hotkey="Esc" onClick={onClose}>
          <IconX size={16} />
        </IconButton>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: scrollable with the keyboard */}
      <div className={styles.body} tabIndex={0} role="region" aria-label={title}>
        {children}
      </div>
    </aside>
  );
}
