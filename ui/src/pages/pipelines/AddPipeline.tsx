/** The menu that adds a pipeline: an empty one, or a ready-made one. */
import { Button, Menu } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { type Draft, newPipeline } from "../../core/pipelines/draft.ts";
import { begun, STARTS } from "../../core/pipelines/starts.ts";
import { t } from "../../core/text.ts";

interface Props {
  onAdd(make: (draft: Draft) => Draft[number]): void;
}

export function AddPipeline({ onAdd }: Props): ReactNode {
  return (
    <Menu position="bottom-start" width={320} withInitialFocusPlaceholder={false}>
      <Menu.Target>
        <Button size="xs" variant="default" leftSection={<IconPlus size={14} />}>
          {t.pipelines.add}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => onAdd((draft) => newPipeline(draft, t.pipelines.newName))}>
          {t.pipelines.addEmpty}
        </Menu.Item>
        <Menu.Label>{t.pipelines.startsLabel}</Menu.Label>
        {STARTS.map((start) => (
          <Menu.Item key={start} onClick={() => onAdd((draft) => begun(start, draft, t.pipelines.starts[start].title))}>
            {t.pipelines.starts[start].title}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
