/** Two selections side by side: which fields tell them apart, value by value, each a filter away. */
import { Button, SegmentedControl, TextInput } from "@mantine/core";
import { IconChartBar, IconEqual, IconMinus, IconPlus, IconScale, IconZoomOut } from "@tabler/icons-react";
import { type FormEvent, type ReactNode, useEffect, useMemo, useState } from "react";
import { IconButton } from "../../components/common/IconButton.tsx";
import { ErrorState, NoPermission, Skeleton, State } from "../../components/common/State.tsx";
import { ApiError } from "../../core/api/errors.ts";
import type { CompareAnswer, ComparedField, ComparedValue } from "../../core/api/explore.ts";
import { formatCount, formatDuration, formatShort } from "../../core/format.ts";
import { type Against, formatDifference, formatShare, hasNoRest, sides } from "../../core/logs/compare.ts";
import type { Part } from "../../core/query/edit.ts";
import { t } from "../../core/text.ts";
import { formatRange } from "../../core/time/format.ts";
import { fromMs } from "../../core/time/instant.ts";
import { parseRange } from "../../core/time/parse.ts";
import { absolute, isExpression, resolveRange, type Span } from "../../core/time/range.ts";
import { useCompare } from "../../hooks/useExplore.ts";
import { useTime } from "../../hooks/useTime.tsx";
import type { LogsUrl } from "../../hooks/useUrlState.ts";
import styles from "./CompareView.module.css";
import status from "./StatusLine.module.css";
import { FacetsButton } from "./StatusLine.tsx";
import { asFilterValue, useFilters } from "./useFilters.tsx";

const ICON = { size: 32, stroke: 1.3 };

interface Props {
  url: LogsUrl;
  parts: Part[];
  brushed: Span | null;
  tabs: ReactNode;
  setUrl(change: Partial<LogsUrl>): void;
}

