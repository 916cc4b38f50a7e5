/** Run, add, and how the result is looked at. */
import { Button, Menu, Select, TextInput } from "@mantine/core";
import { IconHistory, IconPlayerPlayFilled, IconPlayerStopFilled, IconPlus } from "@tabler/icons-react";
import { type ReactNode, useEffect, useState } from "react";
import { IconButton } from "../../components/common/IconButton.tsx";
import { type ChartStyle, MAX_QUERIES, PERIODS, type Period, parseStep, STYLES } from "../../core/metrics/queries.ts";
import { asUnit, UNITS, type Unit } from "../../core/metrics/units.ts";
import { m } from "../../core/metricsText.ts";
import { t } from "../../core/text.ts";
import type { MetricsUrl } from "../../hooks/useMetricsUrl.ts";
import { usePrefs } from "../../hooks/usePrefs.ts";
import styles from "./QueryView.module.css";

interface Props {
  url: MetricsUrl;
  onUrl(change: Partial<MetricsUrl>): void;
  /** What "automatic" found. */
  found: Unit;
  running: boolean;
  stopped: boolean;
  full: boolean;
  onAdd(): void;
  onRun(): void;
  onStop(): void;
  onHistory(query: string): void;
}

export function QueryControls(props: Props): ReactNode {
  const { url, onUrl, found, running, stopped, full, onAdd, onRun, onStop, onHistory } = props;
  const { promqls } = usePrefs();
  const chart = url.view === "chart";
  return (
    <div className={styles.controls}>
      {running ? (
        <Button size="xs" w={84} variant="default" onClick={onStop} leftSection={<IconPlayerStopFilled size={14} />}>
          {m.stop}
        </Button>
      ) : (
        <Button size="xs" w={84} onClick={onRun} leftSection={<IconPlayerPlayFilled size={14} />}>
          {m.run}
        </Button>
      )}
      <Button
        size="xs"
        variant="default"
        disabled={full}
        title={full ? m.tooMany(MAX_QUERIES) : undefined}
        onClick={onAdd}
        leftSection={<IconPlus size={14} />}
      >
        {m.addQuery}
      </Button>
      <Menu position="bottom-start" width={560}>
        <Menu.Target>
          <IconButton label={t.logs.history}>
            <IconHistory size={16} stroke={1.6} />
          </IconButton>
        </Menu.Target>
        <Menu.Dropdown>
          {promqls.length === 0 && <Menu.Label>{t.logs.noHistory}</Menu.Label>}
          {promqls.slice(0, 12).map((query) => (
            <Menu.Item key={query} onClick={() => onHistory(query)}>
              <div className={styles.entry}>{query.replace(/\s+/g, " ")}</div>
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
      {stopped && <span className={styles.note}>{m.stopped}</span>}
      <span className={styles.space} />
      <div className={styles.switch} role="radiogroup" aria-label={m.results}>
        {(["chart", "table"] as const).map((view) => (
          <button
            key={view}
            type="button"
            role="radio"
            aria-checked={url.view === view}
            onClick={() => onUrl({ view })}
          >
            {m[view]}
          </button>
        ))}
      </div>
      {chart && (
        <Select
          size="xs"
          w={96}
          aria-label={m.style}
          data={STYLES.map((style) => ({ value: style, label: m.styles[style] }))}
          value={url.style}
          onChange={(style) => onUrl({ style: (style ?? "line") as ChartStyle })}
          allowDeselect={false}
        />
      )}
      <Select
        size="xs"
        w={190}
        aria-label={m.unit}
        data={[
          { value: "auto", label: m.autoUnit(m.units[found] ?? found) },
          ...UNITS.map((unit) => ({ value: unit || "none", label: m.units[unit] ?? unit })),
        ]}
        value={url.unit === "" ? "none" : url.unit}
        onChange={(unit) =>
          onUrl({ unit: unit === "auto" ? "auto" : (asUnit(unit === "none" ? "" : (unit ?? "")) ?? "auto") })
        }
        allowDeselect={false}
      />
      {chart && (
        <>
          <Small
            label={m.step}
            title={m.stepHelp}
            hint={m.stepAuto}
            value={url.step}
            bad={(text) => (parseStep(text) === null ? m.stepBad : "")}
            onChange={(step) => onUrl({ step })}
          />
          <Select
            size="xs"
            w={142}
            aria-label={m.compare}
            data={[
              { value: "", label: m.compareNone },
              ...PERIODS.map((period) => ({ value: period, label: m.periods[period] })),
            ]}
            value={url.vs ?? ""}
            onChange={(period) => onUrl({ vs: period ? (period as Period) : null })}
            allowDeselect={false}
          />
          <Small
            label={m.threshold}
            title={m.thresholdHelp}
            hint="–"
            value={url.line === null ? "" : String(url.line)}
            bad={(text) => (Number.isFinite(Number(text)) ? "" : m.thresholdBad)}
            onChange={(text) => onUrl({ line: text === "" ? null : Number(text) })}
          />
          <Button
            size="xs"
            variant={url.ex ? "light" : "default"}
            aria-pressed={url.ex}
            title={m.exemplarsHelp}
            onClick={() => onUrl({ ex: !url.ex })}
          >
            ◆ {m.exemplars}
          </Button>
        </>
      )}
    </div>
  );
}

interface SmallProps {
  label: string;
  title: string;
  hint: string;
  value: string;
  bad(text: string): string;
  onChange(value: string): void;
}

/** A short field that takes effect with Enter or when it is left. */
function Small({ label, title, hint, value, bad, onChange }: SmallProps): ReactNode {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const error = text.trim() === "" ? "" : bad(text.trim());
  const take = (): void => {
    if (error === "" && text.trim() !== value) onChange(text.trim());
  };
  return (
    <div className={styles.small} title={error || title}>
      <span aria-hidden>{label}</span>
      <TextInput
        size="xs"
        w={64}
        aria-label={label}
        placeholder={hint}
        value={text}
        error={error !== ""}
        onChange={(event) => setText(event.currentTarget.value)}
        onBlur={take}
        onKeyDown={(event) => event.key === "Enter" && take()}
      />
    </div>
  );
}
