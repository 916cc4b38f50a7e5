/** Writes the matching records into a file: the browser downloads it, so that its size does not matter. */
import { Button, Popover, SegmentedControl, TextInput } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";
import { IconButton } from "../../components/common/IconButton.tsx";
import type { ExportFormat } from "../../core/api/explore.ts";
import { exportName, exportUrl, MOST_EXPORTED, shownColumns } from "../../core/logs/export.ts";
import { t } from "../../core/text.ts";
import type { Order } from "../../core/url/codecs.ts";
import { useBackend } from "../../hooks/useApi.tsx";
import type { Scope } from "../../hooks/useLogs.ts";
import styles from "./ExportMenu.module.css";

const FORMATS: ExportFormat[] = ["ndjson", "csv", "parquet"];

interface Props {
  scope: Scope;
  columns: string[];
  order: Order;
  matched: number | undefined;
}

export function ExportMenu({ scope, columns, order, matched }: Props): ReactNode {
  const { tenant } = useBackend();
  const [open, setOpen] = useState(false);
  const [format, setFormat] = useState<ExportFormat>("ndjson");
  const [all, setAll] = useState(true);
  const [typed, setTyped] = useState("1,000,000");
  const limit = Number(typed.replaceAll(/[,_ ]/g, ""));
  const good = Number.isInteger(limit) && limit >= 1 && limit <= MOST_EXPORTED;
  const ready = good && matched !== undefined && matched > 0;
  const url = exportUrl(
    {
      query: scope.query,
      span: scope.span,
      format,
      columns: all ? [] : shownColumns(columns),
      order,
      limit: good ? limit : 1,
    },
    tenant.current,
  );
  const said = (): string => {
    if (matched === undefined) return t.export.counting;
    if (matched === 0) return t.export.nothing;
    return good && matched > limit ? t.export.cut(limit, matched) : t.export.count(matched);
  };
  return (
    <Popover opened={open} onChange={setOpen} position="bottom-end" trapFocus returnFocus withinPortal>
      <Popover.Target>
        <IconButton label={t.export.title} size={24} onClick={() => setOpen(!open)}>
          <IconDownload size={16} stroke={1.6} />
        </IconButton>
      </Popover.Target>
      <Popover.Dropdown aria-label={t.export.title}>
        <div className={styles.form}>
          <span className={styles.label}>{t.export.format}</span>
          <SegmentedControl
            size="xs"
            aria-label={t.export.format}
            value={format}
            onChange={(value) => setFormat(value as ExportFormat)}
            data={FORMATS.map((value) => ({ value, label: t.export.formats[value] }))}
          />
          <span className={styles.label}>{t.export.columns}</span>
          <SegmentedControl
            size="xs"
            aria-label={t.export.columns}
            value={all ? "all" : "shown"}
            onChange={(value) => setAll(value === "all")}
            data={[
              { value: "all", label: t.export.allColumns },
              { value: "shown", label: t.export.shownColumns },
            ]}
          />
          <label className={styles.label} htmlFor="export-limit">
            {t.export.limit}
          </label>
          <TextInput
            id="export-limit"
            size="xs"
            inputMode="numeric"
            value={typed}
            onChange={(event) => setTyped(event.currentTarget.value)}
            error={good ? undefined : t.export.badLimit}
          />
        </div>
        <p className={styles.count} data-testid="export-count" role="status">
          {said()}
        </p>
        <Button
          fullWidth
          size="xs"
          component="a"
          href={ready ? url : undefined}
          download={exportName(format, scope.span)}
          aria-disabled={!ready || undefined}
          data-disabled={!ready || undefined}
          leftSection={<IconDownload size={14} />}
          onClick={() => ready && setOpen(false)}
        >
          {t.export.download}
        </Button>
      </Popover.Dropdown>
    </Popover>
  );
}
