/** What tells the selected spans from the rest: attributes by effect and significance, every bar with its verbs. */
import { Button } from "@mantine/core";
import { IconChartBar, IconMinus, IconPlus, IconScale } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { IconButton } from "../../components/common/IconButton.tsx";
import { ErrorState, NoPermission, Skeleton, State } from "../../components/common/State.tsx";
import { useVerbs } from "../../components/trace/useVerbs.tsx";
import { ApiError } from "../../core/api/errors.ts";
import type { ComparedTag } from "../../core/api/traces.ts";
import { formatCount, formatShort } from "../../core/format.ts";
import { formatDifference, formatShare } from "../../core/logs/compare.ts";
import { formatRange } from "../../core/time/format.ts";
import { absolute, type Span } from "../../core/time/range.ts";
import { conditions, type Value } from "../../core/traces/traceql.ts";
import { x } from "../../core/tracesText.ts";
import type { Scope } from "../../hooks/useLogs.ts";
import { useTime } from "../../hooks/useTime.tsx";
import { useTracesCompare } from "../../hooks/useTraces.ts";
import styles from "../logs/CompareView.module.css";

/** Beyond this a difference may well be chance. */
const SIGNIFICANT = 0.05;
const LEAST = 0.01;

interface Props {
  sides: { selection: Scope; baseline: Scope } | null;
  boxed: boolean;
  onClearBox(): void;
}

export default function TracesCompare({ sides, boxed, onClearBox }: Props): ReactNode {
  const { zone } = useTime();
  const answer = useTracesCompare(sides);
  const { data } = answer;
  // What the selection was made by tells nothing new.
  const own = new Set(conditions(sides?.selection.query ?? "").map((one) => one.field));
  if (!sides)
    return (
      <State icon={<IconScale size={32} stroke={1.3} />} title={x.compareNothing}>
        {x.compareNothingHelp}
      </State>
    );
  const label = (span: Span): string => formatRange(absolute(span), span, zone);
  const body = (): ReactNode => {
    if (answer.isError)
      return answer.error instanceof ApiError && answer.error.status === 403 ? (
        <NoPermission title={x.noPermission}>{x.noPermissionHelp}</NoPermission>
      ) : (
        <ErrorState error={answer.error} onRetry={() => void answer.refetch()} />
      );
    if (!data) return <Skeleton rows={12} />;
    if (data.selection === 0 || data.baseline === 0) return <State title={x.compareEmpty}>{x.compareEmptyHelp}</State>;
    const told = data.fields.filter((field) => field.score >= LEAST && !own.has(field.name));
    if (told.length === 0) return <State title={x.compareAlike}>{x.compareAlikeHelp}</State>;
    return (
      <>
        <h3 className={styles.ranked}>{x.ranked}</h3>
        <ul className={styles.fields}>
          {told.map((field) => (
            <Field key={field.name} field={field} />
          ))}
        </ul>
      </>
    );
  };
  return (
    <div className={styles.view} data-testid="traces-compare">
      <div className={styles.sides}>
        {(["selection", "baseline"] as const).map((side) => (
          <section key={side} className={styles.side} data-side={side} aria-label={x[side]}>
            <h3>
              <span className={styles.swatch} aria-hidden /> {x[side]}
              {data && <span className={styles.count}>{x.spans(data[side])}</span>}
            </h3>
            <dl className={styles.facts}>
              <dt>{x.query}</dt>
              <dd>
                <code>{sides[side].query || "{ }"}</code>
              </dd>
              <dt>{x.started}</dt>
              <dd>
                {label(sides[side].span)}
                {side === "selection" && boxed && (
                  <Button size="compact-xs" variant="default" onClick={onClearBox}>
                    {x.clearBox}
                  </Button>
                )}
              </dd>
            </dl>
          </section>
        ))}
      </div>
      <div className={styles.result} data-stale={answer.isPlaceholderData || undefined}>
        {body()}
      </div>
    </div>
  );
}

/** Of servers that do not say it. */
function guessType(text: string): string {
  return /^-?\d+(\.\d+)?$/.test(text) ? "float" : /^(true|false)$/.test(text) ? "bool" : "string";
}

function asValue(text: string, type: string): Value {
  if (/^(int|float)$/.test(type) && text !== "" && Number.isFinite(Number(text))) return Number(text);
  return type === "bool" ? text === "true" : text;
}

function Field({ field }: { field: ComparedTag }): ReactNode {
  const verbs = useVerbs();
  const { name } = field;
  return (
    <li className={styles.field} data-testid="compared-tag">
      <div className={styles.fieldHead}>
        <b title={name}>{name}</b>
        <span className={styles.meter} role="img" aria-label={x.effect(field.score)} title={x.effectHelp}>
          <span style={{ width: `${Math.round(Math.min(1, field.score) * 100)}%` }} />
        </span>
        <span className={styles.score} title={x.effectHelp}>
          {field.score.toFixed(2)}
        </span>
        <span className={styles.score} title={x.significanceHelp}>
          {x.significance(field.significance)}
          {field.significance > SIGNIFICANT && ` · ${x.chance}`}
        </span>
        <IconButton label={`${x.groupBy} ${name}`} size={24} onClick={() => verbs.groupBy(name)}>
          <IconChartBar size={14} />
        </IconButton>
      </div>
      <table className={styles.values}>
        <colgroup>
          <col className={styles.valueColumn} />
          <col />
          <col className={styles.differenceColumn} />
          <col className={styles.toolsColumn} />
        </colgroup>
        <tbody>
          {field.values.map((entry) => {
            const shown = entry.value === "" ? x.missingValue : entry.value;
            const value = asValue(entry.value, entry.type ?? guessType(entry.value));
            return (
              <tr key={entry.value}>
                <th scope="row" title={shown}>
                  {shown}
                </th>
                <td>
                  <Bar side="selection" share={entry.selectionShare} count={entry.selection} />
                  <Bar side="baseline" share={entry.baselineShare} count={entry.baseline} />
                </td>
                <td className={styles.difference} data-more={entry.difference > 0 || undefined}>
                  {formatDifference(entry.difference)}
                </td>
                <td className={styles.tools}>
                  {entry.value !== "" && (
                    <>
                      <IconButton label={`${x.filter}: ${shown}`} size={24} onClick={() => verbs.filter(name, value)}>
                        <IconPlus size={14} />
                      </IconButton>
                      <IconButton label={`${x.exclude}: ${shown}`} size={24} onClick={() => verbs.exclude(name, value)}>
                        <IconMinus size={14} />
                      </IconButton>
                    </>
                  )}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </li>
  );
}

function Bar({ side, share, count }: { side: "selection" | "baseline"; share: number; count: number }): ReactNode {
  return (
    <div className={styles.bar} data-side={side} title={`${x[side]}: ${formatCount(count)}`}>
      <span className={styles.track}>
        <span style={{ width: `${Math.min(100, share * 100)}%` }} />
      </span>
      <span className={styles.share}>{formatShare(share)}</span>
      <span className={styles.amount}>{formatShort(count)}</span>
    </div>
  );
}
