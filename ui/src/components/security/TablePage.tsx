/** A list of the settings as a table: what it is about, a new one, a search, its rows by pages, and what stands where they would be. */
import { Button } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { matching } from "../../core/security/paging.ts";
import { s } from "../../core/securityText.ts";
import { useUrlFind } from "../../hooks/useUrlState.ts";
import { ErrorState, Skeleton, State } from "../common/State.tsx";
import { FindField, Pager, styles, usePaged } from "./parts.tsx";

export interface Column {
  name: string;
  /** Left out beside an open panel. */
  minor?: boolean;
  number?: boolean;
  /** Said, but not shown: what stands below speaks for itself. */
  silent?: boolean;
}

interface Props<T> {
  text: {
    lead: string;
    new: string;
    none: string;
    noneHelp?: string;
    list: string;
    find: string;
    findHint?: string;
  };
  entries: UseQueryResult<T[]>;
  /** What the search looks through. */
  words(entry: T): string;
  columns: readonly Column[];
  /** A row of the table. */
  row(entry: T): ReactNode;
  /** How many were found, beside the search. */
  count?: { text(found: number, all: number): string; testId: string };
  /** Grey bars while waiting. */
  bars?: number;
  /** Without it there is no button. */
  onNew: (() => void) | null;
  /** Dialogs. */
  children?: ReactNode;
}

export function TablePage<T>(props: Props<T>): ReactNode {
  const { text, entries, words, columns, row, count, bars = 4, onNew, children } = props;
  const [find, setFind] = useUrlFind();
  const all = entries.data ?? [];
  const found = matching(all, find, words);
  const { shown, ...pages } = usePaged(found, find);
  const field = <FindField label={text.find} hint={text.findHint} value={find} onChange={setFind} />;
  return (
    <div className={styles.page}>
      <div className={styles.head}>
        <p className={styles.lead}>{text.lead}</p>
        {onNew && (
          <Button size="xs" leftSection={<IconPlus size={14} />} onClick={onNew}>
            {text.new}
          </Button>
        )}
      </div>
      {entries.isPending && <Skeleton rows={bars} />}
      {entries.isError && <ErrorState error={entries.error} onRetry={() => void entries.refetch()} />}
      {entries.isSuccess && all.length === 0 && <State title={text.none}>{text.noneHelp}</State>}
      {all.length > 0 && (
        <>
          {count ? (
            <div className={styles.bar}>
              {field}
              <span className={styles.quiet} role="status" data-testid={count.testId}>
                {found.length === 0 ? s.noMatch : count.text(found.length, all.length)}
              </span>
            </div>
          ) : (
            field
          )}
          {found.length === 0 && !count && <p className={styles.quiet}>{s.noMatch}</p>}
          {found.length > 0 && (
            <div className={styles.box}>
              <table className={styles.table} aria-label={text.list}>
                <thead>
                  <tr>
                    {columns.map(({ name, minor, number, silent }) => (
                      <th
                        key={name}
                        scope="col"
                        data-minor={minor || undefined}
                        className={number ? styles.number : undefined}
                      >
                        {silent ? <span className="visually-hidden">{name}</span> : name}
                      </th>
                    ))}
                  </tr>
                </thead>
                <tbody>{shown.map(row)}</tbody>
              </table>
            </div>
          )}
          <Pager {...pages} />
        </>
      )}
      {children}
    </div>
  );
}

interface ActionsProps {
  name: string;
  deleteLabel: string;
  deleteText?: string;
  onEdit(): void;
  onDelete(): void;
}

/** Edit and delete at the end of a row. */
export function EditDelete({ name, deleteLabel, deleteText = s.remove, onEdit, onDelete }: ActionsProps): ReactNode {
  return (
    <>
      <Button size="compact-xs" variant="default" aria-label={`${s.edit} ${name}`} onClick={onEdit}>
        {s.edit}
      </Button>
      <Button size="compact-xs" variant="default" aria-label={deleteLabel} onClick={onDelete}>
        {deleteText}
      </Button>
    </>
  );
}
