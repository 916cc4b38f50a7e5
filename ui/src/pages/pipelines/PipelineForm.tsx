/** Name, condition and tests of a pipeline. */
import { Textarea, TextInput } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { QueryField } from "../../components/editor/QueryField.tsx";
import { type DraftPipeline, nameProblem, withPipeline } from "../../core/pipelines/draft.ts";
import { failuresOf, printTests, readTests } from "../../core/pipelines/tests.ts";
import { t } from "../../core/text.ts";
import styles from "./PipelinesPage.module.css";
import type { Workbench } from "./useWorkbench.ts";

interface Props {
  bench: Workbench;
  pipeline: DraftPipeline;
  failing: readonly string[];
  fixed: boolean;
}

export function PipelineForm({ bench, pipeline, failing, fixed }: Props): ReactNode {
  const { key, spec } = pipeline;
  const [typed, setTyped] = useState(() => ({ tests: spec.tests, text: printTests(spec.tests) }));
  // Undo changes the tests from outside.
  const text = typed.tests === spec.tests ? typed.text : printTests(spec.tests);
  const problem = nameProblem(fixed ? [] : bench.draft, key, spec.name);
  const edit = (change: Partial<DraftPipeline["spec"]>, kind: string): void =>
    bench.change((draft) => withPipeline(draft, key, change), `${key} ${kind}`);
  const onTests = (next: string): void => {
    const tests = readTests(next);
    if (tests) edit({ tests }, "tests");
    setTyped({ tests: tests ?? spec.tests, text: next });
  };
  const failures = failuresOf(failing, spec.name);
  return (
    <div className={styles.form}>
      <h2>{spec.name}</h2>
      <TextInput
        label={t.pipelines.pipelineName}
        size="xs"
        value={spec.name}
        disabled={fixed}
        onChange={(event) => edit({ name: event.currentTarget.value }, "name")}
        error={problem ? t.pipelines.nameProblems[problem] : undefined}
      />
      <TextInput
        label={t.pipelines.description}
        size="xs"
        value={spec.description}
        disabled={fixed}
        onChange={(event) => edit({ description: event.currentTarget.value }, "description")}
      />
      <QueryField
        label={t.pipelines.when}
        hint={t.pipelines.whenHint}
        value={spec.when}
        disabled={fixed}
        onChange={(when) => when !== spec.when && edit({ when }, "when")}
      />
      <Textarea
        label={t.pipelines.tests}
        description={t.pipelines.testsHelp}
        size="xs"
        rows={Math.min(14, Math.max(3, text.split("\n").length))}
        value={text}
        disabled={fixed}
        onChange={(event) => onTests(event.currentTarget.value)}
        error={readTests(text) === null ? t.pipelines.testsBroken : undefined}
        classNames={{ input: styles.code }}
        spellCheck={false}
      />
      {failures.map((failure) => (
        <p key={failure} className={styles.fault} role="alert">
          {failure}
        </p>
      ))}
    </div>
  );
}
