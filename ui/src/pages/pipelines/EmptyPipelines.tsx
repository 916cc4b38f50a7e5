/** No pipelines yet: a few to begin with. */
import { Button } from "@mantine/core";
import { IconFilterCog } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { State } from "../../components/common/State.tsx";
import { type Draft, newPipeline } from "../../core/pipelines/draft.ts";
import { begun, STARTS } from "../../core/pipelines/starts.ts";
import { t } from "../../core/text.ts";
import styles from "./PipelinesPage.module.css";

interface Props {
  mayWrite: boolean;
  onAdd(make: (draft: Draft) => Draft[number]): void;
}

export function EmptyPipelines({ mayWrite, onAdd }: Props): ReactNode {
  return (
    <div className={styles.empty}>
      <State icon={<IconFilterCog size={32} stroke={1.3} />} title={t.pipelines.none}>
        {mayWrite ? t.pipelines.noneHelp : t.pipelines.noneRead}
      </State>
      {mayWrite && (
        <>
          <div className={styles.starts}>
            {STARTS.map((start) => (
              <button
                key={start}
                type="button"
                className={styles.start}
                onClick={() => onAdd((draft) => begun(start, draft, t.pipelines.starts[start].title))}
              >
                <strong>{t.pipelines.starts[start].title}</strong>
                <span>{t.pipelines.starts[start].help}</span>
              </button>
            ))}
          </div>
          <Button size="xs" variant="default" onClick={() => onAdd((draft) => newPipeline(draft, t.pipelines.newName))}>
            {t.pipelines.addEmpty}
          </Button>
        </>
      )}
    </div>
  );
}
