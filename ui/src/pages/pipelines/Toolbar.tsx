/** How many pipelines there are, undo and redo, and saving. */
import { Button } from "@mantine/core";
import { IconArrowBackUp, IconArrowForwardUp } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { IconButton } from "../../components/common/IconButton.tsx";
import { t } from "../../core/text.ts";
import styles from "./PipelinesPage.module.css";
import type { Workbench } from "./useWorkbench.ts";

export function Toolbar({ bench, mayWrite }: { bench: Workbench; mayWrite: boolean }): ReactNode {
  const all = [...bench.file, ...bench.draft];
  const steps = all.reduce((sum, pipeline) => sum + pipeline.steps.length, 0);
  return (
    <div className={styles.toolbar}>
      <div className={styles.lead}>
        <p>{t.pipelines.lead}</p>
        {all.length > 0 && <span>{t.pipelines.count(all.length, steps)}</span>}
      </div>
      {mayWrite ? (
        <div className={styles.tools}>
          <IconButton label={t.pipelines.undo} hotkey="Ctrl Z" disabled={!bench.undo} onClick={() => bench.undo?.()}>
            <IconArrowBackUp size={18} stroke={1.6} />
          </IconButton>
          <IconButton label={t.pipelines.redo} hotkey="Ctrl ⇧ Z" disabled={!bench.redo} onClick={() => bench.redo?.()}>
            <IconArrowForwardUp size={18} stroke={1.6} />
          </IconButton>
          <span className={styles.status} data-dirty={bench.dirty || undefined} data-testid="draft-status">
            {bench.dirty ? t.pipelines.unsaved : t.pipelines.allSaved}
          </span>
          <Button size="xs" variant="default" disabled={!bench.dirty} onClick={bench.discard}>
            {t.pipelines.discard}
          </Button>
          <Button size="xs" disabled={!bench.dirty && !bench.kept} loading={bench.saving} onClick={bench.save}>
            {t.pipelines.save}
          </Button>
        </div>
      ) : (
        <span className={styles.status}>{t.pipelines.readOnly}</span>
      )}
    </div>
  );
}
