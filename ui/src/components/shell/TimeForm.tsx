/** Inside of the time picker. */
import { Button, SegmentedControl, Select, TextInput } from "@mantine/core";
import { type FormEvent, type ReactNode, useMemo, useState } from "react";
import { t } from "../../core/text.ts";
import { formatInstant, formatRange } from "../../core/time/format.ts";
import { fromMs, toMs } from "../../core/time/instant.ts";
import { parseRange } from "../../core/time/parse.ts";
import { absolute, type Range, resolveRange } from "../../core/time/range.ts";
import { fromRecent } from "../../core/time/recents.ts";
import { resolveZone, wallAt, wallToUtc, type Zone } from "../../core/time/zone.ts";
import { useApi } from "../../hooks/useApi.tsx";
import { usePrefs, useSetPrefs } from "../../hooks/usePrefs.ts";
import { useTime } from "../../hooks/useTime.tsx";
import styles from "./TimePicker.module.css";

const QUICK = [
  "5m",
  "15m",
  "30m",
  "1h",
  "3h",
  "6h",
  "12h",
  "24h",
  "2d",
  "7d",
  "30d",
  "today",
  "yesterday",
  "this week",
  "last week",
  "this month",
];

const two = (value: number): string => String(value).padStart(2, "0");

/** What a datetime-local field shows for that moment in the zone. */
function fieldText(ms: number, zone: Zone): string {
  const wall = wallAt(ms, zone);
  return `${String(wall.year).padStart(4, "0")}-${two(wall.month)}-${two(wall.day)}T${two(wall.hour)}:${two(wall.minute)}:${two(wall.second)}`;
}

function fieldMs(text: string, zone: Zone): number | null {
  const match = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d))?/.exec(text);
  if (!match) return null;
  const [year, month, day, hour, minute, second] = match.slice(1).map((part) => Number(part ?? 0));
  return wallToUtc(
    { year: year ?? 0, month: month ?? 1, day: day ?? 1, hour: hour ?? 0, minute: minute ?? 0, second: second || 0 },
    zone,
  );
}

function ZoneChoice(): ReactNode {
  const { zone } = usePrefs();
  const setPrefs = useSetPrefs();
  const named = zone !== "UTC" && zone !== "local";
  const zones = useMemo(() => Intl.supportedValuesOf("timeZone"), []);
  return (
    <div className={styles.row}>
      <SegmentedControl
        size="xs"
        aria-label={t.time.zone}
        value={named ? "other" : zone}
        onChange={(value) => setPrefs({ zone: value === "other" ? "Europe/London" : value })}
        data={[
          { value: "local", label: `${t.time.browser} (${resolveZone("local")})` },
          { value: "UTC", label: t.time.utc },
          { value: "other", label: t.time.other },
        ]}
      />
      {named && (
        <Select
          size="xs"
          searchable
          limit={40}
          data={zones}
          value={zone}
          aria-label={t.time.other}
          comboboxProps={{ withinPortal: false }}
          onChange={(value) => value && setPrefs({ zone: value })}
        />
      )}
    </div>
  );
}

export default function TimeForm({ onDone }: { onDone(): void }): ReactNode {
  const { range, span, zone, setRange } = useTime();
  const { recents } = usePrefs();
  const api = useApi();
  const [text, setText] = useState("");
  const [now] = useState(() => fromMs(api.now()));
  const parsed = text.trim() === "" ? null : parseRange(text, { now, zone });
  const shown = parsed?.ok ? resolveRange(parsed.range, now, zone) : span;
  const choose = (next: Range): void => {
    setRange(next);
    onDone();
  };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (parsed?.ok) choose(parsed.range);
  };
  const quick = useMemo(() => {
    return QUICK.flatMap((name) => {
      const result = parseRange(name, { now, zone });
      return result.ok
        ? [{ name, range: result.range, label: formatRange(result.range, resolveRange(result.range, now, zone), zone) }]
        : [];
    });
  }, [now, zone]);
  const setEdge = (edge: "from" | "to", value: string): void => {
    const ms = fieldMs(value, zone);
    if (ms === null) return;
    const next = { ...span, [edge]: fromMs(ms) };
    if (next.from < next.to) setRange(absolute(next));
  };
  return (
    <div className={styles.body}>
      <div className={styles.list}>
        <div className={styles.heading}>{t.time.quick}</div>
        {quick.map((entry) => (
          <button
            key={entry.name}
            type="button"
            className={styles.choice}
            aria-pressed={entry.range.from === range.from && entry.range.to === range.to}
            onClick={() => choose(entry.range)}
          >
            {entry.label}
          </button>
        ))}
      </div>
      <form className={styles.form} onSubmit={submit}>
        <TextInput
          data-autofocus
          label={t.time.input}
          placeholder={t.time.placeholder}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          error={parsed && !parsed.ok ? parsed.message : undefined}
          description={t.time.hint}
          rightSectionWidth={64}
          rightSection={
            <Button type="submit" size="compact-xs" disabled={!parsed?.ok}>
              {t.time.apply}
            </Button>
          }
        />
        <output className={styles.preview}>
          {formatInstant(shown.from, zone, 0)} – {formatInstant(shown.to, zone, 0)}
        </output>
        <div className={styles.pair}>
          {(["from", "to"] as const).map((edge) => (
            <label key={edge}>
              {t.time[edge]}
              <input
                type="datetime-local"
                step={1}
                key={`${edge}${toMs(span[edge])}${zone}`}
                defaultValue={fieldText(toMs(span[edge]), zone)}
                onBlur={(event) => {
                  if (event.target.value !== event.target.defaultValue) setEdge(edge, event.target.value);
                }}
              />
            </label>
          ))}
        </div>
        <div>
          <div className={styles.heading}>{t.time.recent}</div>
          {recents.length === 0 && <p className={styles.preview}>{t.time.noRecent}</p>}
          {recents.slice(0, 5).map((recent) => {
            const entry = fromRecent(recent);
            return (
              <div key={`${entry.from} ${entry.to}`}>
                <button type="button" className={styles.choice} onClick={() => choose(entry)}>
                  {formatRange(entry, resolveRange(entry, now, zone), zone)}
                </button>
              </div>
            );
          })}
        </div>
        <ZoneChoice />
      </form>
    </div>
  );
}
