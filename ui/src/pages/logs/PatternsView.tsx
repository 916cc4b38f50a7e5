/** Patterns of the matching records: how many, when, how severe, since when; each a filter away. */
import { Button, Checkbox } from "@mantine/core";
import { IconFileSearch, IconMinus, IconPlus, IconSparkles } from "@tabler/icons-react";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, type MouseEvent, memo, type ReactNode, useMemo, useRef, useState } from "react";
import { CopyIcon } from "../../components/common/CopyButton.tsx";
import { IconButton } from "../../components/common/IconButton.tsx";
import { ErrorState, NoPermission, Skeleton, State } from "../../components/common/State.tsx";
import { ApiError } from "../../core/api/errors.ts";
import type { Pattern, PatternOrder } from "../../core/api/explore.ts";
import { formatCount, formatDuration, formatShort } from "../../core/format.ts";
import { formatShare } from "../../core/logs/compare.ts";
import { severityShares, sparkPath, templatePieces } from "../../core/logs/patterns.ts";
import { t } from "../../core/text.ts";
import { formatAge, formatInstant } from "../../core/time/format.ts";
import { fromNsText, type Instant } from "../../core/time/instant.ts";
import { useAction } from "../../hooks/useActions.tsx";
import { usePatterns } from "../../hooks/useExplore.ts";
import type { Scope } from "../../hooks/useLogs.ts";
import { useTime } from "../../hooks/useTime.tsx";
import type { LogsUrl } from "../../hooks/useUrlState.ts";
import { EmptyRows } from "./EmptyRows.tsx";
import page from "./LogsPage.module.css";
import styles from "./PatternsView.module.css";
import status from "./StatusLine.module.css";
import { FacetsButton } from "./StatusLine.tsx";
import { useFilters } from "./useFilters.tsx";

const ROW = 48;
const SPARK = { width: 132, height: 26 };
const SINCE = { "": t.patterns.sinceStart, "now-1d": t.patterns.sinceDay, "now-7d": t.patterns.sinceWeek };

interface RowProps {
  pattern: Pattern;
  index: number;
  start: number;
  total: number;
  now: Instant;
  zone: string;
  active: boolean;
}

function Template({ text }: { text: string }): ReactNode {
  if (text === "") return <span className={styles.faint}>{t.patterns.noBody}</span>;
  return templatePieces(text.slice(0, 600)).map((piece, index) =>
    piece.placeholder ? (
      <span key={index} className={styles.mask}>
        *
      </span>
    ) : (
      <span key={index}>{piece.text}</span>
    ),
  );
}

function Severities({ counts }: { counts: Record<string, number> }): ReactNode {
  const shares = severityShares(counts);
  const said = shares.map((entry) => `${entry.severity} ${formatCount(entry.count)}`).join(", ");
  return (
    <div className={styles.severities} role="img" aria-label={said} title={said}>
      {shares.map((entry) => (
        <span key={entry.severity} style={{ flexGrow: entry.share, background: `var(--severity-${entry.severity})` }} />
      ))}
    </div>
  );
}

const PatternRow = memo(function PatternRow(props: RowProps): ReactNode {
  const { pattern, index, start, total, now, zone, active } = props;
  const seen = fromNsText(pattern.first_seen);
  const [first, second] = pattern.services;
  const more = pattern.services.length - 2;
  const path = useMemo(() => sparkPath(pattern.counts, SPARK.width, SPARK.height), [pattern.counts]);
  return (
    <div
      id={`pattern-${index}`}
      className={styles.row}
      style={{ transform: `translateY(${start}px)` }}
      role="row"
      aria-rowindex={index + 2}
      data-index={index}
      data-active={active || undefined}
      data-testid="pattern-row"
    >
      <div role="gridcell" className={styles.number}>
        <b>{formatShort(pattern.count)}</b>
        <span>{formatShare(pattern.count / Math.max(1, total))}</span>
      </div>
      <div role="gridcell" className={styles.spark}>
        <svg width={SPARK.width} height={SPARK.height} aria-hidden="true">
          <path d={path} />
        </svg>
        <Severities counts={pattern.severities} />
      </div>
      <div role="gridcell" className={styles.template} title={pattern.template}>
        <Template text={pattern.template} />
      </div>
      <div role="gridcell" className={styles.services} title={pattern.services.join(", ")}>
        <span>{first || t.logs.empty}</span>
        {second !== undefined && (
          <span>
            {second || t.logs.empty}
            {more > 0 && <span className={styles.faint}> {t.patterns.moreServices(more)}</span>}
          </span>
        )}
      </div>
      <div role="gridcell" className={styles.seen} title={formatInstant(seen, zone, 3)}>
        <span>{formatAge(seen, now)}</span>
        {pattern.new && <span className={styles.badge}>{t.patterns.isNew}</span>}
      </div>
      <div role="gridcell" className={styles.actions}>
        <IconButton label={t.patterns.filter} size={24} data-act="filter" tabIndex={-1}>
          <IconPlus size={14} />
        </IconButton>
        <IconButton label={t.patterns.exclude} size={24} data-act="exclude" tabIndex={-1}>
          <IconMinus size={14} />
        </IconButton>
        <IconButton label={t.patterns.sample} size={24} data-act="sample" tabIndex={-1}>
          <IconFileSearch size={14} />
        </IconButton>
        <CopyIcon text={pattern.template} label={t.patterns.copy} />
      </div>
    </div>
  );
});

