/** What the right-hand panel shows, for every page: a trace, a service, logs or traces. At most two, the last on top. */
import { IconArrowLeft } from "@tabler/icons-react";
import { lazy, type ReactNode, Suspense } from "react";
import { useNavigate } from "react-router";
import { fromEpochText, type Instant } from "../../core/time/instant.ts";
import { isExpression, resolveExpression, type Span } from "../../core/time/range.ts";
import { x } from "../../core/tracesText.ts";
import { type Panel, parsePanels, popPanel, pushPanel } from "../../core/url/panels.ts";
import { useTime } from "../../hooks/useTime.tsx";
import { IconButton } from "../common/IconButton.tsx";
import { Skeleton } from "../common/State.tsx";
import { LogLines } from "../logs/LogLines.tsx";
import { SidePanel } from "../shell/SidePanel.tsx";
import styles from "./Panels.module.css";

const TracePanel = lazy(() => import("./TracePanel.tsx"));
const ServicePanel = lazy(() => import("./ServicePanel.tsx"));
const TraceListPanel = lazy(() => import("./TraceListPanel.tsx"));

interface Props {
  /** As the address holds it. */
  value: string;
  onChange(value: string): void;
}

function titleOf(panel: Panel): string {
  if (panel.kind === "trace") return x.traceOf(panel.id);
  if (panel.kind === "service") return panel.name;
  return panel.kind === "logs" ? x.logs : x.title;
}

export default function Panels({ value, onChange }: Props): ReactNode {
  const panels = parsePanels(value);
  const top = panels.at(-1);
  const navigate = useNavigate();
  const { now, zone, span } = useTime();
  if (!top) return null;
  const open = (panel: Panel): void => onChange(pushPanel(value, panel));
  const moment = (text: string, side: "from" | "to"): Instant | null =>
    isExpression(text) ? resolveExpression(text, side, now, zone) : fromEpochText(text);
  const spanOf = (panel: { from: string; to: string }): Span => {
    const [from, to] = [moment(panel.from, "from"), moment(panel.to, "to")];
    return from !== null && to !== null && from < to ? { from, to } : span;
  };
  const content = (): ReactNode => {
    if (top.kind === "trace")
      return <TracePanel key={`${top.id} ${top.span}`} id={top.id} span={top.span} onOpen={open} />;
    if (top.kind === "service") return <ServicePanel key={top.name} name={top.name} onOpen={open} onGo={navigate} />;
    if (top.kind === "traces") return <TraceListPanel query={top.query} span={spanOf(top)} onOpen={open} />;
    return (
      <div className={styles.body}>
        <LogLines query={top.query} span={spanOf(top)} none={x.logsNone} />
      </div>
    );
  };
  return (
    <SidePanel
      title={titleOf(top)}
      tools={
        panels.length > 1 && (
          <IconButton label={x.back} onClick={() => onChange(popPanel(value))}>
            <IconArrowLeft size={16} />
          </IconButton>
        )
      }
      onClose={() => onChange("")}
    >
      <Suspense fallback={<Skeleton rows={10} />}>{content()}</Suspense>
    </SidePanel>
  );
}
