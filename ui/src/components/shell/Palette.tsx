/** The command palette: pages, metrics, actions, searches, pasted trace ids. */
import { useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { createSpotlight, Spotlight } from "@mantine/spotlight";
import { IconArrowRight, IconBolt, IconChartLine, IconLogs, IconRoute, IconSearch } from "@tabler/icons-react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState, useSyncExternalStore } from "react";
import { useNavigate } from "react-router";
import { BINDINGS, keyCaps } from "../../core/keys.ts";
import { rank } from "../../core/query/complete.ts";
import { pastedId } from "../../core/query/history.ts";
import { t } from "../../core/text.ts";
import { stepRange, zoomOut } from "../../core/time/range.ts";
import { useBackend } from "../../hooks/useApi.tsx";
import { usePagePath } from "../../hooks/usePagePath.ts";
import { IS_MAC } from "../../hooks/usePlatform.ts";
import { usePrefs, useSetPrefs } from "../../hooks/usePrefs.ts";
import { usePermission, useSignOut } from "../../hooks/useSession.ts";
import { useTime } from "../../hooks/useTime.tsx";
import { useVisiblePages } from "../../hooks/useVisiblePages.ts";
import { keyHelp, palette } from "./openStore.ts";
import styles from "./Palette.module.css";

const [store, spotlight] = createSpotlight();

/** What came later may stand before what is chosen: the first stays chosen, or what the arrow keys went to. */
function keepChosen(): void {
  const { listId, selected } = store.getState();
  const list = document.getElementById(listId);
  if (!list) return;
  const all = [...list.querySelectorAll("[data-action]")];
  const chosen = list.querySelector("[data-selected]");
  if (selected > 0 && chosen) store.setState({ ...store.getState(), selected: all.indexOf(chosen) });
  else {
    chosen?.removeAttribute("data-selected");
    all[0]?.setAttribute("data-selected", "true");
  }
}

/** Metrics that are shown, of so many that are asked for, and letters from which on they are looked for. */
const METRICS = 6;
const FETCHED = 200;
const LETTERS = 2;

const NONE: readonly Named[] = [];

interface Named {
  name: string;
  help: string;
}

/** The first of them; those that have the words in their name before those that have them in their help. */
function byName(metrics: readonly Named[], text: string): Named[] {
  const words = text.toLowerCase().split(/\s+/);
  const missing = ({ name }: Named): number => words.filter((word) => !name.toLowerCase().includes(word)).length;
  return [...metrics].sort((a, b) => missing(a) - missing(b)).slice(0, METRICS);
}

/** Metrics whose name or help holds all words; none without the permission. */
function useMetricsNamed(text: string): readonly Named[] {
  const { api, tenant } = useBackend();
  const allowed = usePermission("metrics:read");
  const [settled] = useDebouncedValue(text, 150);
  const enabled = allowed && settled.length >= LETTERS && text.length >= LETTERS;
  const found = useQuery({
    queryKey: ["metrics", "palette", tenant.current, settled],
    enabled,
    staleTime: 30_000,
    retry: false,
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) =>
      byName((await api.catalog({ search: settled, limit: FETCHED }, signal)).metrics, settled),
  });
  return (enabled && found.data) || NONE;
}

interface Entry {
  id: string;
  label: string;
  keys?: string;
  run(): void;
}

function useEntries(): { pages: Entry[]; actions: Entry[] } {
  const navigate = useNavigate();
  const to = usePagePath();
  const visible = useVisiblePages();
  const { refresh, range, span, setRange } = useTime();
  const { zone, wrap, singleKeys } = usePrefs();
  const setPrefs = useSetPrefs();
  const { setColorScheme } = useMantineColorScheme();
  const shown = useComputedColorScheme("light");
  const signOut = useSignOut();
  const metrics = usePermission("metrics:read");
  const targets = usePermission("targets:read");
  const keysOf = (action?: string): string | undefined => BINDINGS.find((binding) => binding.action === action)?.keys;
  const pages = visible
    .filter((page) => page.group !== "inside")
    .map((page) => ({
      id: page.path,
      label: page.title,
      keys: keysOf(page.action),
      run: () => void navigate(to(page.path)),
    }));
  const actions: Entry[] = [
    {
      id: "live",
      label: t.palette.live,
      run: () => void navigate(to("/logs", { live: "1" })),
    },
    {
      id: "patterns",
      label: t.palette.patterns,
      run: () => void navigate(to("/logs", { tab: "patterns" })),
    },
    {
      id: "compare",
      label: t.palette.compare,
      run: () => void navigate(to("/logs", { tab: "compare" })),
    },
    ...(metrics
      ? [{ id: "promql", label: t.palette.promql, run: () => void navigate(to("/metrics", { tab: "query" })) }]
      : []),
    ...(targets
      ? [{ id: "down", label: t.palette.down, run: () => void navigate(to("/targets", { health: "down" })) }]
      : []),
    { id: "refresh", label: t.keys.actions.refresh, keys: "r", run: refresh },
    {
      id: "theme",
      label: t.keys.actions.theme,
      keys: "shift+d",
      run: () => setColorScheme(shown === "dark" ? "light" : "dark"),
    },
    {
      id: "zone",
      label: t.keys.actions.zone,
      keys: "u",
      run: () => setPrefs({ zone: zone === "UTC" ? "local" : "UTC" }),
    },
    { id: "zoomOut", label: t.keys.actions.zoomOut, keys: "z", run: () => setRange(zoomOut(range, span)) },
    { id: "stepBack", label: t.keys.actions.stepBack, keys: "[", run: () => setRange(stepRange(span, -1)) },
    { id: "stepForward", label: t.keys.actions.stepForward, keys: "]", run: () => setRange(stepRange(span, 1)) },
    { id: "wrap", label: t.keys.actions.wrap, keys: "w", run: () => setPrefs({ wrap: !wrap }) },
    { id: "single", label: t.top.singleKeys, run: () => setPrefs({ singleKeys: !singleKeys }) },
    { id: "help", label: t.top.keyboard, keys: "?", run: keyHelp.open },
    { id: "signOut", label: t.top.signOut, run: () => void signOut() },
  ];
  return { pages, actions };
}