interface Props {
  scope: Scope;
  url: LogsUrl;
  tabs: ReactNode;
  setUrl(change: Partial<LogsUrl>): void;
  /** Filters by the pattern and shows the rows. */
  onShow(templateId: string): void;
  onClear(): void;
}

export default function PatternsView({ scope, url, tabs, setUrl, onShow, onClear }: Props): ReactNode {
  const { now, zone, setRange } = useTime();
  const since = url.since;
  const answer = usePatterns(scope, url.porder, since);
  const data = answer.data;
  const shown = useMemo(
    () => (data ? (url.fresh ? data.patterns.filter((pattern) => pattern.new) : data.patterns) : []),
    [data, url.fresh],
  );
  const sinceChoices: [string, string][] = Object.entries(SINCE);
  if (!(since in SINCE)) sinceChoices.push([since, since]);
  const body = (): ReactNode => {
    if (answer.isError) {
      if (answer.error instanceof ApiError && answer.error.status === 403) return <NoPermission />;
      return <ErrorState error={answer.error} title={t.error.title} onRetry={() => void answer.refetch()} />;
    }
    if (!data) return <Skeleton rows={14} label={t.logs.running} />;
    if (data.total === 0 && !answer.isFetching)
      return <EmptyRows scope={scope} now={now} onRange={setRange} onClear={onClear} />;
    if (shown.length === 0)
      return (
        <State
          icon={<IconSparkles size={32} stroke={1.3} />}
          title={t.patterns.none}
          actions={
            <Button size="xs" variant="default" onClick={() => setUrl({ fresh: false })}>
              {t.patterns.showAll}
            </Button>
          }
        >
          {t.patterns.noneHelp}
        </State>
      );
    return null;
  };
  const state = body();
  const listed = data?.patterns.length ?? 0;
  return (
    <>
      <div className={`${status.line} ${styles.line}`}>
        <FacetsButton />
        {tabs}
        <span className={status.count} data-testid="patterns-summary">
          {data && !answer.isPlaceholderData
            ? t.patterns.summary(data.total, data.distinct)
            : answer.isFetching
              ? `${t.logs.running} …`
              : ""}
        </span>
        {data && <span>{formatDuration(data.statistics.elapsed_ms)}</span>}
        <span className={status.space} />
        <Checkbox
          size="xs"
          checked={url.fresh}
          label={t.patterns.onlyNew}
          onChange={(event) => setUrl({ fresh: event.currentTarget.checked })}
        />
        <select
          className={page.by}
          aria-label={t.patterns.since}
          value={since}
          onChange={(event) => setUrl({ since: event.target.value })}
        >
          {sinceChoices.map(([value, label]) => (
            <option key={value} value={value}>
              {t.patterns.since}: {label}
            </option>
          ))}
        </select>
        <select
          className={page.by}
          aria-label={t.patterns.order}
          value={url.porder}
          onChange={(event) => setUrl({ porder: event.target.value as PatternOrder })}
        >
          {Object.entries(t.patterns.orders).map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      </div>
      {state ? (
        <div className={page.state}>{state}</div>
      ) : (
        data && (
          <Grid
            patterns={shown}
            total={data.total}
            stale={answer.isPlaceholderData}
            now={now}
            zone={zone}
            onShow={onShow}
            onSample={(pattern) => setUrl({ sel: pattern.sample_id, stat: "" })}
            foot={
              <>
                {url.fresh && listed > shown.length && <div>{t.patterns.hidden(listed - shown.length)}</div>}
                {data.other > 0 && (
                  <div data-testid="patterns-other">
                    {t.patterns.other(data.other, Math.max(1, data.distinct - listed))}
                  </div>
                )}
              </>
            }
          />
        )
      )}
    </>
  );
}

interface GridProps {
  patterns: Pattern[];
  total: number;
  stale: boolean;
  now: Instant;
  zone: string;
  foot: ReactNode;
  onShow(templateId: string): void;
  onSample(pattern: Pattern): void;
}

function Grid({ patterns, total, stale, now, zone, foot, onShow, onSample }: GridProps): ReactNode {
  const { exclude } = useFilters();
  const scroller = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState(-1);
  const virtual = useVirtualizer({
    count: patterns.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    overscan: 6,
    scrollPaddingStart: 24,
  });
  const items = virtual.getVirtualItems();
  const move = (to: number): true => {
    const next = Math.min(patterns.length - 1, Math.max(0, to));
    setActive(next);
    virtual.scrollToIndex(next, { align: "auto" });
    return true;
  };
  const act = (name: string, pattern: Pattern | undefined): boolean => {
    if (!pattern) return false;
    if (name === "exclude") exclude("template_id", pattern.template_id);
    else if (name === "sample") onSample(pattern);
    else onShow(pattern.template_id);
    return true;
  };
  useAction("rowDown", () => move(active + 1));
  useAction("rowUp", () => move(active < 0 ? 0 : active - 1));
  useAction("rowToggle", () => act("filter", patterns[active]));
  useAction("filter", () => act("filter", patterns[active]));
  useAction("exclude", () => act("exclude", patterns[active]));
  useAction("rowPanel", () => act("sample", patterns[active]));
  const onClick = (event: MouseEvent): void => {
    const target = event.target as Element;
    const index = Number(target.closest<HTMLElement>("[data-index]")?.dataset.index ?? -1);
    const name = target.closest<HTMLElement>("[data-act]")?.dataset.act;
    if (index < 0 || (!name && target.closest("button"))) return;
    if (window.getSelection()?.isCollapsed === false) return;
    setActive(index);
    act(name ?? "filter", patterns[index]);
  };
  const onKey = (event: KeyboardEvent): void => {
    if (event.target !== event.currentTarget) return;
    const to = { ArrowDown: active + 1, ArrowUp: active - 1, Home: 0, End: patterns.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    move(to);
  };
  return (
    <div
      ref={scroller}
      className={styles.grid}
      data-stale={stale || undefined}
      data-testid="patterns-grid"
      role="grid"
      aria-label={t.patterns.title}
      aria-rowcount={patterns.length + 1}
      aria-activedescendant={active >= 0 ? `pattern-${active}` : undefined}
      tabIndex={0}
      onClick={onClick}
      onKeyDown={onKey}
    >
      <div role="rowgroup">
        <div className={styles.header} role="row" aria-rowindex={1}>
          <div role="columnheader" className={styles.right}>
            {t.patterns.count}
          </div>
          <div role="columnheader">
            {t.patterns.overTime} · {t.patterns.severities}
          </div>
          <div role="columnheader">{t.patterns.template}</div>
          <div role="columnheader">{t.patterns.services}</div>
          <div role="columnheader">{t.patterns.firstSeen}</div>
          <div role="columnheader">
            <span className="visually-hidden">{t.patterns.actions}</span>
          </div>
        </div>
      </div>
      <div role="rowgroup" className={styles.sizer} style={{ height: virtual.getTotalSize() }}>
        {items.map((item) => {
          const pattern = patterns[item.index];
          return (
            pattern && (
              <PatternRow
                key={pattern.template_id}
                pattern={pattern}
                index={item.index}
                start={item.start}
                total={total}
                now={now}
                zone={zone}
                active={item.index === active}
              />
            )
          );
        })}
      </div>
      <div role="rowgroup">
        <div role="row">
          <div role="gridcell" className={styles.foot}>
            {foot}
          </div>
        </div>
      </div>
    </div>
  );
}
