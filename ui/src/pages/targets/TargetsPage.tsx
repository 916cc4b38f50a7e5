/** What Nexus scrapes: pools and their targets, what went wrong last, and how each target got its labels. */

import { Button, TextInput } from "@mantine/core";
import { IconRefresh, IconSearch } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { type ReactNode, useMemo, useState } from "react";
import { Snippet } from "../../components/common/Snippet.tsx";
import { ErrorState, Skeleton, State } from "../../components/common/State.tsx";
import { ApiError } from "../../core/api/errors.ts";
import type { Health, TargetInfo, TargetPool } from "../../core/api/metrics.ts";
import { formatBytes, formatCount, formatDuration } from "../../core/format.ts";
import { labelsText } from "../../core/metrics/series.ts";
import { g } from "../../core/metricsText.ts";
import { scrapeConfig, scrapeExample } from "../../core/snippets.ts";
import { formatAge } from "../../core/time/format.ts";
import { fromMs, type Instant } from "../../core/time/instant.ts";
import { toast } from "../../core/toasts.ts";
import { useAction } from "../../hooks/useActions.tsx";
import { useApi, useBackend } from "../../hooks/useApi.tsx";
import { type TargetsUrl, useTargetsUrl } from "../../hooks/useMetricsUrl.ts";
import { useSession } from "../../hooks/useSession.ts";
import { DroppedPanel, TargetPanel } from "./TargetPanel.tsx";
import styles from "./TargetsPage.module.css";

const HEALTH: readonly Health[] = ["down", "unknown", "up"];
const FIRST = 100;