function matching(entries: Entry[], typed: string): Entry[] {
  if (typed === "") return entries;
  const names = rank(
    entries.map((entry) => entry.label),
    typed,
  );
  return names.flatMap((name) => entries.find((entry) => entry.label === name) ?? []);
}

export default function Palette(): ReactNode {
  const [typed, setTyped] = useState("");
  const navigate = useNavigate();
  const to = usePagePath();
  const { pages, actions } = useEntries();
  const setPrefs = useSetPrefs();
  const open = useSyncExternalStore(palette.subscribe, palette.get);
  useEffect(() => (open ? spotlight.open() : spotlight.close()), [open]);
  const text = typed.trim();
  const id = pastedId(text);
  const shownPages = matching(pages, text);
  const shownActions = matching(actions, text);
  const named = useMetricsNamed(id ? "" : text);
  useEffect(() => {
    if (named.length > 0) keepChosen();
  }, [named]);
  const allowed = {
    metrics: usePermission("metrics:read"),
    targets: usePermission("targets:read"),
    traces: usePermission("traces:read"),
  };
  const item = (entry: Entry, icon: ReactNode): ReactNode => (
    <Spotlight.Action
      key={entry.id}
      label={entry.label}
      leftSection={icon}
      rightSection={entry.keys && <kbd>{keyCaps(entry.keys, IS_MAC).join(" ")}</kbd>}
      onClick={entry.run}
    />
  );
  return (
    <Spotlight.Root
      store={store}
      attributes={{ content: { "aria-label": t.palette.label } }}
      overlayProps={{ backgroundOpacity: 0.45, blur: 0 }}
      transitionProps={{ duration: 100 }}
      onSpotlightClose={palette.close}
      query={typed}
      onQueryChange={setTyped}
      shortcut={null}
      clearQueryOnClose
      maxHeight={440}
      scrollable
    >
      <Spotlight.Search
        placeholder={t.palette.placeholder}
        aria-label={t.palette.placeholder}
        leftSection={<IconSearch size={18} />}
      />
      <Spotlight.ActionsList>
        {id?.field === "trace_id" && allowed.traces && (
          <Spotlight.Action
            label={t.palette.openTrace(id.id)}
            leftSection={<IconRoute size={18} />}
            onClick={() => void navigate(to(`/traces/${id.id}`))}
          />
        )}
        {id && (
          <Spotlight.Action
            label={id.field === "trace_id" ? t.palette.trace(id.id) : t.palette.span(id.id)}
            leftSection={<IconLogs size={18} />}
            onClick={() => void navigate(to("/logs", { q: `${id.field}:${id.id}` }))}
          />
        )}
        {shownPages.length > 0 && (
          <Spotlight.ActionsGroup label={t.palette.pages}>
            {shownPages.map((entry) => item(entry, <IconArrowRight size={16} />))}
          </Spotlight.ActionsGroup>
        )}
        {shownActions.length > 0 && (
          <Spotlight.ActionsGroup label={t.palette.actions}>
            {shownActions.map((entry) => item(entry, <IconBolt size={16} />))}
          </Spotlight.ActionsGroup>
        )}
        {named.length > 0 && (
          <Spotlight.ActionsGroup label={t.palette.metrics}>
            {named.map(({ name, help }) => (
              <Spotlight.Action
                key={name}
                label={name}
                description={help || t.palette.noHelp}
                classNames={{ actionDescription: styles.description ?? "" }}
                leftSection={<IconChartLine size={16} />}
                onClick={() => void navigate(to("/metrics", { metric: name }))}
              />
            ))}
          </Spotlight.ActionsGroup>
        )}
        {text !== "" && !id && (
          <Spotlight.Action
            label={t.palette.search(text)}
            leftSection={<IconSearch size={16} />}
            onClick={() => void navigate(to("/logs", { q: text }))}
          />
        )}
        {text !== "" && !id && allowed.metrics && (
          <Spotlight.Action
            label={t.palette.metric(text)}
            leftSection={<IconSearch size={16} />}
            onClick={() => {
              setPrefs({ metricsShown: true });
              void navigate(to("/metrics", { find: text }));
            }}
          />
        )}
        {text !== "" && !id && allowed.targets && (
          <Spotlight.Action
            label={t.palette.target(text)}
            leftSection={<IconSearch size={16} />}
            onClick={() => void navigate(to("/targets", { find: text }))}
          />
        )}
      </Spotlight.ActionsList>
    </Spotlight.Root>
  );
}