export default function CompareView({ url, brushed, tabs, setUrl }: Props): ReactNode {
  const { span: pageSpan, range, now, zone } = useTime();
  const otherSpan = useMemo(
    () => (url.ofrom !== "" && url.oto !== "" ? resolveRange({ from: url.ofrom, to: url.oto }, now, zone) : null),
    [url.ofrom, url.oto, now, zone],
  );
  const noRest = hasNoRest({ query: url.q, brushed });
  const against: Against = url.vs === "rest" && noRest ? "before" : url.vs;
  const both = useMemo(
    () => sides({ query: url.q, page: pageSpan, brushed, against, other: url.other, otherSpan }),
    [url.q, pageSpan, brushed, against, url.other, otherSpan],
  );
  const answer = useCompare(both, true);
  const data = answer.data;
  const selected = brushed ?? pageSpan;
  const label = brushed ? formatRange(absolute(brushed), brushed, zone) : formatRange(range, pageSpan, zone);
  const baselineSpan =
    against === "before"
      ? { from: selected.from - (selected.to - selected.from), to: selected.from }
      : against === "query"
        ? (otherSpan ?? selected)
        : pageSpan;
  const body = (): ReactNode => {
    if (answer.isError) {
      if (answer.error instanceof ApiError && answer.error.status === 403) return <NoPermission />;
      return <ErrorState error={answer.error} title={t.error.title} onRetry={() => void answer.refetch()} />;
    }
    if (!data) return <Skeleton rows={14} label={t.logs.running} />;
    if (data.selection === 0)
      return (
        <State icon={<IconZoomOut {...ICON} />} title={t.compare.emptySelection}>
          {t.compare.emptySelectionHelp}
        </State>
      );
    if (data.baseline === 0)
      return (
        <State icon={<IconZoomOut {...ICON} />} title={t.compare.emptyBaseline}>
          {t.compare.emptyBaselineHelp}
        </State>
      );
    if (data.fields.every((field) => field.score < 0.001))
      return (
        <State icon={<IconScale {...ICON} />} title={t.compare.nothing}>
          {t.compare.nothingHelp}
        </State>
      );
    return <Fields answer={data} by={url.by} onStack={(by) => setUrl({ by })} />;
  };
  return (
    <>
      <div className={status.line}>
        <FacetsButton />
        {tabs}
        {data && !answer.isPlaceholderData ? (
          <span>{formatDuration(data.statistics.elapsed_ms)}</span>
        ) : (
          answer.isFetching && <span>{t.logs.running} …</span>
        )}
        <span className={status.space} />
        {!brushed && <span className={styles.hint}>{t.compare.brushHint}</span>}
      </div>
      <div className={styles.view} data-testid="compare">
        <div className={styles.sides}>
          <section className={styles.side} data-side="selection" aria-label={t.compare.selection}>
            <h3>
              <span className={styles.swatch} aria-hidden /> {t.compare.selection}
              {data && <span className={styles.count}>{t.logs.matched(data.selection)}</span>}
            </h3>
            <dl className={styles.facts}>
              <dt>{t.compare.range}</dt>
              <dd>
                {label}
                {brushed && (
                  <Button size="compact-xs" variant="default" onClick={() => setUrl({ bfrom: "", bto: "" })}>
                    {t.compare.wholeRange}
                  </Button>
                )}
              </dd>
              <dt>{t.compare.query}</dt>
              <dd>{url.q === "" ? t.compare.everything : <code>{url.q}</code>}</dd>
            </dl>
          </section>
          <section className={styles.side} data-side="baseline" aria-label={t.compare.baseline}>
            <h3>
              <span className={styles.swatch} aria-hidden /> {t.compare.baseline}
              {data && <span className={styles.count}>{t.logs.matched(data.baseline)}</span>}
            </h3>
            <SegmentedControl
              size="xs"
              aria-label={t.compare.baseline}
              value={against}
              onChange={(value) => setUrl({ vs: value as Against })}
              data={(["before", "rest", "query"] as const).map((value) => ({
                value,
                label: t.compare.against[value],
                disabled: value === "rest" && noRest,
              }))}
            />
            {against === "query" ? (
              <OtherSide url={url} setUrl={setUrl} />
            ) : (
              <dl className={styles.facts}>
                <dt>{t.compare.range}</dt>
                <dd>
                  {against === "rest" && !brushed
                    ? formatRange(range, pageSpan, zone)
                    : formatRange(absolute(baselineSpan), baselineSpan, zone)}
                </dd>
                <dt>{t.compare.query}</dt>
                <dd>
                  {against === "rest" && brushed ? (
                    <>
                      {url.q === "" ? t.compare.everything : <code>{url.q}</code>} {t.compare.outside}
                    </>
                  ) : both.baseline.query === "" ? (
                    t.compare.everything
                  ) : (
                    <code>{both.baseline.query}</code>
                  )}
                </dd>
              </dl>
            )}
            {noRest && <p className={styles.note}>{t.compare.restNone}</p>}
          </section>
        </div>
        <div className={styles.result} data-stale={answer.isPlaceholderData || undefined}>
          {body()}
        </div>
      </div>
    </>
  );
}

function OtherSide({ url, setUrl }: Pick<Props, "url" | "setUrl">): ReactNode {
  const { now, zone } = useTime();
  const typedRange = url.ofrom === "" ? "" : `${url.ofrom} to ${url.oto}`;
  const [query, setQuery] = useState(url.other);
  const [range, setRange] = useState(typedRange);
  const [problem, setProblem] = useState("");
  useEffect(() => setQuery(url.other), [url.other]);
  useEffect(() => setRange(typedRange), [typedRange]);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (range.trim() === "") {
      setProblem("");
      setUrl({ other: query.trim(), ofrom: "", oto: "" });
      return;
    }
    const parsed = parseRange(range, { now: now || fromMs(Date.now()), zone });
    if (!parsed.ok || !isExpression(parsed.range.from)) {
      setProblem(parsed.ok ? range : parsed.message);
      return;
    }
    setProblem("");
    setUrl({ other: query.trim(), ofrom: parsed.range.from, oto: parsed.range.to });
  };
  return (
    <form className={styles.form} onSubmit={submit}>
      <TextInput
        size="xs"
        aria-label={t.compare.otherQuery}
        placeholder={t.compare.everything}
        value={query}
        onChange={(event) => setQuery(event.currentTarget.value)}
      />
      <TextInput
        size="xs"
        aria-label={t.compare.otherRange}
        placeholder={t.compare.otherRangeHint}
        value={range}
        error={problem || undefined}
        onChange={(event) => setRange(event.currentTarget.value)}
      />
      <Button type="submit" size="xs" variant="default">
        {t.logs.run}
      </Button>
    </form>
  );
}

