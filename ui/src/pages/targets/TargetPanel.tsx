/** One target: what discovery said, what each relabelling rule made of it, and what it became. */
import { Button } from "@mantine/core";
import { IconChartLine } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { ErrorState, Skeleton } from "../../components/common/State.tsx";
import { SidePanel } from "../../components/shell/SidePanel.tsx";
import type { RelabelStep, TargetInfo } from "../../core/api/metrics.ts";
import { labelChanges } from "../../core/metrics/relabel.ts";
import { selectorOf } from "../../core/metrics/series.ts";
import { g } from "../../core/metricsText.ts";
import { useBackend } from "../../hooks/useApi.tsx";
import { usePagePath } from "../../hooks/usePagePath.ts";
import { usePermission } from "../../hooks/useSession.ts";
import styles from "./TargetsPage.module.css";

function LabelList({ labels, title }: { labels: Readonly<Record<string, string>>; title: string }): ReactNode {
  return (
    <section>
      <h3>{title}</h3>
      <dl className={styles.facts}>
        {Object.entries(labels)
          .sort(([a], [b]) => a.localeCompare(b))
          .map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
      </dl>
    </section>
  );
}

function ruleText(rule: Record<string, unknown>): string {
  return Object.entries(rule)
    .filter(([name]) => name !== "action")
    .map(([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join("\n");
}

function Step({ step }: { step: RelabelStep }): ReactNode {
  const changes = step.after === null ? [] : labelChanges(step.before, step.after);
  return (
    <li className={styles.step} data-testid="relabel-step">
      <b>{g.step(step.number, step.action)}</b>
      {ruleText(step.rule) !== "" && <pre>{ruleText(step.rule)}</pre>}
      {step.after === null && <p className={styles.error}>{g.isDropped}</p>}
      {step.after !== null && changes.length === 0 && <p className={styles.muted}>{g.unchanged}</p>}
      {changes.length > 0 && (
        <ul className={styles.changes}>
          {changes.map((change) => (
            <li key={change.name} data-kind={change.kind}>
              <span className={styles.kind}>{g[change.kind]}</span>
              <code>{change.name}</code>
              {change.kind !== "added" && <del>{change.before || '""'}</del>}
              {change.kind !== "removed" && <ins>{change.after || '""'}</ins>}
            </li>
          ))}
        </ul>
      )}
    </li>
  );
}

function Steps({ pool, id }: { pool: string; id: string }): ReactNode {
  const { api, tenant } = useBackend();
  const answer = useQuery({
    queryKey: ["targets", tenant.current, "relabel", pool, id],
    queryFn: ({ signal }) => api.targetRelabel({ pool, id }, signal),
  });
  return (
    <section>
      <h3>{g.steps}</h3>
      {answer.isPending && <Skeleton rows={4} />}
      {answer.isError && <ErrorState error={answer.error} onRetry={() => void answer.refetch()} />}
      {answer.data && answer.data.steps.length === 0 && <p className={styles.muted}>{g.noSteps}</p>}
      {answer.data && answer.data.steps.length > 0 && (
        <ol className={styles.steps}>
          {answer.data.steps.map((step) => (
            <Step key={step.number} step={step} />
          ))}
        </ol>
      )}
    </section>
  );
}

export function TargetPanel({ target, onClose }: { target: TargetInfo; onClose(): void }): ReactNode {
  const to = usePagePath();
  const mayRead = usePermission("metrics:read");
  const { job = "", instance = "" } = target.labels;
  return (
    <SidePanel
      title={target.url}
      onClose={onClose}
      tools={
        mayRead && (
          <Button
            size="compact-xs"
            variant="default"
            component={Link}
            to={to("/metrics", { tab: "query", q: selectorOf("", { job, instance }) })}
            leftSection={<IconChartLine size={14} />}
          >
            {g.metric}
          </Button>
        )
      }
    >
      <div className={styles.panel} data-testid="target-panel">
        {target.last_error !== "" && (
          <section>
            <h3>{g.error}</h3>
            <p className={styles.error}>{target.last_error}</p>
          </section>
        )}
        <LabelList title={g.after} labels={target.labels} />
        <Steps pool={target.pool} id={target.id} />
        <LabelList title={g.discovered} labels={target.discovered} />
      </div>
    </SidePanel>
  );
}

export function DroppedPanel({ pool, onClose }: { pool: string; onClose(): void }): ReactNode {
  const { api, tenant } = useBackend();
  const answer = useQuery({
    queryKey: ["targets", tenant.current, "dropped", pool],
    queryFn: ({ signal }) => api.droppedTargets({ pool }, signal),
  });
  return (
    <SidePanel title={g.droppedTitle(pool)} onClose={onClose}>
      <div className={styles.panel} data-testid="dropped-panel">
        {answer.isPending && <Skeleton rows={6} />}
        {answer.isError && <ErrorState error={answer.error} onRetry={() => void answer.refetch()} />}
        {answer.data && (
          <>
            {answer.data.total > answer.data.targets.length && (
              <p className={styles.muted}>{g.droppedNote(answer.data.targets.length, answer.data.total)}</p>
            )}
            {answer.data.targets.map((target) => (
              <LabelList
                key={target.id}
                title={`${target.discovered.__address__ ?? target.id} · ${g.droppedBy(target.dropped_by)}`}
                labels={target.discovered}
              />
            ))}
          </>
        )}
      </div>
    </SidePanel>
  );
}
