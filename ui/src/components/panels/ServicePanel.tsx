/** A service beside another page: how it does, and the jumps to its signals with their numbers. */

import { Button } from "@mantine/core";
import { IconExternalLink } from "@tabler/icons-react";
import type { ReactNode } from "react";
import type { NavigateFunction } from "react-router";
import { formatRate } from "../../core/format.ts";
import { formatShare } from "../../core/logs/compare.ts";
import { formatUnit } from "../../core/metrics/units.ts";
import { apdexWord, slowOf, tracesOf } from "../../core/services/services.ts";
import type { Blame } from "../../core/traces/model.ts";
import { x } from "../../core/tracesText.ts";
import type { Panel } from "../../core/url/panels.ts";
import { usePagePath } from "../../hooks/usePagePath.ts";
import { useServices } from "../../hooks/useServices.ts";
import { useTime } from "../../hooks/useTime.tsx";
import { useTraceSearch } from "../../hooks/useTraces.ts";
import { ErrorState, Skeleton, State } from "../common/State.tsx";
import { Jumps } from "../services/Jumps.tsx";
import { Spark } from "../services/Spark.tsx";
import { TraceList } from "../trace/TraceList.tsx";
import styles from "./Panels.module.css";

const EXAMPLES = 4;

interface Props {
  name: string;
  onOpen(panel: Panel): void;
  onGo: NavigateFunction;
}

export default function ServicePanel({ name, onOpen, onGo }: Props): ReactNode {
  const { span } = useTime();
  const to = usePagePath();
  const services = useServices(span);
  const service = services.data?.find((one) => one.name === name);
  return (
    <div className={styles.body} data-testid="service-panel">
      <div className={styles.jumps}>
        <Button
          size="compact-xs"
          leftSection={<IconExternalLink size={14} />}
          onClick={() => void onGo(to(`/services/${encodeURIComponent(name)}`))}
        >
          {x.openPage}
        </Button>
        <Jumps service={name} slow={service?.p95 ?? null} onOpen={onOpen} />
      </div>
      {services.isPending && <Skeleton rows={6} />}
      {services.isError && <ErrorState error={services.error} onRetry={() => void services.refetch()} />}
      {services.data && !service && <State title={x.noServicesRange}>{x.noServicesRangeHelp}</State>}
      {service && (
        <>
          <dl className={styles.facts}>
            <dt>{x.rate}</dt>
            <dd>{formatRate(service.requestRate)}</dd>
            <dt>{x.errorRate}</dt>
            <dd>{formatShare(service.errorRate)}</dd>
            {(["p50", "p95", "p99"] as const).map((quantile) => (
              <div key={quantile} style={{ display: "contents" }}>
                <dt>{quantile}</dt>
                <dd>{formatUnit(service[quantile], "seconds")}</dd>
              </div>
            ))}
            <dt title={x.apdexHelp}>{x.apdex}</dt>
            <dd>
              {service.apdex === null ? "–" : `${service.apdex.toFixed(2)} (${x.apdexWords[apdexWord(service.apdex)]})`}
            </dd>
          </dl>
          <Blamed title={x.slowest} query={service.p95 ? slowOf(name, service.p95) : ""} what="slow" onOpen={onOpen} />
          <Blamed title={x.failures} query={tracesOf(name, "status = error")} what="error" onOpen={onOpen} />
          <h3>{x.overTime}</h3>
          <div className={styles.spark}>
            <span>{x.sparkRate}</span>
            <Spark points={service.spark} width={400} height={44} label={x.sparkRate} of={1} />
          </div>
          <div className={styles.spark}>
            <span>{x.sparkErrors}</span>
            <Spark points={service.spark} width={400} height={44} label={x.sparkErrors} of={2} tone="danger" />
          </div>
          <div className={styles.spark}>
            <span>{x.sparkP95}</span>
            <Spark points={service.spark} width={400} height={44} label={x.sparkP95} of={3} />
          </div>
        </>
      )}
    </div>
  );
}

/** Some of its traces; each opens at the span that is to blame, with its logs. */
function Blamed(props: { title: string; query: string; what: Blame; onOpen(panel: Panel): void }): ReactNode {
  const { title, query, what, onOpen } = props;
  const { span } = useTime();
  const answer = useTraceSearch({ query, span }, what === "slow" ? "longest" : "newest", EXAMPLES, query !== "");
  const traces = answer.data?.traces ?? [];
  if (answer.isError) return <ErrorState error={answer.error} onRetry={() => void answer.refetch()} />;
  if (traces.length === 0) return null;
  return (
    <section aria-label={title} data-testid={`blamed-${what}`}>
      <h3>{title}</h3>
      <TraceList
        traces={traces}
        selected=""
        small
        onOpen={(trace) => onOpen({ kind: "trace", id: trace.traceId, span: what })}
      />
    </section>
  );
}