function Fields({
  answer,
  by,
  onStack,
}: {
  answer: CompareAnswer;
  by: string;
  onStack(field: string): void;
}): ReactNode {
  const told = answer.fields.filter((field) => field.score >= 0.001);
  return (
    <>
      <h3 className={styles.ranked}>{t.compare.ranked}</h3>
      <ul className={styles.fields}>
        {told.map((field) => (
          <li key={`${field.kind}.${field.name}`} className={styles.field} data-testid="compared-field">
            <div className={styles.fieldHead}>
              <b title={field.name}>{field.name}</b>
              <span className={styles.meter} role="img" aria-label={`${t.compare.score} ${field.score.toFixed(2)}`}>
                <span style={{ width: `${Math.round(field.score * 100)}%` }} />
              </span>
              <span className={styles.score}>{field.score.toFixed(2)}</span>
              <IconButton
                label={`${t.compare.stack}: ${field.name}`}
                size={24}
                aria-pressed={by === field.name}
                onClick={() => onStack(field.name)}
              >
                <IconChartBar size={14} />
              </IconButton>
            </div>
            <Values field={field} />
          </li>
        ))}
      </ul>
    </>
  );
}

function Values({ field }: { field: ComparedField }): ReactNode {
  return (
    <table className={styles.values}>
      <colgroup>
        <col className={styles.valueColumn} />
        <col />
        <col className={styles.differenceColumn} />
        <col className={styles.toolsColumn} />
      </colgroup>
      <thead className="visually-hidden">
        <tr>
          <th scope="col">{t.compare.value}</th>
          <th scope="col">
            {t.compare.selection}, {t.compare.baseline}
          </th>
          <th scope="col">{t.compare.score}</th>
          <th scope="col">{t.patterns.actions}</th>
        </tr>
      </thead>
      <tbody>
        {field.values.map((entry) => (
          <ValueRow key={entry.value} field={field} entry={entry} />
        ))}
      </tbody>
    </table>
  );
}

function ValueRow({ field, entry }: { field: ComparedField; entry: ComparedValue }): ReactNode {
  const { filter, exclude, only } = useFilters();
  const value = asFilterValue(entry.value);
  const shown = entry.value === "" ? t.compare.missing : entry.value;
  return (
    <tr>
      <th scope="row" title={shown}>
        {shown}
      </th>
      <td>
        <Bar side="selection" share={entry.selection_share} count={entry.selection} />
        <Bar side="baseline" share={entry.baseline_share} count={entry.baseline} />
      </td>
      <td className={styles.difference} data-more={entry.difference > 0 || undefined}>
        {formatDifference(entry.difference)}
      </td>
      <td className={styles.tools}>
        {value !== null && (
          <>
            <IconButton label={`${t.compare.filter}: ${shown}`} size={24} onClick={() => filter(field.name, value)}>
              <IconPlus size={14} />
            </IconButton>
            <IconButton label={`${t.compare.exclude}: ${shown}`} size={24} onClick={() => exclude(field.name, value)}>
              <IconMinus size={14} />
            </IconButton>
            <IconButton label={`${t.logs.only}: ${shown}`} size={24} onClick={() => only(field.name, value)}>
              <IconEqual size={14} />
            </IconButton>
          </>
        )}
      </td>
    </tr>
  );
}

function Bar({ side, share, count }: { side: "selection" | "baseline"; share: number; count: number }): ReactNode {
  return (
    <div className={styles.bar} data-side={side} title={`${t.compare[side]}: ${formatCount(count)}`}>
      <span className={styles.track}>
        <span style={{ width: `${Math.min(100, share * 100)}%` }} />
      </span>
      <span className={styles.share}>{formatShare(share)}</span>
      <span className={styles.amount}>{formatShort(count)}</span>
    </div>
  );
}
