/** The map and what it shows: what stands in the middle, groups, types, the time, and the difference to another time. */
import { Button, Checkbox, SegmentedControl, Select } from "@mantine/core";
import { IconSitemap } from "@tabler/icons-react";
import { type ReactNode, useMemo } from "react";
import { ErrorState, NoPermission, Skeleton, State } from "../../components/common/State.tsx";
import { CallMatrix } from "../../components/services/CallMatrix.tsx";
import { ServiceMap } from "../../components/services/ServiceMap.tsx";
import { ApiError } from "../../core/api/errors.ts";
import { type MapEdge, NODE_TYPES, type NodeType } from "../../core/api/traces.ts";
import { GROUPINGS, type Grouping, groupOf, MOST_NODES, shownMap, withUsers } from "../../core/services/graph.ts";
import { tracesOf } from "../../core/services/services.ts";
import { formatClock } from "../../core/time/format.ts";
import { toIso } from "../../core/time/instant.ts";
import { resolveExpression, type Span } from "../../core/time/range.ts";
import { equals } from "../../core/traces/traceql.ts";
import { x } from "../../core/tracesText.ts";
import type { Panel } from "../../core/url/panels.ts";
import { useMapLayout } from "../../hooks/useMapLayout.ts";
import { useNamespaces, useServiceMap } from "../../hooks/useServices.ts";
import { useTime } from "../../hooks/useTime.tsx";
import { MAP_PERIODS, type MapPeriod, type ServicesUrl } from "../../hooks/useTracesUrl.ts";
import styles from "./ServicesPage.module.css";
import { NoServices } from "./ServicesPage.tsx";

const STEPS = 24;
/** Up to so many nodes are shown at once without being asked; above, the busiest service is put in the middle. */
const READABLE = 40;
const EVERYTHING = "*";
/** A group in the middle: all of its services. */
const GROUP = /^(namespace|type):(.+)$/;
const DAY = 86_400_000_000_000n;

function earlier(span: Span, period: MapPeriod): Span {
  const by = { none: 0n, previous: span.to - span.from, day: DAY, week: 7n * DAY }[period];
  return { from: span.from - by, to: span.to - by };
}

interface Props {
  url: ServicesUrl;
  onUrl(change: Partial<ServicesUrl>): void;
  onOpen(panel: Panel): void;
}

