/** Why there are no rows, and the button that changes it. */
import { Button } from "@mantine/core";
import { IconDatabaseOff, IconFilterOff, IconMoodEmpty, IconZoomOut } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { ErrorState, Skeleton, State } from "../../components/common/State.tsx";
import { formatShort } from "../../core/format.ts";
import type { Part } from "../../core/query/edit.ts";
import { t } from "../../core/text.ts";
import { formatAge } from "../../core/time/format.ts";
import { fromNsText, type Instant } from "../../core/time/instant.ts";
import { absolute, type Range } from "../../core/time/range.ts";
import { type Scope, useEmptyCause } from "../../hooks/useLogs.ts";
import { usePagePath } from "../../hooks/usePagePath.ts";
import { useFilters } from "./useFilters.tsx";

const ICON = { size: 32, stroke: 1.3 };
const QUARTER_HOUR = 900_000_000_000n;

/** A quarter of an hour that ends with the record. */
export function rangeAround(last: Instant): Range {
  return absolute({ from: last - QUARTER_HOUR, to: last + 1_000_000_000n });
}

interface Props {
  scope: Scope;
  now: Instant;
  onRange(range: Range): void;
  onClear(): void;
}

export function EmptyRows({ scope, now, onRange, onClear }: Props): ReactNode {
  const { parts, remove } = useFilters();
  const to = usePagePath();
  const cause = useEmptyCause(scope, parts, true);
  if (cause.isPending) return <Skeleton rows={4} />;
  if (cause.isError) return <ErrorState error={cause.error} onRetry={() => void cause.refetch()} />;
  const { all, matching, without } = cause.data;
  if (all.count === 0) {
    return (
      <State
        icon={<IconDatabaseOff {...ICON} />}
        title={t.empty.never}
        actions={
          <Button size="xs" component={Link} to={to("/start")}>
            {t.empty.neverButton}
          </Button>
        }
      >
        {t.empty.neverHelp}
      </State>
    );
  }
  const last = matching.count > 0 ? fromNsText(matching.last) : null;
  const removals = without.map(({ part, count }: { part: Part; count: number }) => (
    <Button key={part.offset} size="xs" variant="default" onClick={() => remove(part)}>
      {t.empty.removeTerm(part.text, formatShort(count))}
    </Button>
  ));
  if (last !== null) {
    return (
      <State
        icon={<IconZoomOut {...ICON} />}
        title={t.empty.range}
        actions={
          <>
            <Button size="xs" onClick={() => onRange(rangeAround(last))}>
              {t.empty.jump}
            </Button>
            {removals}
          </>
        }
      >
        {t.empty.rangeLast(formatAge(last, now))}
      </State>
    );
  }
  if (removals.length > 0) {
    return (
      <State icon={<IconFilterOff {...ICON} />} title={t.empty.filtered} actions={removals}>
        {t.empty.filteredHelp}
      </State>
    );
  }
  return (
    <State
      icon={<IconMoodEmpty {...ICON} />}
      title={t.empty.nothing}
      actions={
        <Button size="xs" variant="default" onClick={onClear}>
          {t.empty.clear}
        </Button>
      }
    >
      {t.empty.nothingHelp}
    </State>
  );
}
