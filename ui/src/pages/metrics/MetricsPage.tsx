/** Metrics: find one and look at it by its labels, or write queries; logs and traces beside it. Everything follows from the address. */
import { useMediaQuery } from "@mantine/hooks";
import { IconLayoutSidebarLeftExpand } from "@tabler/icons-react";
import { lazy, type ReactNode, Suspense, useCallback } from "react";
import { CursorProvider } from "../../components/charts/cursor.tsx";
import { IconButton } from "../../components/common/IconButton.tsx";
import { Skeleton } from "../../components/common/State.tsx";
import { MAX_QUERIES, type QueryLine, queriesFor } from "../../core/metrics/queries.ts";
import { m } from "../../core/metricsText.ts";
import { toMs } from "../../core/time/instant.ts";
import { useAction } from "../../hooks/useActions.tsx";
import { useMetricsUrl } from "../../hooks/useMetricsUrl.ts";
import { usePrefs, useSetPrefs } from "../../hooks/usePrefs.ts";
import { useTime } from "../../hooks/useTime.tsx";
import { Beside } from "./Beside.tsx";
import { Browser, type Picked } from "./Browser.tsx";
import styles from "./MetricsPage.module.css";
import { MetricView } from "./MetricView.tsx";

const QueryView = lazy(() => import("./QueryView.tsx"));
const PANEL = "metrics-panel";
const TABS = ["browse", "query"] as const;

export function MetricsPage(): ReactNode {
  const [url, setUrl] = useMetricsUrl();
  const { span } = useTime();
  const { metricsShown } = usePrefs();
  const setPrefs = useSetPrefs();
  const roomy = useMediaQuery("(width >= 1500px)", true, { getInitialValueInEffect: false });
  // The panel takes its place where there is none for both.
  const shown = metricsShown && (roomy || url.panel === "");
  const seconds = (toMs(span.to) - toMs(span.from)) / 1000;
  const tab = (name: (typeof TABS)[number]): undefined => setUrl({ tab: name }) as undefined;
  useAction("tabRows", () => tab("browse"));
  useAction("tabPatterns", () => tab("query"));
  const onPick = useCallback(
    (metric: Picked) => setUrl({ metric: metric.name, tab: "browse", by: "", panel: "" }),
    [setUrl],
  );
  /** Queries of their own at the end, or in the place of one that is still empty. */
  const onQuery = useCallback(
    (added: readonly QueryLine[], heatmap = false) => {
      const lines = url.q.filter((entry) => entry.query.trim() !== "");
      setUrl({
        tab: "query",
        view: "chart",
        q: [...lines, ...added].slice(-MAX_QUERIES),
        ...(heatmap && { style: "heatmap" }),
      });
    },
    [setUrl, url.q],
  );
  const onAdd = useCallback((metric: Picked) => onQuery(queriesFor(metric, "", seconds).lines), [onQuery, seconds]);
  return (
    <CursorProvider>
      <div className={styles.page}>
        {shown && <Browser url={url} onUrl={setUrl} onPick={onPick} onAdd={onAdd} />}
        <div className={styles.center}>
          <div className={styles.tabs} role="tablist" aria-label={m.views}>
            {!metricsShown && (
              <IconButton label={m.showBrowser} size={24} onClick={() => setPrefs({ metricsShown: true })}>
                <IconLayoutSidebarLeftExpand size={16} stroke={1.6} />
              </IconButton>
            )}
            {TABS.map((name) => (
              <button
                key={name}
                type="button"
                role="tab"
                id={`metrics-tab-${name}`}
                aria-selected={url.tab === name}
                aria-controls={PANEL}
                tabIndex={url.tab === name ? 0 : -1}
                onClick={() => tab(name)}
                onKeyDown={(event) => {
                  if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
                  const other = name === "browse" ? "query" : "browse";
                  tab(other);
                  document.getElementById(`metrics-tab-${other}`)?.focus();
                }}
              >
                {name === "browse" ? m.browse : m.query}
              </button>
            ))}
          </div>
          <div id={PANEL} className={styles.tabPanel} role="tabpanel" aria-labelledby={`metrics-tab-${url.tab}`}>
            {url.tab === "browse" ? (
              <MetricView url={url} onUrl={setUrl} onQuery={onQuery} />
            ) : (
              <Suspense fallback={<Skeleton rows={6} />}>
                <QueryView url={url} onUrl={setUrl} />
              </Suspense>
            )}
          </div>
        </div>
        {url.panel !== "" && (
          <Beside
            panel={url.panel}
            query={url.q.find((entry) => !entry.hidden)?.query ?? ""}
            onClose={() => setUrl({ panel: "" })}
            onPanel={(panel) => setUrl({ panel })}
          />
        )}
      </div>
    </CursorProvider>
  );
}

export { MetricsPage as Component };
