/** A trace beside another page; how it is looked at stays in the panel. */
import { type ReactNode, useCallback, useState } from "react";
import { FIRST_VIEW, type TraceView as View } from "../../core/traces/view.ts";
import type { Panel } from "../../core/url/panels.ts";
import { TraceView } from "../trace/TraceView.tsx";
import styles from "./Panels.module.css";

interface Props {
  id: string;
  span: string;
  onOpen(panel: Panel): void;
}

export default function TracePanel({ id, span, onOpen }: Props): ReactNode {
  const [view, setView] = useState<View>({ ...FIRST_VIEW, span });
  const change = useCallback((edit: Partial<View>) => setView((now) => ({ ...now, ...edit })), []);
  return (
    <div className={styles.trace}>
      <TraceView
        id={id}
        view={view}
        onView={change}
        inPanel
        onTrace={(other, otherSpan) => onOpen({ kind: "trace", id: other, span: otherSpan })}
      />
    </div>
  );
}
