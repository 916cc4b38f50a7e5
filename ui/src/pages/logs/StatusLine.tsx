/** What came out, how long it took, what ran; and how the rows are shown. */
import { Menu, Popover } from "@mantine/core";
import { IconAdjustmentsHorizontal, IconCheck, IconLayoutSidebarLeftExpand, IconTextWrap } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { CopyTextButton } from "../../components/common/CopyButton.tsx";
import { IconButton } from "../../components/common/IconButton.tsx";
import { ErrorState, Skeleton } from "../../components/common/State.tsx";
import type { Statistics } from "../../core/api/types.ts";
import { formatBytes, formatCount, formatDuration, formatShort } from "../../core/format.ts";
import type { Density } from "../../core/prefs.ts";
import { t } from "../../core/text.ts";
import { type Scope, useExplain } from "../../hooks/useLogs.ts";
import { usePrefs, useSetPrefs } from "../../hooks/usePrefs.ts";
import styles from "./StatusLine.module.css";

function StatisticsBody({ scope, statistics }: { scope: Scope; statistics: Statistics }): ReactNode {
  const explain = useExplain(scope);
  return (
    <>
      <dl className={styles.list}>
        <dt>{t.logs.elapsed}</dt>
        <dd>{formatDuration(statistics.elapsed_ms)}</dd>
        <dt>{t.logs.rowsRead}</dt>
        <dd>{formatCount(statistics.rows_read)}</dd>
        <dt>{t.logs.bytesRead}</dt>
        <dd>{formatBytes(statistics.bytes_read)}</dd>
        <dt>{t.logs.queryId}</dt>
        <dd>
          <code>{statistics.query_id}</code>
        </dd>
        {explain.data && explain.data.canonical !== "" && (
          <>
            <dt>{t.logs.understood}</dt>
            <dd>
              <code>{explain.data.canonical}</code>
            </dd>
          </>
        )}
      </dl>
      {explain.isPending && <Skeleton rows={4} />}
      {explain.isError && <ErrorState error={explain.error} />}
      {explain.data && (
        <>
          <div className={styles.sqlHead}>
            <h3>{t.logs.sql}</h3>
            <CopyTextButton text={explain.data.sql.join(";\n\n")} />
          </div>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: scrollable with the keyboard */}
          <pre className={styles.sql} tabIndex={0}>
            {explain.data.sql.join(";\n\n")}
          </pre>
        </>
      )}
    </>
  );
}

function ViewMenu(): ReactNode {
  const { density } = usePrefs();
  const setPrefs = useSetPrefs();
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <IconButton label={t.logs.density} size={24}>
          <IconAdjustmentsHorizontal size={16} stroke={1.6} />
        </IconButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{t.logs.density}</Menu.Label>
        {(Object.keys(t.logs.densities) as Density[]).map((name) => (
          <Menu.Item
            key={name}
            role="menuitemradio"
            aria-checked={density === name}
            rightSection={density === name ? <IconCheck size={14} /> : null}
            onClick={() => setPrefs({ density: name })}
          >
            {t.logs.densities[name]}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

interface Props {
  scope: Scope;
  matched: number | undefined;
  total: number | undefined;
  statistics: Statistics | undefined;
  running: boolean;
  /** Before and after what is said about the result. */
  tabs?: ReactNode;
  tools?: ReactNode;
}

/** Wrapping and row height: how rows are shown. */
export function RowSettings(): ReactNode {
  const { wrap } = usePrefs();
  const setPrefs = useSetPrefs();
  return (
    <>
      <IconButton
        label={t.logs.wrap}
        hotkey="W"
        size={24}
        aria-pressed={wrap}
        variant={wrap ? "light" : "subtle"}
        color={wrap ? "nexus" : "gray"}
        onClick={() => setPrefs({ wrap: !wrap })}
      >
        <IconTextWrap size={16} stroke={1.6} />
      </IconButton>
      <ViewMenu />
    </>
  );
}

/** Brings the sidebar back. */
export function FacetsButton(): ReactNode {
  const { facetsShown } = usePrefs();
  const setPrefs = useSetPrefs();
  if (facetsShown) return null;
  return (
    <IconButton label={t.logs.showFacets} size={24} onClick={() => setPrefs({ facetsShown: true })}>
      <IconLayoutSidebarLeftExpand size={16} stroke={1.6} />
    </IconButton>
  );
}

export function StatusLine({ scope, matched, total, statistics, running, tabs, tools }: Props): ReactNode {
  return (
    <div className={styles.line}>
      <FacetsButton />
      {tabs}
      <span className={styles.count} data-testid="matched">
        {matched === undefined
          ? running
            ? `${t.logs.running} …`
            : ""
          : total !== undefined && total >= matched && scope.query !== ""
            ? t.logs.shownOf(matched, formatShort(total))
            : t.logs.matched(matched)}
      </span>
      {statistics && (
        <Popover position="bottom-start" width={640} withinPortal trapFocus>
          <Popover.Target>
            <button type="button" className={styles.stats} title={t.logs.statistics}>
              {formatDuration(statistics.elapsed_ms)} · {formatShort(statistics.rows_read)}{" "}
              {t.logs.rowsRead.toLowerCase()}
            </button>
          </Popover.Target>
          <Popover.Dropdown aria-label={t.logs.statistics}>
            <StatisticsBody scope={scope} statistics={statistics} />
          </Popover.Dropdown>
        </Popover>
      )}
      <span className="visually-hidden" aria-live="polite">
        {!running && matched !== undefined && statistics
          ? t.logs.result(matched, formatDuration(statistics.elapsed_ms))
          : ""}
      </span>
      <span className={styles.space} />
      {tools}
      <RowSettings />
    </div>
  );
}
