/** Is data arriving, how much, from whom, and the way back to what one did last. Without any data: how to begin. */
import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link, useNavigate } from "react-router";
import { ErrorState, Skeleton } from "../../components/common/State.tsx";
import { formatCount, formatRate, formatShort } from "../../core/format.ts";
import { fieldTerm } from "../../core/query/edit.ts";
import { t } from "../../core/text.ts";
import { formatAge } from "../../core/time/format.ts";
import { fromMs, fromNsText } from "../../core/time/instant.ts";
import { absolute, zoomOut } from "../../core/time/range.ts";
import { useApi, useBackend } from "../../hooks/useApi.tsx";
import { useFacets, useHistogram } from "../../hooks/useLogs.ts";
import { usePagePath } from "../../hooks/usePagePath.ts";
import { usePrefs } from "../../hooks/usePrefs.ts";
import { useSize } from "../../hooks/useSize.ts";
import { useTime } from "../../hooks/useTime.tsx";
import { HistogramChart } from "../logs/HistogramChart.tsx";
import { StartPage } from "../start/StartPage.tsx";
import styles from "./HomePage.module.css";

function Tile({
  label,
  value,
  note,
  tone,
}: {
  label: string;
  value: ReactNode;
  note?: string;
  tone?: string;
}): ReactNode {
  return (
    <div className={styles.tile}>
      <dt>{label}</dt>
      <dd data-tone={tone}>
        {value}
        {note && <small>{note}</small>}
      </dd>
    </div>
  );
}

function Overview({ stored, last }: { stored: number; last: string }): ReactNode {
  const api = useApi();
  const to = usePagePath();
  const navigate = useNavigate();
  const time = useTime();
  const { searches } = usePrefs();
  const [box, { width }] = useSize<HTMLDivElement>();
  const scope = { query: "", span: time.span };
  const histogram = useHistogram(scope, "severity", width === 0 ? 0 : Math.min(200, Math.floor(width / 90) * 10));
  const services = useFacets(scope, ["service"], true);
  const status = useQuery({
    queryKey: ["ingest-status"],
    queryFn: ({ signal }) => api.ingestStatus(signal),
    refetchInterval: 10_000,
  });
  const info = useQuery({
    queryKey: ["info"],
    queryFn: ({ signal }) => api.info(signal),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const bad = histogram.data?.series
    .filter((series) => series.key === "error" || series.key === "fatal")
    .reduce((sum, series) => sum + series.total, 0);
  const values = services.data?.facets[0]?.values ?? [];
  const most = Math.max(1, ...values.map((value) => value.count));
  const retention = info.data?.retention_days.logs;
  return (
    <div className={styles.page} ref={box}>
      <dl className={styles.tiles}>
        <Tile label={t.home.rate} value={formatRate(status.data?.records_per_second ?? 0)} />
        <Tile
          label={t.home.stored}
          value={formatShort(stored)}
          note={retention === undefined ? undefined : t.home.retention(retention)}
        />
        <Tile
          label={t.home.errors}
          value={bad === undefined ? "…" : formatShort(bad)}
          tone={bad ? "error" : undefined}
        />
        <Tile label={t.home.last} value={last === "" ? t.home.never : formatAge(fromNsText(last), fromMs(api.now()))} />
        <Tile label={t.home.rejected} value={formatCount(status.data?.rejected_total ?? 0)} />
      </dl>
      <section className={styles.card}>
        <div className={styles.cardHead}>
          <h2>{t.home.volume}</h2>
          <Button size="compact-xs" variant="default" component={Link} to={to("/logs")}>
            {t.home.openLogs}
          </Button>
        </div>
        <HistogramChart
          histogram={histogram.data}
          span={time.span}
          zone={time.zone}
          stale={histogram.isPlaceholderData}
          onZoom={(span) => time.setRange(absolute(span))}
          onZoomOut={() => time.setRange(zoomOut(time.range, time.span))}
        />
      </section>
      <div className={styles.columns}>
        <section className={styles.card}>
          <div className={styles.cardHead}>
            <h2>{t.home.services}</h2>
            <Button size="compact-xs" variant="default" onClick={() => void navigate(to("/start"))}>
              {t.home.addSource}
            </Button>
          </div>
          {services.isPending && <Skeleton rows={5} />}
          {services.isError && <ErrorState error={services.error} onRetry={() => void services.refetch()} />}
          <ul className={styles.list}>
            {values.map((entry) => (
              <li key={entry.value}>
                <Link className={styles.item} to={to("/logs", { q: fieldTerm("service", entry.value) })}>
                  {entry.value || t.logs.empty}
                  <i className={styles.bar} style={{ width: `${(entry.count / most) * 80}%` }} />
                  <span>{formatShort(entry.count)}</span>
                </Link>
              </li>
            ))}
          </ul>
        </section>
        <section className={styles.card}>
          <div className={styles.cardHead}>
            <h2>{t.home.recent}</h2>
          </div>
          {searches.length === 0 && <p className={styles.note}>{t.home.noQueries}</p>}
          <ul className={styles.list}>
            {searches.slice(0, 10).map((search) => (
              <li key={search}>
                <Link className={styles.item} to={to("/logs", { q: search })}>
                  <code>{search}</code>
                </Link>
              </li>
            ))}
          </ul>
        </section>
      </div>
    </div>
  );
}

export function HomePage(): ReactNode {
  const api = useApi();
  const { tenant } = useBackend();
  const bounds = useQuery({
    queryKey: ["logs", "bounds", tenant.current],
    queryFn: ({ signal }) => api.bounds({ query: "" }, signal),
    refetchInterval: 10_000,
  });
  if (bounds.isPending) return <Skeleton rows={8} />;
  if (bounds.isError) return <ErrorState error={bounds.error} onRetry={() => void bounds.refetch()} />;
  return bounds.data.count === 0 ? <StartPage /> : <Overview stored={bounds.data.count} last={bounds.data.last} />;
}

export { HomePage as Component };