export function MapView({ url, onUrl, onOpen }: Props): ReactNode {
  const { span, zone, now: clock } = useTime();
  const at = url.at === "" ? null : resolveExpression(url.at, "to", clock, zone);
  const then = earlier(span, url.vs);
  const current = useServiceMap(span, at);
  const before = useServiceMap(then, at === null ? null : at - (span.to - then.to), url.vs !== "none");
  const whole = useMemo(() => (current.data ? withUsers(current.data) : null), [current.data]);
  const older = useMemo(
    () => (url.vs !== "none" && before.data ? withUsers(before.data) : null),
    [url.vs, before.data],
  );
  const opened = GROUP.exec(url.focus);
  const namespaces = useNamespaces(span, url.group === "namespace" || opened?.[1] === "namespace");
  const busiest = useMemo(
    () =>
      [...(whole?.nodes ?? [])]
        .filter((node) => node.type === "service")
        .sort((a, b) => b.requestRate - a.requestRate)[0]?.name ?? "",
    [whole],
  );
  const wanted = url.focus === EVERYTHING ? "" : url.focus;
  const focus = url.focus === "" && (whole?.nodes.length ?? 0) > READABLE && url.group === "none" ? busiest : wanted;
  const middle = useMemo(() => {
    const [, by, name] = GROUP.exec(focus) ?? [];
    if (!by) return focus === "" ? [] : [focus];
    const names = namespaces.data ?? new Map<string, string>();
    return (whole?.nodes ?? [])
      .filter((node) => groupOf(node, by as Grouping, names) === name)
      .map((node) => node.name);
  }, [whole, focus, namespaces.data]);
  const { map: shown, difference } = useMemo(() => {
    const filter = { focus: middle, hops: Number(url.hops), without: url.without as NodeType[] };
    return whole ? shownMap(whole, older, filter, url.group, namespaces.data) : { map: null, difference: null };
  }, [whole, older, middle, url.hops, url.without, url.group, namespaces.data]);
  const large = (shown?.nodes.length ?? 0) > MOST_NODES;
  const placed = useMapLayout(large ? null : shown);
  const grouped = url.group !== "none";
  const setFocus = (name: string): void => onUrl({ focus: grouped ? `${url.group}:${name}` : name, group: "none" });
  const onEdge = (edge: MapEdge): void => {
    if (grouped) return;
    const called = whole?.nodes.find((node) => node.name === edge.server);
    const query =
      called?.type === "service"
        ? `${tracesOf(edge.client)} >> ${tracesOf(edge.server)}`
        : tracesOf(edge.client, equals("kind", edge.type === "messaging_system" ? "producer" : "client"));
    onOpen({ kind: "traces", query, from: toIso(span.from), to: toIso(span.to) });
  };
  const moments = Array.from({ length: STEPS + 1 }, (_, step) =>
    step === STEPS ? null : span.from + ((span.to - span.from) * BigInt(step + 1)) / BigInt(STEPS),
  );
  const step =
    at === null
      ? STEPS
      : Math.max(
          0,
          moments.findIndex((moment) => moment === null || moment >= at),
        );
  const types = new Set((whole?.nodes ?? []).map((node) => node.type));
  const body = (): ReactNode => {
    if (current.isError)
      return current.error instanceof ApiError && current.error.status === 403 ? (
        <NoPermission title={x.noPermission}>{x.noPermissionHelp}</NoPermission>
      ) : (
        <ErrorState error={current.error} onRetry={() => void current.refetch()} />
      );
    if (!whole || !shown) return <Skeleton rows={12} />;
    if (whole.nodes.length === 0) return <NoServices />;
    if (shown.nodes.length === 0)
      return (
        <State
          icon={<IconSitemap size={32} stroke={1.3} />}
          title={x.mapEmpty}
          actions={
            <Button size="xs" variant="default" onClick={() => onUrl({ focus: "", without: [], group: "none" })}>
              {x.everything}
            </Button>
          }
        >
          {x.mapEmptyHelp}
        </State>
      );
    if (large)
      return (
        <>
          <p className={styles.banner}>{x.tooMany(shown.nodes.length)}</p>
          <CallMatrix map={shown} difference={difference} onFocus={setFocus} onEdge={onEdge} />
        </>
      );
    if (!placed) return <Skeleton rows={12} />;
    return (
      <ServiceMap
        placed={placed}
        focus={focus}
        difference={difference}
        onOpen={(name) => (grouped ? setFocus(name) : onOpen({ kind: "service", name }))}
        onFocus={setFocus}
        onEdge={onEdge}
      />
    );
  };
  return (
    <>
      <div className={styles.mapBar}>
        <Select
          size="xs"
          label={x.focus}
          className={styles.focus}
          searchable
          value={focus === "" ? EVERYTHING : focus}
          data={[
            { value: EVERYTHING, label: x.focusNone },
            ...(opened ? [{ value: url.focus, label: x.groupFocus(opened[2] ?? "") }] : []),
            ...(whole?.nodes ?? []).map((node) => ({ value: node.name, label: node.name })),
          ]}
          allowDeselect={false}
          onChange={(value) => onUrl({ focus: value ?? "" })}
        />
        <div>
          <span className={styles.label}>{x.hops}</span>
          <SegmentedControl
            size="xs"
            aria-label={x.hops}
            disabled={focus === ""}
            value={url.hops}
            data={["1", "2", "3"]}
            onChange={(value) => onUrl({ hops: value as ServicesUrl["hops"] })}
          />
        </div>
        <Select
          size="xs"
          label={x.group}
          className={styles.small}
          value={url.group}
          data={GROUPINGS.map((value) => ({ value, label: x.groups[value] }))}
          allowDeselect={false}
          onChange={(value) => onUrl({ group: (value ?? "none") as Grouping })}
        />
        <fieldset className={styles.types}>
          <legend className="visually-hidden">{x.kind}</legend>
          {NODE_TYPES.filter((type) => type !== "service" && types.has(type)).map((type) => (
            <Checkbox
              key={type}
              size="xs"
              label={x.types[type]}
              checked={!url.without.includes(type)}
              onChange={() =>
                onUrl({
                  without: url.without.includes(type)
                    ? url.without.filter((one) => one !== type)
                    : [...url.without, type],
                })
              }
            />
          ))}
        </fieldset>
        <label className={styles.slider}>
          <span className={styles.label}>
            {x.timeTravel} <b>{at === null ? x.now : formatClock(at, zone, 0)}</b>
          </span>
          <input
            type="range"
            min={0}
            max={STEPS}
            step={1}
            value={step}
            aria-valuetext={at === null ? x.now : formatClock(at, zone, 0)}
            onChange={(event) => {
              const moment = moments[Number(event.currentTarget.value)] ?? null;
              onUrl({ at: moment === null ? "" : toIso(moment) });
            }}
          />
        </label>
        <Select
          size="xs"
          label={x.difference}
          className={styles.small}
          value={url.vs}
          data={MAP_PERIODS.map((value) => ({ value, label: x.periods[value] }))}
          allowDeselect={false}
          onChange={(value) => onUrl({ vs: (value ?? "none") as MapPeriod })}
        />
      </div>
      {url.vs !== "none" && before.isError && (
        <p className={styles.banner} role="status">
          {x.failedThen}
          {before.error.message}
        </p>
      )}
      {older?.nodes.length === 0 && (whole?.nodes.length ?? 0) > 0 && (
        <p className={styles.banner} role="status">
          {x.nothingThen}
        </p>
      )}
      {body()}
    </>
  );
}
