/** Pipelines: what is done to records before they are stored, edited beside a preview on real records. */

import { Button } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { type ReactNode, useEffect, useState } from "react";
import { ErrorState, NoPermission, Skeleton } from "../../components/common/State.tsx";
import { ApiError } from "../../core/api/errors.ts";
import type { PipelinesAnswer, Processor } from "../../core/api/pipelines.ts";
import { type Draft, faultOf } from "../../core/pipelines/draft.ts";
import { t } from "../../core/text.ts";
import { toast } from "../../core/toasts.ts";
import { useBackend } from "../../hooks/useApi.tsx";
import { usePipelines, usePreview, useProcessors, useStepFigures } from "../../hooks/usePipelines.ts";
import { usePermission } from "../../hooks/useSession.ts";
import { AddPipeline } from "./AddPipeline.tsx";
import { Editor } from "./Editor.tsx";
import { EmptyPipelines } from "./EmptyPipelines.tsx";
import { LeaveGuard } from "./LeaveGuard.tsx";
import { PipelineList } from "./PipelineList.tsx";
import styles from "./PipelinesPage.module.css";
import { Preview } from "./Preview.tsx";
import { Toolbar } from "./Toolbar.tsx";
import { useWorkbench } from "./useWorkbench.ts";

interface Props {
  loaded: PipelinesAnswer;
  processors: readonly Processor[];
  onReload(): void;
}

function Pipelines({ loaded, processors, onReload }: Props): ReactNode {
  const mayWrite = usePermission("pipelines:write");
  const bench = useWorkbench(loaded, () => toast(t.pipelines.saved));
  const figures = useStepFigures();
  const [query, setQuery] = useState("");
  const [wanted] = useDebouncedValue(bench.specs, 350);
  const [wantedQuery] = useDebouncedValue(query, 350);
  const preview = usePreview(wanted, wantedQuery, bench.draft.length > 0);
  const mistake = preview.error instanceof ApiError && preview.error.status === 400 ? preview.error : null;
  // An old complaint must not mark a new draft.
  const current = wanted === bench.specs && !preview.isPlaceholderData;
  const fault = bench.fault ?? (mistake && current ? faultOf(bench.draft, mistake.message) : null);
  const { undo, redo } = bench;
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const typing = event.target instanceof HTMLElement && event.target.closest("input, textarea, [contenteditable]");
      if (!(event.ctrlKey || event.metaKey) || event.altKey || typing || event.key.toLowerCase() !== "z") return;
      event.preventDefault();
      if (event.shiftKey) redo?.();
      else undo?.();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [undo, redo]);

  const add = (make: (draft: Draft) => Draft[number]): void => {
    const pipeline = make(bench.draft);
    bench.change((draft) => [...draft, pipeline]);
    bench.choose({ pipeline: pipeline.key, step: pipeline.steps[0]?.key ?? "" });
  };
  const empty = bench.draft.length === 0 && bench.file.length === 0;
  return (
    <div className={styles.page}>
      <LeaveGuard dirty={bench.dirty} />
      <Toolbar bench={bench} mayWrite={mayWrite} />
      {bench.conflict && (
        <div className={styles.notice} data-tone="warn" role="alert" data-testid="conflict">
          <div>
            <strong>{t.pipelines.conflict}</strong>
            <p>{t.pipelines.conflictHelp}</p>
          </div>
          <Button size="xs" variant="default" onClick={onReload}>
            {t.pipelines.conflictReload}
          </Button>
          <Button size="xs" onClick={bench.keep}>
            {t.pipelines.conflictKeep}
          </Button>
        </div>
      )}
      {bench.problem && (
        <div className={styles.notice} data-tone="error" role="alert" data-testid="save-problem">
          <div>
            <strong>{t.pipelines.failed}</strong>
            <p>
              {bench.problem.message} {bench.problem.hint}
            </p>
          </div>
          {bench.fault && (
            <Button
              size="xs"
              variant="default"
              onClick={() => bench.fault && bench.choose({ pipeline: bench.fault.pipeline, step: bench.fault.step })}
            >
              {t.pipelines.showFault}
            </Button>
          )}
        </div>
      )}
      {bench.kept && (
        <div className={styles.notice} data-tone="warn" role="status">
          <p>{t.pipelines.kept}</p>
        </div>
      )}
      {empty ? (
        <EmptyPipelines mayWrite={mayWrite} onAdd={add} />
      ) : (
        <div className={styles.columns}>
          <section className={styles.list} aria-label={t.pipelines.list}>
            <PipelineList bench={bench} processors={processors} figures={figures} fault={fault} mayWrite={mayWrite} />
            {mayWrite && <AddPipeline onAdd={add} />}
          </section>
          <div className={styles.work}>
            <section className={styles.editor} aria-label={t.pipelines.editor}>
              <Editor
                bench={bench}
                processors={processors}
                fault={fault}
                failing={current ? (preview.data?.tests ?? []) : []}
                mayWrite={mayWrite}
              />
            </section>
            <section className={styles.preview} aria-label={t.pipelines.preview.title}>
              <Preview
                query={query}
                onQuery={setQuery}
                empty={bench.draft.length === 0}
                answer={preview}
                placed={fault !== null}
                stale={!current || preview.isFetching}
                processors={processors}
                draft={bench.draft}
                onChoose={bench.choose}
              />
            </section>
          </div>
        </div>
      )}
    </div>
  );
}

export function PipelinesPage(): ReactNode {
  const { tenant } = useBackend();
  const pipelines = usePipelines();
  const processors = useProcessors();
  if (pipelines.isPending || processors.isPending) return <Skeleton rows={8} />;
  const error = pipelines.error ?? processors.error;
  if (error) {
    if (error instanceof ApiError && error.status === 403)
      return <NoPermission title={t.data.forbidden}>{t.data.forbiddenHelp("pipelines:read")}</NoPermission>;
    const retry = (): void => {
      void pipelines.refetch();
      void processors.refetch();
    };
    return <ErrorState error={error} onRetry={retry} />;
  }
  return (
    <Pipelines
      key={`${tenant.current} ${pipelines.dataUpdatedAt}`}
      loaded={pipelines.data as PipelinesAnswer}
      processors={processors.data as Processor[]}
      onReload={() => void pipelines.refetch()}
    />
  );
}

export { PipelinesPage as Component };
