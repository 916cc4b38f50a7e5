/** Ways to look, finding, filters, zoom and folds of a trace. */
import { Button, Checkbox, Popover, SegmentedControl, Select, TextInput } from "@mantine/core";
import {
  IconArrowDown,
  IconArrowUp,
  IconFilter,
  IconFold,
  IconRoute2,
  IconSearch,
  IconZoomIn,
  IconZoomOut,
  IconZoomReset,
} from "@tabler/icons-react";
import { type KeyboardEvent, type ReactNode, type Ref, useMemo } from "react";
import { formatCount } from "../../core/format.ts";
import { KINDS, serviceShares, type Trace } from "../../core/traces/model.ts";
import { type Folds, foldBelow, NO_FOLDS } from "../../core/traces/rows.ts";
import {
  BELOW,
  filtersOn,
  TRACE_VIEWS,
  type TraceView,
  type TraceViewName,
  WHOLE,
  zoomAt,
} from "../../core/traces/view.ts";
import { x } from "../../core/tracesText.ts";
import { IconButton } from "../common/IconButton.tsx";
import { serviceTokens } from "./paint.ts";
import { Swatch } from "./SpanTables.tsx";
import styles from "./Trace.module.css";

interface Props {
  trace: Trace;
  view: TraceView;
  folds: Folds;
  hits: Int32Array;
  /** Place of the open span among the hits, from 1. */
  hit: number;
  searching: boolean;
  hidden: number;
  find: Ref<HTMLInputElement>;
  /** In the panel there is less room. */
  small: boolean;
  onView(change: Partial<TraceView>): void;
  onFolds(folds: Folds): void;
  onHit(direction: 1 | -1): void;
}

export function TraceToolbar(props: Props): ReactNode {
  const { trace, view, folds, hits, hit, searching, hidden, find, small, onView, onFolds, onHit } = props;
  const onKey = (event: KeyboardEvent<HTMLInputElement>): void => {
    if (event.key === "Enter") {
      event.preventDefault();
      onHit(event.shiftKey ? -1 : 1);
    } else if (event.key === "Escape") {
      event.stopPropagation();
      if (view.find !== "") onView({ find: "" });
      else event.currentTarget.blur();
    }
  };
  const timeline = view.view === "waterfall" || view.view === "flame";
  return (
    <div className={styles.bar}>
      <SegmentedControl
        size="xs"
        aria-label={x.views}
        value={view.view}
        onChange={(value) => onView({ view: value as TraceViewName })}
        data={TRACE_VIEWS.filter((name) => !small || name !== "diff").map((value) => ({ value, label: x.view[value] }))}
      />
      {view.view !== "diff" && (
        <>
          <TextInput
            ref={find}
            size="xs"
            className={styles.find}
            value={view.find}
            onChange={(event) => onView({ find: event.currentTarget.value })}
            onKeyDown={onKey}
            placeholder={x.findHint}
            aria-label={x.find}
            leftSection={<IconSearch size={14} />}
          />
          {view.find !== "" && (
            <>
              <span className={styles.hits} data-testid="trace-hits" aria-live="polite">
                {searching ? "…" : x.found(hit, hits.length)}
              </span>
              <IconButton
                label={x.findPrevious}
                hotkey="⇧N"
                size={24}
                disabled={hits.length === 0}
                onClick={() => onHit(-1)}
              >
                <IconArrowUp size={14} />
              </IconButton>
              <IconButton label={x.findNext} hotkey="N" size={24} disabled={hits.length === 0} onClick={() => onHit(1)}>
                <IconArrowDown size={14} />
              </IconButton>
            </>
          )}
          <Filters trace={trace} view={view} onView={onView} />
          <Button
            size="compact-xs"
            variant={view.path ? "light" : "default"}
            aria-pressed={view.path}
            title={x.pathHelp}
            leftSection={<IconRoute2 size={14} />}
            disabled={trace.path.span.length === 0}
            onClick={() => onView({ path: !view.path })}
          >
            {x.path}
          </Button>
        </>
      )}
      {view.view === "waterfall" && (
        <Button
          size="compact-xs"
          variant="default"
          leftSection={<IconFold size={14} />}
          onClick={() =>
            onFolds(
              folds.spans.length > 0
                ? { ...NO_FOLDS, repeated: folds.repeated }
                : { ...folds, spans: foldBelow(trace, 1) },
            )
          }
        >
          {folds.spans.length > 0 ? x.unfoldAll : x.foldAll}
        </Button>
      )}
      {timeline && (
        <>
          <IconButton
            label={x.zoomIn}
            hotkey="+"
            size={24}
            onClick={() => onView({ zoom: zoomAt(view.zoom, 0.5, 0.5) })}
          >
            <IconZoomIn size={15} />
          </IconButton>
          <IconButton
            label={x.zoomOut}
            hotkey="-"
            size={24}
            onClick={() => onView({ zoom: zoomAt(view.zoom, 0.5, 2) })}
          >
            <IconZoomOut size={15} />
          </IconButton>
          <IconButton label={x.zoomReset} hotkey="0" size={24} onClick={() => onView({ zoom: WHOLE })}>
            <IconZoomReset size={15} />
          </IconButton>
        </>
      )}
      {hidden > 0 && view.view !== "diff" && <span className={styles.note}>{x.hidden(hidden)}</span>}
    </div>
  );
}

