/** The form of what is chosen: a pipeline, or one of its steps. */
import type { ReactNode } from "react";
import { Marked } from "../../components/common/Marked.tsx";
import type { Processor } from "../../core/api/pipelines.ts";
import type { Fault } from "../../core/pipelines/draft.ts";
import { t } from "../../core/text.ts";
import { PipelineForm } from "./PipelineForm.tsx";
import styles from "./PipelinesPage.module.css";
import { StepForm } from "./StepForm.tsx";
import type { Workbench } from "./useWorkbench.ts";

interface Props {
  bench: Workbench;
  processors: readonly Processor[];
  fault: Fault | null;
  /** Sentences about failing tests. */
  failing: readonly string[];
  mayWrite: boolean;
}

export function Editor({ bench, processors, fault, failing, mayWrite }: Props): ReactNode {
  const { choice } = bench;
  const own = bench.draft.find((entry) => entry.key === choice.pipeline);
  const pipeline = own ?? bench.file.find((entry) => entry.key === choice.pipeline);
  if (!pipeline) return <p className={styles.hint}>{t.pipelines.select}</p>;
  const fixed = !own || !mayWrite;
  const step = pipeline.steps.find((entry) => entry.key === choice.step);
  const complaint = fault && fault.pipeline === pipeline.key && fault.step === (step?.key ?? "") ? fault.message : "";
  return (
    <>
      {!own && <p className={styles.hint}>{t.pipelines.fromFileHelp}</p>}
      {complaint && (
        <p className={styles.fault} role="alert" data-testid="fault">
          <Marked text={complaint} />
        </p>
      )}
      {step ? (
        <StepForm key={step.key} bench={bench} pipeline={pipeline} step={step} processors={processors} fixed={fixed} />
      ) : (
        <PipelineForm key={pipeline.key} bench={bench} pipeline={pipeline} failing={failing} fixed={fixed} />
      )}
    </>
  );
}
