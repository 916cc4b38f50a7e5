/** Why a query has no result, and the button that changes it. */
import { Button } from "@mantine/core";
import { IconDatabaseOff, IconFilterOff, IconMoodEmpty, IconZoomOut } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { ErrorState, Skeleton, State } from "../../components/common/State.tsx";
import type { Matcher, Selector } from "../../core/api/metrics.ts";
import { allMatchers, matchersText, matcherText, withoutMatcher } from "../../core/metrics/rewrite.ts";
import { m } from "../../core/metricsText.ts";
import { t } from "../../core/text.ts";
import { formatAge } from "../../core/time/format.ts";
import { fromMs, type Instant, toIso } from "../../core/time/instant.ts";
import type { Span } from "../../core/time/range.ts";
import { useBackend } from "../../hooks/useApi.tsx";
import { seconds } from "../../hooks/useMetrics.ts";
import { usePagePath } from "../../hooks/usePagePath.ts";
import { useTime } from "../../hooks/useTime.tsx";
import { rangeAround } from "./empty.ts";

const ICON = { size: 32, stroke: 1.3 };
const TRIED = 6;

type Cause =
  | { kind: "never" }
  | { kind: "unknown"; name: string }
  | { kind: "range"; last: number }
  | { kind: "filtered"; without: { text: string; query: string; count: number }[] }
  | { kind: "nothing" };

function useCause(queries: readonly string[], span: Span) {
  const { api, tenant } = useBackend();
  return useQuery({
    queryKey: ["metrics", "empty", tenant.current, queries, toIso(span.from), toIso(span.to)],
    retry: false,
    queryFn: async ({ signal }): Promise<Cause> => {
      const any = await api.catalog({ order: "last", limit: 1 }, signal);
      if (any.total === 0) return { kind: "never" };
      const query = queries[0] ?? "";
      const explained = await api.explainMetric({ query, from: toIso(span.from), to: toIso(span.to) }, signal);
      const count = async (matchers: readonly Matcher[]): Promise<number> => {
        const match = { "match[]": [matchersText(matchers)], ...seconds(span), limit: "1000" };
        return (await api.prometheus<unknown[]>("series", match, signal)).length;
      };
      for (const selector of explained.selectors) {
        const cause = await causeOf(selector);
        if (cause) return cause;
      }
      return { kind: "nothing" };

      async function causeOf(selector: Selector): Promise<Cause | null> {
        const all = allMatchers(selector);
        if ((await count(all)) > 0) return null;
        const base = all.filter((matcher) => matcher.name === "__name__");
        const name = selector.name || (base[0]?.op === "=" ? base[0].value : "");
        if (name !== "" && (await count(base)) === 0) {
          const found = await api.catalog({ search: name, limit: 1000 }, signal);
          const metric = found.metrics.find((one) => one.name === name || one.parts.includes(name));
          return metric ? { kind: "range", last: metric.last } : { kind: "unknown", name };
        }
        const without: { text: string; query: string; count: number }[] = [];
        for (const matcher of all.filter((one) => one.name !== "__name__").slice(0, TRIED)) {
          const left = await count(all.filter((one) => one !== matcher));
          if (left > 0)
            without.push({ text: matcherText(matcher), count: left, query: withoutMatcher(query, selector, matcher) });
        }
        return without.length > 0 ? { kind: "filtered", without } : null;
      }
    },
  });
}

interface Props {
  queries: string[];
  now: Instant;
  onQuery(query: string): void;
}

export function EmptyResult({ queries, now, onQuery }: Props): ReactNode {
  const { span, setRange } = useTime();
  const to = usePagePath();
  const cause = useCause(queries, span);
  if (cause.isPending) return <Skeleton rows={4} />;
  if (cause.isError) return <ErrorState error={cause.error} onRetry={() => void cause.refetch()} />;
  const found = cause.data;
  if (found.kind === "never")
    return (
      <State
        icon={<IconDatabaseOff {...ICON} />}
        title={m.empty.never}
        actions={
          <Button size="xs" component={Link} to={to("/start", { source: "remotewrite" })}>
            {t.empty.neverButton}
          </Button>
        }
      >
        {m.empty.neverHelp}
      </State>
    );
  if (found.kind === "unknown")
    return (
      <State icon={<IconMoodEmpty {...ICON} />} title={m.empty.unknown(found.name)}>
        {m.empty.unknownHelp}
      </State>
    );
  if (found.kind === "range") {
    const last = found.last > 0 ? fromMs(found.last) : null;
    return (
      <State
        icon={<IconZoomOut {...ICON} />}
        title={m.empty.range}
        actions={
          last !== null && (
            <Button size="xs" onClick={() => setRange(rangeAround(last))}>
              {m.empty.jump}
            </Button>
          )
        }
      >
        {last === null ? m.empty.rangeOlder : m.empty.rangeLast(formatAge(last, now))}
      </State>
    );
  }
  if (found.kind === "filtered")
    return (
      <State
        icon={<IconFilterOff {...ICON} />}
        title={m.empty.filtered}
        actions={found.without.map(({ text, query, count }) => (
          <Button key={text} size="xs" variant="default" onClick={() => onQuery(query)}>
            {m.empty.without(text, count)}
          </Button>
        ))}
      >
        {m.empty.filteredHelp}
      </State>
    );
  return (
    <State icon={<IconMoodEmpty {...ICON} />} title={m.empty.nothing}>
      {m.empty.nothingHelp}
    </State>
  );
}
