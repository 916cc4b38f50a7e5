/** One service: charts, operations, dependencies, errors, logs, traces, deployments. Jumps open on the right, with numbers first. */
import { type KeyboardEvent, type ReactNode, useRef } from "react";
import { useParams } from "react-router";
import { CursorProvider } from "../../components/charts/cursor.tsx";
import Panels from "../../components/panels/Panels.tsx";
import { Jumps } from "../../components/services/Jumps.tsx";
import { formatRate } from "../../core/format.ts";
import { formatShare } from "../../core/logs/compare.ts";
import { formatUnit } from "../../core/metrics/units.ts";
import { errorTone } from "../../core/services/graph.ts";
import { apdexWord } from "../../core/services/services.ts";
import { x } from "../../core/tracesText.ts";
import { type Panel, pushPanel } from "../../core/url/panels.ts";
import { useServices } from "../../hooks/useServices.ts";
import { useTime } from "../../hooks/useTime.tsx";
import { SERVICE_TABS, type ServiceTab, useServiceUrl } from "../../hooks/useTracesUrl.ts";
import { useUrlPanel } from "../../hooks/useUrlPanel.ts";
import tabStyles from "../logs/Tabs.module.css";
import { Overview } from "./Overview.tsx";
import { Dependencies, Deployments, Errors, Operations, ServiceLogs, ServiceTraces } from "./ServiceParts.tsx";
import styles from "./ServicesPage.module.css";

const PANEL = "service-tab-panel";

export function ServicePage(): ReactNode {
  const { name = "" } = useParams();
  const [url, setUrl] = useServiceUrl();
  const [panel, setPanel] = useUrlPanel();
  const { span } = useTime();
  const services = useServices(span);
  const service = services.data?.find((one) => one.name === name);
  const open = (next: Panel): void => setPanel(pushPanel(panel, next));
  const tab = { name, onOpen: open };
  const content = (): ReactNode => {
    switch (url.tab) {
      case "operations":
        return <Operations {...tab} onPath={(operation) => setUrl({ tab: "overview", operation })} />;
      case "dependencies":
        return <Dependencies {...tab} />;
      case "errors":
        return <Errors {...tab} />;
      case "logs":
        return <ServiceLogs {...tab} />;
      case "traces":
        return <ServiceTraces {...tab} />;
      case "deployments":
        return <Deployments {...tab} />;
      case "overview":
        return <Overview name={name} url={url} onUrl={setUrl} />;
    }
  };
  return (
    <CursorProvider>
      <div className={styles.split}>
        <div className={styles.page}>
          <div className={styles.head} data-testid="service-head">
            <h2>{name}</h2>
            {service && (
              <p className={styles.facts}>
                <span>
                  <b>{formatRate(service.requestRate)}</b>
                </span>
                <span data-tone={errorTone(service.errorRate)}>
                  {x.errorRate} <b>{formatShare(service.errorRate)}</b>
                </span>
                {(["p50", "p95", "p99"] as const).map((quantile) => (
                  <span key={quantile}>
                    {quantile} <b>{formatUnit(service[quantile], "seconds")}</b>
                  </span>
                ))}
                <span title={x.apdexHelp}>
                  {x.apdex} <b>{service.apdex?.toFixed(2) ?? "–"}</b>{" "}
                  {service.apdex !== null && x.apdexWords[apdexWord(service.apdex)]}
                </span>
              </p>
            )}
            <span className={styles.space} />
            <Jumps service={name} slow={service?.p95 ?? null} onOpen={open} />
          </div>
          <ServiceTabs tab={url.tab} onTab={(next) => setUrl({ tab: next })} />
          <div className={styles.body} role="tabpanel" id={PANEL} aria-labelledby={`service-tab-${url.tab}`}>
            {content()}
          </div>
        </div>
        <Panels value={panel} onChange={setPanel} />
      </div>
    </CursorProvider>
  );
}

function ServiceTabs({ tab, onTab }: { tab: ServiceTab; onTab(tab: ServiceTab): void }): ReactNode {
  const list = useRef<HTMLDivElement>(null);
  const onKey = (event: KeyboardEvent): void => {
    const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!move) return;
    event.preventDefault();
    const next = (SERVICE_TABS.indexOf(tab) + move + SERVICE_TABS.length) % SERVICE_TABS.length;
    onTab(SERVICE_TABS[next] ?? "overview");
    list.current?.querySelectorAll<HTMLElement>("[role=tab]")[next]?.focus();
  };
  return (
    <div ref={list} className={styles.tabs} role="tablist" aria-label={x.serviceTabs}>
      {SERVICE_TABS.map((name) => (
        <button
          key={name}
          type="button"
          role="tab"
          id={`service-tab-${name}`}
          className={tabStyles.tab}
          aria-selected={name === tab}
          aria-controls={name === tab ? PANEL : undefined}
          tabIndex={name === tab ? 0 : -1}
          onClick={() => onTab(name)}
          onKeyDown={onKey}
        >
          {x.serviceTab[name]}
        </button>
      ))}
    </div>
  );
}

export { ServicePage as Component };
