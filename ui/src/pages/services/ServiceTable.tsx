/** Services in a table; a row opens the panel, the name the page. */
import { IconArrowDown, IconArrowUp } from "@tabler/icons-react";
import { type KeyboardEvent, type ReactNode, useState } from "react";
import { Link } from "react-router";
import { Spark } from "../../components/services/Spark.tsx";
import type { ServiceRow } from "../../core/api/traces.ts";
import { formatRate } from "../../core/format.ts";
import { formatShare } from "../../core/logs/compare.ts";
import { formatUnit } from "../../core/metrics/units.ts";
import { errorTone } from "../../core/services/graph.ts";
import { apdexWord, type ServiceOrder } from "../../core/services/services.ts";
import { x } from "../../core/tracesText.ts";
import { useAction } from "../../hooks/useActions.tsx";
import { usePagePath } from "../../hooks/usePagePath.ts";
import type { ServicesUrl } from "../../hooks/useTracesUrl.ts";
import styles from "./ServicesPage.module.css";

interface Props {
  services: readonly ServiceRow[];
  url: ServicesUrl;
  stale: boolean;
  onUrl(change: Partial<ServicesUrl>): void;
  onPanel(name: string): void;
}

export function ServiceTable({ services, url, stale, onUrl, onPanel }: Props): ReactNode {
  const to = usePagePath();
  const [focused, setFocused] = useState(0);
  const at = Math.min(focused, services.length - 1);
  const move = (row: number): undefined => {
    const next = Math.max(0, Math.min(services.length - 1, row));
    setFocused(next);
    document.getElementById(`service-row-${next}`)?.scrollIntoView({ block: "nearest" });
    return undefined;
  };
  useAction("rowDown", () => move(at + 1));
  useAction("rowUp", () => move(at - 1));
  useAction("rowPanel", () => onPanel(services[at]?.name ?? "") as undefined);
  useAction("rowToggle", () => onPanel(services[at]?.name ?? "") as undefined);
  const heading = (by: ServiceOrder, text: string, title = ""): ReactNode => (
    <th
      scope="col"
      title={title}
      data-number={by !== "name" || undefined}
      aria-sort={url.sort === by ? (url.down ? "descending" : "ascending") : undefined}
    >
      <button
        type="button"
        onClick={() => onUrl({ sort: by, down: url.sort === by ? !url.down : by !== "name" && by !== "apdex" })}
      >
        {text}
        {url.sort === by && (url.down ? <IconArrowDown size={12} /> : <IconArrowUp size={12} />)}
      </button>
    </th>
  );
  return (
    <div className={styles.box} data-stale={stale || undefined}>
      <table className={styles.table} aria-label={x.servicesTitle} data-testid="services">
        <thead>
          <tr>
            {heading("name", x.service)}
            {heading("requestRate", x.rate)}
            <th scope="col" data-minor>
              <span className="visually-hidden">
                {x.overTime}: {x.sparkRate}
              </span>
            </th>
            {heading("errorRate", x.errorRate)}
            <th scope="col" data-minor>
              <span className="visually-hidden">
                {x.overTime}: {x.sparkErrors}
              </span>
            </th>
            {heading("p50", "p50")}
            {heading("p95", "p95")}
            <th scope="col" data-minor>
              <span className="visually-hidden">
                {x.overTime}: {x.sparkP95}
              </span>
            </th>
            {heading("p99", "p99")}
            {heading("apdex", x.apdex, x.apdexHelp)}
          </tr>
        </thead>
        <tbody>
          {services.map((service, row) => {
            const onKey = (event: KeyboardEvent): void => {
              if (event.key === "ArrowDown") move(row + 1);
              else if (event.key === "ArrowUp") move(row - 1);
            };
            return (
              <tr
                key={service.name}
                id={`service-row-${row}`}
                data-focused={row === at || undefined}
                data-testid="service-row"
                onClick={() => onPanel(service.name)}
                onKeyDown={onKey}
              >
                <th scope="row">
                  <Link
                    to={to(`/services/${encodeURIComponent(service.name)}`)}
                    onClick={(event) => event.stopPropagation()}
                  >
                    {service.name}
                  </Link>
                </th>
                <td data-number>{formatRate(service.requestRate)}</td>
                <td data-minor>
                  <Spark points={service.spark} width={96} height={22} of={1} label={x.sparkRate} />
                </td>
                <td data-number data-tone={errorTone(service.errorRate)}>
                  {formatShare(service.errorRate)}
                </td>
                <td data-minor>
                  <Spark points={service.spark} width={72} height={22} of={2} label={x.sparkErrors} tone="danger" />
                </td>
                <td data-number>{formatUnit(service.p50, "seconds")}</td>
                <td data-number>{formatUnit(service.p95, "seconds")}</td>
                <td data-minor>
                  <Spark points={service.spark} width={72} height={22} of={3} label={x.sparkP95} />
                </td>
                <td data-number>{formatUnit(service.p99, "seconds")}</td>
                <td data-number title={service.apdex === null ? undefined : x.apdexWords[apdexWord(service.apdex)]}>
                  {service.apdex?.toFixed(2) ?? "–"}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