function Filters({ trace, view, onView }: Pick<Props, "trace" | "view" | "onView">): ReactNode {
  const on = filtersOn(view);
  const services = useMemo(() => serviceShares(trace), [trace]);
  const tokens = useMemo(() => serviceTokens(trace.services), [trace.services]);
  const kinds = useMemo(() => KINDS.filter((_, index) => trace.kind.includes(index)), [trace]);
  const toggled = (list: readonly string[], name: string): string[] =>
    list.includes(name) ? list.filter((one) => one !== name) : [...list, name];
  return (
    <Popover position="bottom-start" trapFocus withinPortal>
      <Popover.Target>
        <Button
          size="compact-xs"
          variant={on > 0 ? "light" : "default"}
          leftSection={<IconFilter size={14} />}
          aria-haspopup="dialog"
        >
          {on > 0 ? x.filtersOn(on) : x.filters}
        </Button>
      </Popover.Target>
      <Popover.Dropdown p={4} aria-label={x.filters}>
        <div className={styles.menu}>
          <Select
            size="xs"
            label={x.hideBelow}
            comboboxProps={{ withinPortal: false }}
            value={String(view.below)}
            onChange={(value) => onView({ below: Number(value ?? 0) })}
            data={BELOW.map((share) => ({ value: String(share), label: share === 0 ? x.belowNone : x.below(share) }))}
            allowDeselect={false}
          />
          <Checkbox
            size="xs"
            label={x.errorsOnly}
            checked={view.errors}
            onChange={(event) => onView({ errors: event.currentTarget.checked })}
          />
          <Checkbox
            size="xs"
            label={x.pathOnly}
            checked={view.pathOnly}
            disabled={trace.path.span.length === 0}
            onChange={(event) => onView({ pathOnly: event.currentTarget.checked })}
          />
          <Checkbox
            size="xs"
            label={x.repeated}
            checked={view.repeated}
            onChange={(event) => onView({ repeated: event.currentTarget.checked })}
          />
          <fieldset>
            <legend>{x.byService}</legend>
            {services.map((service) => (
              <div key={service.name} className={styles.choice}>
                <Checkbox
                  size="xs"
                  checked={!view.without.includes(service.name)}
                  onChange={() => onView({ without: toggled(view.without, service.name) })}
                  label={
                    <span className={styles.choiceLabel}>
                      <Swatch token={tokens[service.index]} />
                      <span>{service.name}</span>
                      <span>{formatCount(service.spans)}</span>
                    </span>
                  }
                />
                <Button
                  size="compact-xs"
                  variant="subtle"
                  aria-label={`${x.only}: ${service.name}`}
                  onClick={() =>
                    onView({ without: services.map((one) => one.name).filter((name) => name !== service.name) })
                  }
                >
                  {x.only}
                </Button>
              </div>
            ))}
          </fieldset>
          <fieldset>
            <legend>{x.byKind}</legend>
            {kinds.map((kind) => (
              <Checkbox
                key={kind}
                size="xs"
                label={kind}
                checked={!view.withoutKinds.includes(kind)}
                onChange={() => onView({ withoutKinds: toggled(view.withoutKinds, kind) })}
              />
            ))}
          </fieldset>
          {on > 0 && (
            <Button
              size="compact-xs"
              variant="default"
              onClick={() => onView({ below: 0, errors: false, pathOnly: false, without: [], withoutKinds: [] })}
            >
              {x.showAll}
            </Button>
          )}
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}
