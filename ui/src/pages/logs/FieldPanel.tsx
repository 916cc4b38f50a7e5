/** Everything about one field of the matching records. */
import { Button } from "@mantine/core";
import { IconChartBar, IconMinus, IconPlus } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { IconButton } from "../../components/common/IconButton.tsx";
import { ErrorState, Skeleton, State } from "../../components/common/State.tsx";
import { SidePanel } from "../../components/shell/SidePanel.tsx";
import type { FieldAnswer, FieldNumbers } from "../../core/api/explore.ts";
import { formatCount, formatShort } from "../../core/format.ts";
import { formatShare } from "../../core/logs/compare.ts";
import { t } from "../../core/text.ts";
import { useFieldStatistics } from "../../hooks/useExplore.ts";
import type { Scope } from "../../hooks/useLogs.ts";
import { typedValue } from "./FacetGroup.tsx";
import styles from "./FieldPanel.module.css";
import { useFilters } from "./useFilters.tsx";

/** Beyond this the number of distinct values is an estimate. */
const EXACT = 10_000;
const NUMBERS: (keyof FieldNumbers)[] = ["count", "min", "p50", "mean", "p90", "p95", "p99", "max", "sum"];
const number = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 6 });

interface Props {
  scope: Scope;
  field: string;
  by: string;
  onStack(field: string): void;
  onClose(): void;
}

export default function FieldPanel({ scope, field, by, onStack, onClose }: Props): ReactNode {
  const answer = useFieldStatistics(scope, field);
  return (
    <SidePanel
      title={t.field.title(field)}
      onClose={onClose}
      tools={
        by !== field && (
          <Button
            size="compact-xs"
            variant="default"
            leftSection={<IconChartBar size={14} />}
            onClick={() => onStack(field)}
          >
            {t.field.stack}
          </Button>
        )
      }
    >
      {answer.isPending && <Skeleton rows={8} />}
      {answer.isError && <ErrorState error={answer.error} onRetry={() => void answer.refetch()} />}
      {answer.data &&
        (answer.data.records === 0 ? (
          <State title={t.field.none}>{t.field.noneHelp}</State>
        ) : (
          <Body answer={answer.data} />
        ))}
    </SidePanel>
  );
}

function Body({ answer }: { answer: FieldAnswer }): ReactNode {
  const { filter, exclude } = useFilters();
  const share = answer.records / Math.max(1, answer.total);
  const most = Math.max(1, ...answer.values.map((entry) => entry.count));
  const typed = {
    name: answer.name,
    kind: "attribute" as const,
    type: answer.type,
    records: 0,
    more: false,
    values: [],
  };
  return (
    <div className={styles.body} data-testid="field-statistics">
      <dl className={styles.facts}>
        <dt>{t.field.present}</dt>
        <dd>
          {formatCount(answer.records)} / {formatCount(answer.total)} · {formatShare(share)}
          <span className={styles.meter} aria-hidden>
            <span style={{ width: `${share * 100}%` }} />
          </span>
        </dd>
        <dt>{t.field.distinct}</dt>
        <dd>{answer.distinct > EXACT ? t.field.about(formatShort(answer.distinct)) : formatCount(answer.distinct)}</dd>
        <dt>{t.field.type}</dt>
        <dd>{answer.type}</dd>
        <dt>{t.field.kind}</dt>
        <dd>{t.field.kinds[answer.kind] ?? answer.kind}</dd>
      </dl>
      {answer.numbers && answer.numbers.count > 0 && (
        <section>
          <h3>{t.field.numbers}</h3>
          <dl className={styles.numbers}>
            {NUMBERS.map((name) => (
              <div key={name}>
                <dt>{t.field.number[name]}</dt>
                <dd>{number.format(answer.numbers?.[name] ?? 0)}</dd>
              </div>
            ))}
          </dl>
        </section>
      )}
      <section>
        <h3>{t.field.values}</h3>
        <table className={styles.values}>
          <tbody>
            {answer.values.map((entry) => {
              const value = typedValue(typed, entry.value);
              const shown = entry.value || t.logs.empty;
              return (
                <tr key={entry.value}>
                  <th scope="row" title={shown}>
                    {shown}
                  </th>
                  <td>
                    <span className={styles.bar} style={{ width: `${(entry.count / most) * 100}%` }} aria-hidden />
                  </td>
                  <td className={styles.count}>{formatShort(entry.count)}</td>
                  <td className={styles.count}>{formatShare(entry.count / Math.max(1, answer.total))}</td>
                  <td className={styles.tools}>
                    <IconButton
                      label={`${t.logs.filter}: ${shown}`}
                      size={24}
                      onClick={() => filter(answer.name, value)}
                    >
                      <IconPlus size={14} />
                    </IconButton>
                    <IconButton
                      label={`${t.logs.exclude}: ${shown}`}
                      size={24}
                      onClick={() => exclude(answer.name, value)}
                    >
                      <IconMinus size={14} />
                    </IconButton>
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
        {answer.distinct > answer.values.length && (
          <p className={styles.note}>{t.logs.moreItems(answer.distinct - answer.values.length)}</p>
        )}
      </section>
    </div>
  );
}
