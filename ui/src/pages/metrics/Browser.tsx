/** Every metric that there is: searched by the server, fifty at a time, with type, unit, help, cardinality and last use. */
import { Select, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconLayoutSidebarLeftCollapse, IconPlus, IconSearch } from "@tabler/icons-react";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, type MouseEvent, type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import { Link } from "react-router";
import { IconButton } from "../../components/common/IconButton.tsx";
import { ErrorState, Skeleton, State } from "../../components/common/State.tsx";
import type { CatalogOrder, MetricInfo } from "../../core/api/metrics.ts";
import { KINDS } from "../../core/metrics/queries.ts";
import { DECLARED_UNITS, unitOfMetric } from "../../core/metrics/units.ts";
import { m } from "../../core/metricsText.ts";
import { t } from "../../core/text.ts";
import { formatAge } from "../../core/time/format.ts";
import { fromMs } from "../../core/time/instant.ts";
import { useAction } from "../../hooks/useActions.tsx";
import { useApi } from "../../hooks/useApi.tsx";
import { useCatalog } from "../../hooks/useMetrics.ts";
import type { MetricsUrl } from "../../hooks/useMetricsUrl.ts";
import { usePagePath } from "../../hooks/usePagePath.ts";
import { useSetPrefs } from "../../hooks/usePrefs.ts";
import styles from "./Browser.module.css";

export type Picked = Pick<MetricInfo, "name" | "kind" | "parts">;

interface Props {
  url: MetricsUrl;
  onUrl(change: Partial<MetricsUrl>): void;
  onPick(metric: Picked): void;
  onAdd(metric: Picked): void;
}

const ROW = 62;

export function Browser({ url, onUrl, onPick, onAdd }: Props): ReactNode {
  const setPrefs = useSetPrefs();
  const [typed, setTyped] = useState(url.find);
  const [settled] = useDebouncedValue(typed, 200);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => setTyped(url.find), [url.find]);
  useEffect(() => {
    if (settled !== url.find && settled === typed) onUrl({ find: settled });
  }, [settled, typed, url.find, onUrl]);
  useAction("query", () => {
    if (url.tab !== "browse") return false;
    input.current?.focus();
    return true;
  });
  const catalog = useCatalog({ search: url.find, kind: url.kind, unit: url.munit, order: url.morder });
  const metrics = useMemo(() => catalog.data?.pages.flatMap((page) => page.metrics) ?? [], [catalog.data]);
  const total = catalog.data?.pages[0]?.total ?? 0;
  const filtered = url.find !== "" || url.kind !== "" || url.munit !== "";
  return (
    <aside className={styles.browser} aria-label={m.browser}>
      <div className={styles.filters}>
        <div className={styles.row}>
          <TextInput
            ref={input}
            size="xs"
            className={styles.grow}
            value={typed}
            onChange={(event) => setTyped(event.currentTarget.value)}
            placeholder={m.find}
            aria-label={m.find}
            leftSection={<IconSearch size={14} />}
          />
          <IconButton label={m.hideBrowser} onClick={() => setPrefs({ metricsShown: false })}>
            <IconLayoutSidebarLeftCollapse size={16} stroke={1.6} />
          </IconButton>
        </div>
        <div className={styles.row}>
          <Select
            size="xs"
            aria-label={m.kind}
            data={[{ value: "", label: m.anyKind }, ...KINDS.map((kind) => ({ value: kind, label: kind }))]}
            value={url.kind}
            onChange={(kind) => onUrl({ kind: kind ?? "" })}
            allowDeselect={false}
          />
          <Select
            size="xs"
            aria-label={m.unit}
            data={[{ value: "", label: m.anyUnit }, ...DECLARED_UNITS.map((unit) => ({ value: unit, label: unit }))]}
            value={url.munit}
            onChange={(munit) => onUrl({ munit: munit ?? "" })}
            allowDeselect={false}
          />
        </div>
        <div className={styles.row}>
          <span className={styles.count} aria-live="polite" data-testid="metric-count">
            {catalog.isSuccess ? m.count(total) : ""}
          </span>
          <Select
            size="xs"
            className={styles.order}
            aria-label={m.order}
            data={(Object.keys(m.orders) as CatalogOrder[]).map((order) => ({ value: order, label: m.orders[order] }))}
            value={url.morder}
            onChange={(order) => onUrl({ morder: (order ?? "name") as CatalogOrder })}
            allowDeselect={false}
          />
        </div>
      </div>
      {catalog.isPending && <Skeleton rows={8} />}
      {catalog.isError && metrics.length === 0 && (
        <ErrorState error={catalog.error} onRetry={() => void catalog.refetch()} />
      )}
      {catalog.isSuccess && metrics.length === 0 && (
        <NoMetrics filtered={filtered} onClear={() => onUrl({ find: "", kind: "", munit: "" })} />
      )}
      {metrics.length > 0 && (
        <MetricList
          metrics={metrics}
          total={total}
          chosen={url.metric}
          stale={catalog.isPlaceholderData}
          more={catalog.hasNextPage && !catalog.isFetchingNextPage ? () => void catalog.fetchNextPage() : null}
          onPick={onPick}
          onAdd={onAdd}
        />
      )}
    </aside>
  );
}