function matches(target: TargetInfo, find: string): boolean {
  const text = `${target.url} ${target.last_error} ${labelsText(target.labels)}`.toLowerCase();
  return find
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** Pools with those of their targets that the filters leave; pools without any are left out. */
export function filterPools(
  pools: readonly TargetPool[],
  { find, health, pool }: Pick<TargetsUrl, "find" | "health" | "pool">,
): TargetPool[] {
  return pools
    .filter((one) => pool === "" || one.name === pool)
    .map((one) => ({
      ...one,
      targets: one.targets.filter((target) => (health === null || target.health === health) && matches(target, find)),
    }))
    .filter((one) => one.targets.length > 0 || (find === "" && health === null));
}

export function TargetsPage(): ReactNode {
  const { api, tenant } = useBackend();
  const [url, setUrl] = useTargetsUrl();
  const answer = useQuery({
    queryKey: ["targets", tenant.current],
    refetchInterval: 5000,
    queryFn: ({ signal }) => api.targets(signal),
  });
  useAction("refresh", () => {
    void answer.refetch();
    return true;
  });
  const pools = useMemo(() => filterPools(answer.data?.pools ?? [], url), [answer.data, url]);
  if (answer.isPending) return <Skeleton rows={8} />;
  if (!answer.data) return <ErrorState error={answer.error} onRetry={() => void answer.refetch()} />;
  const { configured } = answer.data;
  if (!configured) return <NothingScraped />;
  const all = answer.data.pools.flatMap((pool) => pool.targets);
  const target = url.target === "" ? undefined : all.find((one) => one.id === url.target);
  const now = fromMs(api.now());
  const filtered = url.find !== "" || url.health !== null || url.pool !== "";
  return (
    <div className={styles.split}>
      <div className={styles.page}>
        <Head answer={answer.data} now={now} onReloaded={() => void answer.refetch()} />
        {answer.isError && <ErrorState error={answer.error} onRetry={() => void answer.refetch()} />}
        {answer.data.error !== "" && (
          <div className={styles.banner} role="alert">
            <b>{g.lastReload}.</b> {answer.data.error} {g.stillOld}
          </div>
        )}
        {answer.data.pools.length === 0 ? (
          <State title={g.noPools}>
            <div className={styles.snippets}>
              <Example />
            </div>
          </State>
        ) : (
          <>
            <Filters pools={answer.data.pools} url={url} onUrl={setUrl} />
            {pools.length === 0 && (
              <State
                title={g.noMatch}
                actions={
                  filtered && (
                    <Button size="xs" variant="default" onClick={() => setUrl({ find: "", health: null, pool: "" })}>
                      {g.clear}
                    </Button>
                  )
                }
              />
            )}
            {pools.map((pool) => (
              <Pool key={pool.name} pool={pool} chosen={url.target} now={now} onUrl={setUrl} />
            ))}
          </>
        )}
      </div>
      {target && <TargetPanel target={target} onClose={() => setUrl({ target: "" })} />}
      {!target && url.dropped !== "" && <DroppedPanel pool={url.dropped} onClose={() => setUrl({ dropped: "" })} />}
    </div>
  );
}

interface HeadProps {
  answer: { file: string; loaded_at: string; may_reload: boolean };
  now: Instant;
  onReloaded(): void;
}

function Head({ answer, now, onReloaded }: HeadProps): ReactNode {
  const api = useApi();
  const reload = useMutation({
    mutationFn: () => api.reloadTargets(),
    onSuccess: (done) => toast(g.reloaded(done.pools, done.targets)),
    onSettled: onReloaded,
  });
  const loaded = Date.parse(answer.loaded_at);
  return (
    <>
      <div className={styles.head}>
        <p className={styles.lead}>
          {g.lead}
          <span>
            {answer.file && g.from(answer.file)}
            {!Number.isNaN(loaded) && `, ${g.loaded(formatAge(fromMs(loaded), now))}`}
          </span>
        </p>
        {answer.may_reload && (
          <Button
            size="xs"
            variant="default"
            loading={reload.isPending}
            leftSection={<IconRefresh size={14} />}
            onClick={() => reload.mutate()}
          >
            {g.reload}
          </Button>
        )}
      </div>
      {reload.isError && (
        <div className={styles.banner} role="alert" data-testid="reload-failed">
          <b>{g.reloadFailed}.</b> {reload.error.message} {reload.error instanceof ApiError && reload.error.hint}{" "}
          {g.stillOld}
        </div>
      )}
    </>
  );
}

function Filters({
  pools,
  url,
  onUrl,
}: {
  pools: TargetPool[];
  url: TargetsUrl;
  onUrl(change: Partial<TargetsUrl>): void;
}): ReactNode {
  const sum = (pick: (pool: TargetPool) => number): number => pools.reduce((total, pool) => total + pick(pool), 0);
  return (
    <div className={styles.filters}>
      <TextInput
        size="xs"
        className={styles.find}
        value={url.find}
        onChange={(event) => onUrl({ find: event.currentTarget.value })}
        placeholder={g.find}
        aria-label={g.find}
        leftSection={<IconSearch size={14} />}
      />
      <fieldset className={styles.states} aria-label={g.states}>
        <button type="button" aria-pressed={url.health === null} onClick={() => onUrl({ health: null })}>
          {g.all} <b>{formatCount(sum((pool) => pool.up + pool.down + pool.unknown))}</b>
        </button>
        {HEALTH.map((health) => (
          <button
            key={health}
            type="button"
            data-health={health}
            aria-pressed={url.health === health}
            onClick={() => onUrl({ health: url.health === health ? null : health })}
            data-testid={`health-${health}`}
          >
            <span className={styles.dot} data-health={health} aria-hidden /> {g.health[health]}{" "}
            <b>{formatCount(sum((pool) => pool[health]))}</b>
          </button>
        ))}
      </fieldset>
      {pools.length > 1 && (
        <nav className={styles.pools} aria-label={g.pools}>
          {pools.map((pool) => (
            <button
              key={pool.name}
              type="button"
              aria-pressed={url.pool === pool.name}
              onClick={() => onUrl({ pool: url.pool === pool.name ? "" : pool.name })}
            >
              {pool.down > 0 && <span className={styles.dot} data-health="down" aria-hidden />}
              {pool.name}
            </button>
          ))}
        </nav>
      )}
    </div>
  );
}

interface PoolProps {
  pool: TargetPool;
  chosen: string;
  now: Instant;
  onUrl(change: Partial<TargetsUrl>): void;
}

function Pool({ pool, chosen, now, onUrl }: PoolProps): ReactNode {
  const [limit, setLimit] = useState(FIRST);
  const shown = pool.targets.slice(0, limit);
  return (
    <section className={styles.pool} aria-label={g.pool(pool.name)} data-testid="pool">
      <div className={styles.poolHead}>
        <h2>{pool.name}</h2>
        {HEALTH.filter((health) => pool[health] > 0).map((health) => (
          <span key={health} className={styles.state} data-health={health}>
            <span className={styles.dot} data-health={health} aria-hidden /> {formatCount(pool[health])}{" "}
            {g.health[health]}
          </span>
        ))}
        <span className={styles.muted}>
          {[
            g.every(formatDuration(pool.interval_ms)),
            g.timeout(formatDuration(pool.timeout_ms)),
            pool.discovery.join(", "),
          ]
            .filter(Boolean)
            .join(" · ")}
        </span>
        {pool.dropped > 0 && (
          <button type="button" className={styles.link} onClick={() => onUrl({ dropped: pool.name, target: "" })}>
            {g.dropped(pool.dropped)}
          </button>
        )}
      </div>
      {pool.error !== "" && (
        <p className={styles.error}>
          {g.discoveryFailed}: {pool.error}
        </p>
      )}
      {shown.length > 0 && (
        <div className={styles.box}>
          <table className={styles.table} aria-label={g.list(pool.name)}>
            <thead>
              <tr>
                <th scope="col">{g.target}</th>
                <th scope="col">{g.state}</th>
                <th scope="col" data-minor>
                  {g.labels}
                </th>
                <th scope="col" className={styles.number}>
                  {g.lastScrape}
                </th>
                <th scope="col" className={styles.number}>
                  {g.duration}
                </th>
                <th scope="col" className={styles.number} title={g.samplesHelp}>
                  {g.samples}
                </th>
                <th scope="col" className={styles.number} data-minor>
                  {g.size}
                </th>
              </tr>
            </thead>
            <tbody>
              {shown.map((target) => (
                <Row
                  key={target.id}
                  target={target}
                  chosen={target.id === chosen}
                  now={now}
                  onOpen={() => onUrl({ target: target.id, dropped: "" })}
                />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {pool.targets.length > shown.length && (
        <Button size="compact-xs" variant="default" onClick={() => setLimit(limit + 500)}>
          {g.next} ({formatCount(pool.targets.length - shown.length)})
        </Button>
      )}
    </section>
  );
}

function Row({
  target,
  chosen,
  now,
  onOpen,
}: {
  target: TargetInfo;
  chosen: boolean;
  now: Instant;
  onOpen(): void;
}): ReactNode {
  const last = Date.parse(target.last_scrape);
  return (
    <tr data-selected={chosen || undefined} data-testid="target">
      <th scope="row">
        <button type="button" className={styles.link} aria-label={g.open(target.url)} onClick={onOpen}>
          {target.url}
        </button>
        {target.last_error !== "" && <span className={styles.error}>{target.last_error}</span>}
      </th>
      <td>
        <span className={styles.state} data-health={target.health}>
          <span className={styles.dot} data-health={target.health} aria-hidden /> {g.health[target.health]}
        </span>
      </td>
      <td className={styles.labels} data-minor>
        {Object.entries(target.labels)
          .filter(([name]) => !name.startsWith("__"))
          .slice(0, 8)
          .map(([name, value]) => (
            <code key={name} title={`${name}="${value}"`}>
              {name}=<b>{value}</b>
            </code>
          ))}
      </td>
      <td className={styles.number}>{Number.isNaN(last) ? g.never : formatAge(fromMs(last), now)}</td>
      <td className={styles.number}>{Number.isNaN(last) ? "–" : formatDuration(target.last_duration_ms)}</td>
      <td className={styles.number}>
        {Number.isNaN(last)
          ? "–"
          : target.samples_kept === target.samples
            ? formatCount(target.samples)
            : `${formatCount(target.samples_kept)} / ${formatCount(target.samples)}`}
      </td>
      <td className={styles.number} data-minor>
        {target.body_bytes > 0 ? formatBytes(target.body_bytes) : "–"}
      </td>
    </tr>
  );
}

function Example(): ReactNode {
  return <Snippet title={g.noneExample} text={scrapeExample} />;
}

function NothingScraped(): ReactNode {
  const { tenant } = useBackend();
  const session = useSession().data;
  const here = tenant.current || session?.tenant || "default";
  return (
    <State title={g.none}>
      <p>{g.noneHelp}</p>
      <div className={styles.snippets}>
        <Snippet title={g.noneHead} text={scrapeConfig(here)} />
        <Snippet title={g.noneEnv} text="NEXUS_SCRAPE_FILE=/etc/prometheus/prometheus.yml" />
        <Example />
      </div>
    </State>
  );
}

export { TargetsPage as Component };
