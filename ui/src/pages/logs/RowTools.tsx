/** Verbs for the row and the cell under the pointer; there is only ever one of these. */
import { IconLayoutSidebarRightExpand, IconListSearch, IconMinus, IconPlus } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { CopyIcon } from "../../components/common/CopyButton.tsx";
import { IconButton } from "../../components/common/IconButton.tsx";
import type { LogRecord } from "../../core/api/types.ts";
import { fieldValue, recordJson } from "../../core/logs/records.ts";
import { t } from "../../core/text.ts";
import styles from "./Rows.module.css";
import { asFilterValue, useFilters } from "./useFilters.tsx";

interface Props {
  top: number;
  width: number;
  height: number;
  record: LogRecord;
  field: string;
  onFilter(field: string): void;
  onExclude(field: string): void;
  onOpen(): void;
}

export function RowTools({ top, width, height, record, field, onFilter, onExclude, onOpen }: Props): ReactNode {
  const { openContext } = useFilters();
  const filterable = field !== "" && asFilterValue(fieldValue(record, field)) !== null;
  const what = field === "body" ? t.logs.similar : field;
  return (
    <div className={styles.toolsBox} role="row" data-tools>
      <div
        className={styles.tools}
        style={{ top: top + (height - 26) / 2, left: width - 8, transform: "translateX(-100%)", right: "auto" }}
        role="gridcell"
      >
        {filterable && (
          <>
            <IconButton label={`${t.logs.filter}: ${what}`} size={24} onClick={() => onFilter(field)}>
              <IconPlus size={14} />
            </IconButton>
            <IconButton label={`${t.logs.exclude}: ${what}`} size={24} onClick={() => onExclude(field)}>
              <IconMinus size={14} />
            </IconButton>
          </>
        )}
        {openContext && (
          <IconButton label={t.context.open} hotkey="C" size={24} onClick={() => openContext(record.id)}>
            <IconListSearch size={14} />
          </IconButton>
        )}
        <CopyIcon text={() => recordJson(record)} label={t.logs.copyRecord} />
        <IconButton label={t.logs.openPanel} size={24} onClick={onOpen}>
          <IconLayoutSidebarRightExpand size={14} />
        </IconButton>
      </div>
    </div>
  );
}
