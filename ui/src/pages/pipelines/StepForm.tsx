/** A step: its processor, its condition, and a form made of the processor's options. */
import { Button, NativeSelect, TextInput } from "@mantine/core";
import type { ReactNode } from "react";
import { Marked } from "../../components/common/Marked.tsx";
import { QueryField } from "../../components/editor/QueryField.tsx";
import type { Processor, StepSpec } from "../../core/api/pipelines.ts";
import { type DraftPipeline, type DraftStep, withStep } from "../../core/pipelines/draft.ts";
import { missing, withOption } from "../../core/pipelines/form.ts";
import { t } from "../../core/text.ts";
import { OptionField } from "./OptionField.tsx";
import styles from "./PipelinesPage.module.css";
import type { Workbench } from "./useWorkbench.ts";

interface Props {
  bench: Workbench;
  pipeline: DraftPipeline;
  step: DraftStep;
  processors: readonly Processor[];
  fixed: boolean;
}

export function StepForm({ bench, pipeline, step, processors, fixed }: Props): ReactNode {
  const { spec } = step;
  const processor = processors.find((entry) => entry.type === spec.type);
  const edit = (change: Partial<StepSpec>, kind: string): void =>
    bench.change((draft) => withStep(draft, pipeline.key, step.key, change), kind && `${step.key} ${kind}`);
  const lacking = processor ? missing(spec, processor.options) : [];
  return (
    <div className={styles.form} data-testid="step-form">
      <div className={styles.formHead}>
        <h2>{processor?.title ?? spec.type}</h2>
        {!fixed && processor && (
          <Button
            size="compact-xs"
            variant="default"
            onClick={() => edit({ options: processor.example.options ?? {} }, "")}
          >
            {t.pipelines.example}
          </Button>
        )}
      </div>
      {processor && (
        <p className={styles.hint}>
          <Marked text={processor.description} />
        </p>
      )}
      <div className={styles.pair}>
        <NativeSelect
          label={t.pipelines.processor}
          size="xs"
          value={spec.type}
          disabled={fixed}
          onChange={(event) => edit({ type: event.currentTarget.value, options: {} }, "")}
          data={processors.map((entry) => ({ value: entry.type, label: entry.title }))}
        />
        <TextInput
          label={t.pipelines.stepName}
          size="xs"
          placeholder={processor?.title}
          title={t.pipelines.stepNameHelp}
          value={spec.name}
          disabled={fixed}
          onChange={(event) => edit({ name: event.currentTarget.value }, "name")}
        />
      </div>
      <QueryField
        label={t.pipelines.when}
        hint={t.pipelines.whenHint}
        value={spec.when}
        disabled={fixed}
        onChange={(when) => when !== spec.when && edit({ when }, "when")}
      />
      {processor?.options.map((option) => (
        <OptionField
          key={`${spec.type} ${option.name}`}
          processor={spec.type}
          option={option}
          options={spec.options}
          fixed={fixed}
          missing={lacking.includes(option.name)}
          onChange={(value) => edit({ options: withOption(spec.options, option, value) }, option.name)}
        />
      ))}
    </div>
  );
}
