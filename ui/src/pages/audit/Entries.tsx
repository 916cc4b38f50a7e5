/** Entries of the audit log as a table; each opens to what was before and after. */
import { IconChevronDown, IconChevronRight } from "@tabler/icons-react";
import { Fragment, type ReactNode, useState } from "react";
import { styles, When } from "../../components/security/parts.tsx";
import type { AuditEntry } from "../../core/api/security.ts";
import { type AuditFilter, detailText } from "../../core/security/audit.ts";
import { changes } from "../../core/security/diff.ts";
import { s } from "../../core/securityText.ts";
import own from "./AuditPage.module.css";

const text = s.audit;

function Side({ value, kind }: { value: string | null; kind: "before" | "after" }): ReactNode {
  if (value === null) return <td className={styles.quiet}>{text.notThere}</td>;
  return (
    <td>
      <code className={own[kind]}>{value === "" ? '""' : value}</code>
    </td>
  );
}

function Detail({ entry, columns }: { entry: AuditEntry; columns: number }): ReactNode {
  const changed = changes(entry.before, entry.after);
  return (
    <tr className={own.detail} data-testid="audit-detail">
      <td />
      <td colSpan={columns - 1}>
        {changed.length === 0 ? (
          <p className={styles.quiet}>{text.unchanged}</p>
        ) : (
          <table className={own.diff}>
            <thead>
              <tr>
                <th scope="col">{text.field}</th>
                <th scope="col">{text.before}</th>
                <th scope="col">{text.after}</th>
              </tr>
            </thead>
            <tbody>
              {changed.map((change) => (
                <tr key={change.path}>
                  <th scope="row">{change.path || text.whole}</th>
                  <Side value={change.before} kind="before" />
                  <Side value={change.after} kind="after" />
                </tr>
              ))}
            </tbody>
          </table>
        )}
        <dl className={styles.facts}>
          <dt>{text.number}</dt>
          <dd>{entry.number}</dd>
          {Object.entries(entry.details).map(([name, value]) => (
            <Fragment key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </Fragment>
          ))}
          {entry.hash && (
            <>
              <dt>{text.hash}</dt>
              <dd>
                <code className={own.hash}>{entry.hash}</code>
              </dd>
            </>
          )}
        </dl>
      </td>
    </tr>
  );
}

interface Props {
  entries: readonly AuditEntry[];
  /** Entries of several tenants are shown. */
  tenants: boolean;
  onFilter(change: Partial<AuditFilter>): void;
}

export function Entries({ entries, tenants, onFilter }: Props): ReactNode {
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  const columns = tenants ? 8 : 7;
  const toggle = (number: number): void =>
    setOpen((now) => {
      const next = new Set(now);
      if (!next.delete(number)) next.add(number);
      return next;
    });
  return (
    <div className={styles.box}>
      <table className={`${styles.table} ${own.table}`} aria-label={text.list}>
        <thead>
          <tr>
            <th scope="col">
              <span className="visually-hidden">{text.details}</span>
            </th>
            <th scope="col">{text.at}</th>
            {tenants && <th scope="col">{text.tenant}</th>}
            <th scope="col">{text.who}</th>
            <th scope="col">{text.action}</th>
            <th scope="col">{text.subject}</th>
            <th scope="col">{text.outcome}</th>
            <th scope="col">{text.details}</th>
          </tr>
        </thead>
        <tbody>
          {entries.map((entry) => {
            const shown = open.has(entry.number);
            return (
              <Fragment key={entry.number}>
                <tr data-testid="audit-entry">
                  <td>
                    <button
                      type="button"
                      className={own.toggle}
                      aria-expanded={shown}
                      aria-label={shown ? text.collapse(entry.number) : text.expand(entry.number)}
                      onClick={() => toggle(entry.number)}
                    >
                      {shown ? <IconChevronDown size={14} /> : <IconChevronRight size={14} />}
                    </button>
                  </td>
                  <td>
                    <When text={entry.at} exact />
                  </td>
                  {tenants && <td>{entry.tenant}</td>}
                  <td>
                    <button type="button" className={own.value} onClick={() => onFilter({ who: entry.who })}>
                      {entry.who || text.kinds[entry.kind] || entry.kind}
                    </button>
                    <span className={styles.sub}>
                      {[entry.who && (text.kinds[entry.kind] ?? entry.kind), entry.address].filter(Boolean).join(" · ")}
                    </span>
                  </td>
                  <td>
                    <button type="button" className={own.value} onClick={() => onFilter({ action: entry.action })}>
                      <code>{entry.action}</code>
                    </button>
                  </td>
                  <td className={own.words}>{entry.subject}</td>
                  <td className={own.outcome}>
                    <span className={entry.outcome === "ok" ? styles.ok : styles.error}>{entry.outcome}</span>
                  </td>
                  <td className={own.words}>{detailText(entry)}</td>
                </tr>
                {shown && <Detail entry={entry} columns={columns} />}
              </Fragment>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
