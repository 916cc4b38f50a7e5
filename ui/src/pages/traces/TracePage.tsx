/** One trace as a page; everything about how it is looked at is in the address. */
import type { ReactNode } from "react";
import { useParams } from "react-router";
import Panels from "../../components/panels/Panels.tsx";
import { TraceView } from "../../components/trace/TraceView.tsx";
import { pushPanel } from "../../core/url/panels.ts";
import { useTraceUrl } from "../../hooks/useTracesUrl.ts";
import { useUrlPanel } from "../../hooks/useUrlPanel.ts";
import styles from "./TracesPage.module.css";

export function TracePage(): ReactNode {
  const { id = "" } = useParams();
  const [view, setView] = useTraceUrl();
  const [panel, setPanel] = useUrlPanel();
  return (
    <div className={styles.split}>
      <TraceView
        id={id.toLowerCase()}
        view={view}
        onView={setView}
        inPanel={false}
        onTrace={(other, span) => setPanel(pushPanel(panel, { kind: "trace", id: other, span }))}
      />
      <Panels value={panel} onChange={setPanel} />
    </div>
  );
}

export { TracePage as Component };
