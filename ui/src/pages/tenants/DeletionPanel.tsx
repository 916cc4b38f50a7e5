/** How far the deletion of a tenant is, and in the end the proof that nothing is left. */
import { IconCheck } from "@tabler/icons-react";
import { type ReactNode, useEffect, useRef } from "react";
import { ErrorState, Skeleton } from "../../components/common/State.tsx";
import { styles, When } from "../../components/security/parts.tsx";
import { SidePanel } from "../../components/shell/SidePanel.tsx";
import type { TenantDeletion } from "../../core/api/security.ts";
import { formatCount } from "../../core/format.ts";
import { s } from "../../core/securityText.ts";
import { useChanged, useTenantDeletion } from "../../hooks/useSecurity.ts";
import own from "./TenantsPage.module.css";

const text = s.tenants;

function Progress({ deletion }: { deletion: TenantDeletion }): ReactNode {
  const { state, records, left } = deletion;
  const ended = state === "done" || state === "failed";
  return (
    <div>
      <strong className={own.state} data-state={state} role="status" data-testid="tenant-deletion-state">
        {text.states2[state] ?? state}
      </strong>
      {!ended && (
        <progress
          className={own.progress}
          aria-label={text.deletion(deletion.name)}
          {...(records > 0 && { max: records, value: records - left })}
        />
      )}
    </div>
  );
}

export function DeletionPanel({ name, onClose }: { name: string; onClose(): void }): ReactNode {
  const deletion = useTenantDeletion(name);
  const changed = useChanged("tenant-list");
  const state = deletion.data?.state;
  const seen = useRef(state);
  useEffect(() => {
    if (seen.current !== state && (state === "done" || state === "failed")) changed();
    seen.current = state;
  });
  const found = deletion.data;
  return (
    <SidePanel title={text.deletion(name)} onClose={onClose}>
      <div className={styles.panelBody}>
        {deletion.isPending && <Skeleton rows={4} />}
        {deletion.isError && <ErrorState error={deletion.error} onRetry={() => void deletion.refetch()} />}
        {found && (
          <>
            <Progress deletion={found} />
            {found.error && (
              <p className={styles.error} role="alert">
                {found.error}
              </p>
            )}
            <dl className={styles.facts}>
              <dt>{text.were}</dt>
              <dd>{formatCount(found.records)}</dd>
              <dt>{text.left}</dt>
              <dd>{formatCount(found.left)}</dd>
              <dt>{text.parts}</dt>
              <dd>{formatCount(found.parts_left)}</dd>
              <dt>{text.by}</dt>
              <dd>{found.requested_by}</dd>
              <dt>{text.began}</dt>
              <dd>
                <When text={found.started_at} exact />
              </dd>
              {found.finished_at && (
                <>
                  <dt>{text.ended}</dt>
                  <dd>
                    <When text={found.finished_at} exact />
                  </dd>
                </>
              )}
            </dl>
            {found.proof.length > 0 && (
              <section className={styles.section} aria-labelledby="deletion-proof">
                <h3 id="deletion-proof">{text.proof}</h3>
                <ul className={own.proof} data-testid="proof">
                  {found.proof.map((sentence) => (
                    <li key={sentence}>
                      <IconCheck size={14} aria-hidden />
                      <span>{sentence}</span>
                    </li>
                  ))}
                </ul>
              </section>
            )}
          </>
        )}
      </div>
    </SidePanel>
  );
}