function NoMetrics({ filtered, onClear }: { filtered: boolean; onClear(): void }): ReactNode {
  const to = usePagePath();
  return filtered ? (
    <State
      title={m.empty.noMatch}
      actions={
        <button type="button" className={styles.link} onClick={onClear}>
          {m.empty.clear}
        </button>
      }
    >
      {m.empty.noMatchHelp}
    </State>
  ) : (
    <State
      title={m.empty.never}
      actions={
        <Link className={styles.link} to={to("/start", { source: "remotewrite" })}>
          {t.empty.neverButton}
        </Link>
      }
    >
      {m.empty.neverHelp}
    </State>
  );
}

function isChosen(metric: MetricInfo, chosen: string): boolean {
  return metric.name === chosen || metric.parts.includes(chosen);
}

/** What the last words of a row leave out. */
function moreAbout(metric: MetricInfo, age: (ms: number) => string): string | undefined {
  const said = [metric.last > 0 && m.lastSample(age(metric.last)), metric.queried === 0 && m.neverUsedHelp];
  return said.filter(Boolean).join(" · ") || undefined;
}

interface ListProps {
  metrics: MetricInfo[];
  total: number;
  chosen: string;
  stale: boolean;
  /** Asks for the next page; null when it is on its way or there is none. */
  more: (() => void) | null;
  onPick(metric: Picked): void;
  onAdd(metric: Picked): void;
}

function MetricList({ metrics, total, chosen, stale, more, onPick, onAdd }: ListProps): ReactNode {
  const api = useApi();
  const scroller = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState(-1);
  const virtual = useVirtualizer({
    count: metrics.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    overscan: 8,
  });
  const items = virtual.getVirtualItems();
  const lastShown = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (more && lastShown >= metrics.length - 10) more();
  }, [lastShown, metrics.length, more]);
  const now = fromMs(api.now());
  const age = (ms: number): string => formatAge(fromMs(ms), now);
  const onClick = (event: MouseEvent): void => {
    const target = event.target as Element;
    const metric = metrics[Number(target.closest<HTMLElement>("[data-at]")?.dataset.at ?? -1)];
    if (metric && !target.closest("button")) onPick(metric);
  };
  const onKey = (event: KeyboardEvent): void => {
    const last = metrics.length - 1;
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
    const current = metrics[active];
    if (step !== undefined || event.key === "Home" || event.key === "End") {
      const next = event.key === "Home" ? 0 : event.key === "End" ? last : active + (step ?? 0);
      const bounded = Math.min(last, Math.max(0, next));
      setActive(bounded);
      virtual.scrollToIndex(bounded);
    } else if (event.key === "Enter" && current) onPick(current);
    else if (event.key === "q" && current) onAdd(current);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div
      ref={scroller}
      className={styles.list}
      role="grid"
      aria-label={m.list}
      aria-rowcount={total}
      aria-activedescendant={active >= 0 ? `metric-${active}` : undefined}
      tabIndex={0}
      data-stale={stale || undefined}
      onClick={onClick}
      onKeyDown={onKey}
      onFocus={() =>
        setActive((current) =>
          current < 0
            ? Math.max(
                0,
                metrics.findIndex((one) => isChosen(one, chosen)),
              )
            : current,
        )
      }
      onBlur={() => setActive(-1)}
      data-testid="metric-list"
    >
      <div role="rowgroup" style={{ height: virtual.getTotalSize(), position: "relative" }}>
        {items.map((item) => {
          const metric = metrics[item.index];
          if (!metric) return null;
          const unit = metric.unit || unitOfMetric(metric.name);
          return (
            <div
              key={metric.name}
              id={`metric-${item.index}`}
              role="row"
              aria-selected={isChosen(metric, chosen)}
              aria-rowindex={item.index + 1}
              className={styles.metric}
              data-active={item.index === active || undefined}
              style={{ height: ROW, transform: `translateY(${item.start}px)` }}
              data-at={item.index}
              data-testid="metric"
            >
              <div role="gridcell">
                <div
                  className={styles.name}
                  title={metric.parts.length > 0 ? `${metric.name}\n${m.parts(metric.parts)}` : metric.name}
                >
                  {metric.name}
                </div>
                <div className={styles.help} title={metric.help}>
                  {metric.help || m.noHelp}
                </div>
                <div className={styles.facts}>
                  <span data-kind={metric.kind}>{metric.kind || m.unknownKind}</span>
                  {unit && <span>{unit}</span>}
                  <span>{m.series(metric.series)}</span>
                  <span className={styles.use} title={moreAbout(metric, age)}>
                    {metric.queried > 0 ? m.lastUse(metric.queries, age(metric.queried)) : m.neverUsed}
                  </span>
                </div>
              </div>
              <span className={styles.add} role="gridcell">
                <IconButton
                  label={`${m.addToQuery}: ${metric.name}`}
                  size={24}
                  tabIndex={-1}
                  onClick={() => onAdd(metric)}
                >
                  <IconPlus size={14} />
                </IconButton>
              </span>
            </div>
          );
        })}
      </div>
    </div>
  );
}
