/** All pipelines with their steps, in the order in which they run: the file's first, then the tenant's own. */
import { Button, Menu, Switch } from "@mantine/core";
import { IconDots, IconLock, IconPlus } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { IconButton } from "../../components/common/IconButton.tsx";
import { SortableList } from "../../components/dnd/SortableList.tsx";
import type { Processor } from "../../core/api/pipelines.ts";
import { formatCount, formatRate, formatShort } from "../../core/format.ts";
import * as drafts from "../../core/pipelines/draft.ts";
import { summary } from "../../core/pipelines/form.ts";
import type { StepFigures } from "../../core/pipelines/rates.ts";
import { t } from "../../core/text.ts";
import styles from "./PipelineList.module.css";
import type { Workbench } from "./useWorkbench.ts";

interface Props {
  bench: Workbench;
  processors: readonly Processor[];
  figures: Map<string, StepFigures>;
  fault: drafts.Fault | null;
  mayWrite: boolean;
}

export function titleOf(step: drafts.DraftStep, processors: readonly Processor[]): string {
  return step.spec.name || (processors.find((entry) => entry.type === step.spec.type)?.title ?? step.spec.type);
}

function Actions({
  name,
  first,
  last,
  onDuplicate,
  onMove,
  onRemove,
}: {
  name: string;
  first: boolean;
  last: boolean;
  onDuplicate(): void;
  onMove(by: -1 | 1): void;
  onRemove(): void;
}): ReactNode {
  return (
    <Menu position="bottom-end" width={160} withInitialFocusPlaceholder={false}>
      <Menu.Target>
        <IconButton label={t.pipelines.actions(name)} size={24}>
          <IconDots size={16} />
        </IconButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={onDuplicate}>{t.pipelines.duplicate}</Menu.Item>
        <Menu.Item disabled={first} onClick={() => onMove(-1)}>
          {t.pipelines.moveUp}
        </Menu.Item>
        <Menu.Item disabled={last} onClick={() => onMove(1)}>
          {t.pipelines.moveDown}
        </Menu.Item>
        <Menu.Item c="var(--danger)" onClick={onRemove}>
          {t.pipelines.remove}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

function Figures({ name, figures }: { name: string; figures: StepFigures | undefined }): ReactNode {
  if (!figures) return null;
  return (
    <div className={styles.figures} role="group" aria-label={t.pipelines.figures(name)} data-testid="step-figures">
      <span>{figures.rate !== null ? formatRate(figures.rate) : t.pipelines.inTotal(formatShort(figures.in))}</span>
      <span data-some={figures.dropped > 0 || undefined}>{t.pipelines.dropped(formatShort(figures.dropped))}</span>
      <span data-bad={figures.failed > 0 || undefined}>{t.pipelines.failures(formatCount(figures.failed))}</span>
      {figures.in > 0 && <span>{t.pipelines.perRecord(figures.micros)}</span>}
    </div>
  );
}

function AddStep({
  processors,
  onAdd,
}: {
  processors: readonly Processor[];
  onAdd(step: drafts.DraftStep): void;
}): ReactNode {
  return (
    <Menu position="bottom-start" width={260} withInitialFocusPlaceholder={false}>
      <Menu.Target>
        <Button size="compact-xs" variant="subtle" leftSection={<IconPlus size={14} />}>
          {t.pipelines.addStep}
        </Button>
      </Menu.Target>
      <Menu.Dropdown className={styles.processors}>
        {processors.map((processor) => (
          <Menu.Item
            key={processor.type}
            title={processor.description}
            onClick={() => onAdd(drafts.newStep(processor.type))}
          >
            {processor.title}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

/** One entry: a row that is chosen by a click, with what can be done to it on both sides. */
function Entry({
  chosen,
  bad,
  off,
  handle,
  title,
  badge,
  text,
  strong,
  tools,
  onChoose,
}: {
  chosen: boolean;
  bad: boolean;
  off: boolean;
  handle: ReactNode;
  title: string;
  badge?: ReactNode;
  text: string;
  strong?: boolean;
  tools: ReactNode;
  onChoose(): void;
}): ReactNode {
  return (
    <div
      className={styles.row}
      data-chosen={chosen || undefined}
      data-bad={bad || undefined}
      data-off={off || undefined}
    >
      {handle}
      <button type="button" className={styles.name} aria-current={chosen || undefined} onClick={onChoose}>
        <span className={styles.title} data-strong={strong || undefined}>
          {title}
          {off && <span className={styles.off}>{t.pipelines.off}</span>}
          {badge}
        </span>
        {text && <span className={styles.text}>{text}</span>}
      </button>
      {tools}
    </div>
  );
}

function Steps({
  pipeline,
  bench,
  processors,
  figures,
  fault,
  fixed,
}: Omit<Props, "mayWrite"> & { pipeline: drafts.DraftPipeline; fixed: boolean }): ReactNode {
  const { key } = pipeline;
  const draw = (step: drafts.DraftStep, index: number, handle: ReactNode): ReactNode => {
    const name = titleOf(step, processors);
    const { spec } = step;
    const text = [spec.when, summary(spec)].filter(Boolean).join(" → ");
    return (
      <div className={styles.step} data-testid="step">
        <Entry
          chosen={bench.choice.step === step.key}
          bad={fault?.step === step.key}
          off={!spec.enabled || !pipeline.spec.enabled}
          handle={handle}
          title={t.pipelines.stepNumber(index + 1, name)}
          text={text}
          onChoose={() => bench.choose({ pipeline: key, step: step.key })}
          tools={
            !fixed && (
              <>
                <Switch
                  size="xs"
                  aria-label={t.pipelines.enabled(name)}
                  checked={spec.enabled}
                  onChange={(event) => {
                    const enabled = event.currentTarget.checked;
                    bench.change((draft) => drafts.withStep(draft, key, step.key, { enabled }));
                  }}
                />
                <Actions
                  name={name}
                  first={index === 0}
                  last={index === pipeline.steps.length - 1}
                  onDuplicate={() => bench.change((draft) => drafts.duplicatedStep(draft, key, step.key))}
                  onMove={(by) => bench.change((draft) => drafts.withMovedStep(draft, key, index, index + by))}
                  onRemove={() => {
                    bench.change((draft) => drafts.withoutStep(draft, key, step.key));
                    if (bench.choice.step === step.key) bench.choose({ pipeline: key, step: "" });
                  }}
                />
              </>
            )
          }
        />
        <Figures name={name} figures={step.saved === "" ? undefined : figures.get(step.saved)} />
      </div>
    );
  };
  const label = t.pipelines.steps(pipeline.spec.name);
  if (fixed) {
    return (
      <ul className={styles.fixed} aria-label={label}>
        {pipeline.steps.map((step, index) => (
          <li key={step.key}>{draw(step, index, <span className={styles.noHandle} />)}</li>
        ))}
      </ul>
    );
  }
  return (
    <>
      <SortableList
        items={pipeline.steps}
        label={label}
        nameOf={(step) => titleOf(step, processors)}
        onMove={(from, to) => bench.change((draft) => drafts.withMovedStep(draft, key, from, to))}
      >
        {draw}
      </SortableList>
      <div className={styles.add}>
        <AddStep
          processors={processors}
          onAdd={(step) => {
            bench.change((draft) => drafts.withNewStep(draft, key, step));
            bench.choose({ pipeline: key, step: step.key });
          }}
        />
      </div>
    </>
  );
}

export function PipelineList({ bench, processors, figures, fault, mayWrite }: Props): ReactNode {
  const card = (pipeline: drafts.DraftPipeline, index: number, handle: ReactNode, fixed: boolean): ReactNode => {
    const { key, spec } = pipeline;
    const fromFile = bench.file.includes(pipeline);
    return (
      <article className={styles.card} data-testid="pipeline" aria-label={spec.name}>
        <Entry
          strong
          chosen={bench.choice.pipeline === key && bench.choice.step === ""}
          bad={fault?.pipeline === key && fault.step === ""}
          off={!spec.enabled}
          handle={handle}
          title={spec.name}
          badge={
            fromFile && (
              <span className={styles.badge} title={t.pipelines.fromFileHelp}>
                <IconLock size={12} aria-hidden /> {t.pipelines.fromFile}
              </span>
            )
          }
          text={spec.when || spec.description}
          onChoose={() => bench.choose({ pipeline: key, step: "" })}
          tools={
            !fixed && (
              <>
                <Switch
                  size="xs"
                  aria-label={t.pipelines.enabled(spec.name)}
                  checked={spec.enabled}
                  onChange={(event) => {
                    const enabled = event.currentTarget.checked;
                    bench.change((draft) => drafts.withPipeline(draft, key, { enabled }));
                  }}
                />
                <Actions
                  name={spec.name}
                  first={index === 0}
                  last={index === bench.draft.length - 1}
                  onDuplicate={() => bench.change((draft) => drafts.duplicatedPipeline(draft, key))}
                  onMove={(by) => bench.change((draft) => drafts.moved(draft, index, index + by))}
                  onRemove={() => {
                    bench.change((draft) => drafts.withoutPipeline(draft, key));
                    if (bench.choice.pipeline === key) bench.choose({ pipeline: "", step: "" });
                  }}
                />
              </>
            )
          }
        />
        <Steps
          pipeline={pipeline}
          bench={bench}
          processors={processors}
          figures={figures}
          fault={fault}
          fixed={fixed}
        />
      </article>
    );
  };
  const blank = <span className={styles.noHandle} />;
  return (
    <>
      {bench.file.map((pipeline, index) => (
        <div key={pipeline.key}>{card(pipeline, index, blank, true)}</div>
      ))}
      {bench.draft.length === 0 && <p className={styles.none}>{t.pipelines.noOwn}</p>}
      {mayWrite ? (
        <div className={styles.cards}>
          <SortableList
            items={bench.draft}
            label={t.pipelines.list}
            nameOf={(pipeline) => pipeline.spec.name}
            onMove={(from, to) => bench.change((draft) => drafts.moved(draft, from, to))}
          >
            {(pipeline, index, handle) => card(pipeline, index, handle, false)}
          </SortableList>
        </div>
      ) : (
        bench.draft.map((pipeline, index) => <div key={pipeline.key}>{card(pipeline, index, blank, true)}</div>)
      )}
    </>
  );
}
