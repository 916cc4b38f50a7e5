/** What stands where data would be: empty, failed or not yet there. Each names its cause and offers the next step. */
import { Button } from "@mantine/core";
import { IconAlertTriangle, IconLock } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { ApiError } from "../../core/api/errors.ts";
import { t } from "../../core/text.ts";
import styles from "./State.module.css";

interface Props {
  icon?: ReactNode;
  tone?: "plain" | "error";
  title: string;
  children?: ReactNode;
  actions?: ReactNode;
}

export function State({ icon, tone = "plain", title, children, actions }: Props): ReactNode {
  return (
    <div className={styles.state} role={tone === "error" ? "alert" : undefined}>
      {icon && (
        <span className={styles.icon} data-tone={tone} aria-hidden>
          {icon}
        </span>
      )}
      <h2 className={styles.title}>{title}</h2>
      {children && <div className={styles.text}>{children}</div>}
      {actions && <div className={styles.actions}>{actions}</div>}
    </div>
  );
}

export function ErrorState({
  error,
  title,
  onRetry,
}: {
  error: unknown;
  title?: string;
  onRetry?: () => void;
}): ReactNode {
  const known = error instanceof ApiError ? error : null;
  return (
    <State
      tone="error"
      icon={<IconAlertTriangle size={28} stroke={1.5} />}
      title={title ?? t.error.generic}
      actions={
        onRetry && (
          <Button size="xs" variant="default" onClick={onRetry}>
            {t.error.retry}
          </Button>
        )
      }
    >
      <p>{error instanceof Error ? error.message : String(error)}</p>
      {known?.hint && <p>{known.hint}</p>}
      {known?.queryId && (
        <p className={styles.meta}>
          {t.error.query} {known.queryId}
        </p>
      )}
    </State>
  );
}

/** What the account may not see; about logs unless said otherwise. */
export function NoPermission({
  title = t.empty.permission,
  children = t.empty.permissionHelp,
  actions,
}: {
  title?: string;
  children?: ReactNode;
  actions?: ReactNode;
}): ReactNode {
  return (
    <State icon={<IconLock size={32} stroke={1.3} />} title={title} actions={actions}>
      {children}
    </State>
  );
}

/** Grey bars, shown after 300 ms. */
export function Skeleton({ rows, label = t.loading }: { rows: number; label?: string }): ReactNode {
  return (
    <div className={`${styles.bars} late`} role="status" aria-label={label}>
      {Array.from({ length: rows }, (_, index) => (
        <div key={index} className="skeleton" style={{ width: `${92 - ((index * 37) % 55)}%` }} />
      ))}
    </div>
  );
}
