/** API keys: the list, making one (its secret is shown once), rotating one, revoking one (its name has to be typed). */

import { Button } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";
import { ErrorState, Skeleton, State } from "../../components/common/State.tsx";
import { ConfirmTyped, FindField, Pager, styles, usePaged, When } from "../../components/security/parts.tsx";
import type { ApiKey } from "../../core/api/types.ts";
import { keyState, mayWords } from "../../core/security/keys.ts";
import { matching } from "../../core/security/paging.ts";
import { s } from "../../core/securityText.ts";
import { toast } from "../../core/toasts.ts";
import { useApi } from "../../hooks/useApi.tsx";
import { useChanged, useKeys } from "../../hooks/useSecurity.ts";
import { usePermission } from "../../hooks/useSession.ts";
import { useUrlFind } from "../../hooks/useUrlState.ts";
import { CreateKey } from "./CreateKey.tsx";
import { RotateKey } from "./RotateKey.tsx";

const text = s.keys;

interface RowProps {
  apiKey: ApiKey;
  now: number;
  mayWrite: boolean;
  onRotate(): void;
  onRevoke(): void;
}

function Row({ apiKey: key, now, mayWrite, onRotate, onRevoke }: RowProps): ReactNode {
  const { expired, overlapping } = keyState(key, now);
  const limits = Object.keys(key.limits ?? {}).length;
  return (
    <tr data-testid="api-key" data-off={expired || undefined}>
      <th scope="row">
        {key.name}
        <span className={styles.sub}>
          <code>{key.prefix}…</code>
        </span>
      </th>
      <td>{key.tenant === "*" ? s.everyTenant : key.tenant}</td>
      <td>
        {mayWords(key)}
        {limits > 0 && <span className={styles.sub}>{text.limited(limits)}</span>}
      </td>
      <td>
        <When text={key.created_at} />
        {key.created_by && <span className={styles.sub}>{text.createdBy(key.created_by)}</span>}
      </td>
      <td>
        {expired ? (
          <span className={styles.chip} data-tone="danger">
            {text.expired}
          </span>
        ) : (
          <When text={key.expires_at} none={s.never} exact />
        )}
        {overlapping && (
          <span className={styles.sub}>
            {text.overlapUntil} <When text={key.previous_until} exact />
          </span>
        )}
      </td>
      <td>
        <When text={key.last_used_at} none={s.never} />
      </td>
      <td>
        {mayWrite && (
          <div className={styles.rowActions}>
            <Button size="compact-xs" variant="default" aria-label={text.rotateTitle(key.name)} onClick={onRotate}>
              {text.rotate}
            </Button>
            <Button size="compact-xs" variant="default" aria-label={text.revokeTitle(key.name)} onClick={onRevoke}>
              {text.revoke}
            </Button>
          </div>
        )}
      </td>
    </tr>
  );
}

export function KeysPage(): ReactNode {
  const api = useApi();
  const mayWrite = usePermission("keys:write");
  const keys = useKeys();
  const changed = useChanged("keys");
  const [find, setFind] = useUrlFind();
  const [creating, setCreating] = useState(false);
  const [rotating, setRotating] = useState<ApiKey | null>(null);
  const [revoking, setRevoking] = useState<ApiKey | null>(null);
  const all = keys.data ?? [];
  const found = matching(
    all,
    find,
    (key) => `${key.name} ${key.prefix} ${key.tenant} ${mayWords(key)} ${key.created_by}`,
  );
  const { shown, ...pages } = usePaged(found, find);
  return (
    <div className={styles.page}>
      <div className={styles.head}>
        <p className={styles.lead}>{text.lead}</p>
        {mayWrite && (
          <Button size="xs" leftSection={<IconPlus size={14} />} onClick={() => setCreating(true)}>
            {text.new}
          </Button>
        )}
      </div>
      {keys.isPending && <Skeleton rows={4} />}
      {keys.isError && <ErrorState error={keys.error} onRetry={() => void keys.refetch()} />}
      {keys.isSuccess && all.length === 0 && <State title={text.none} />}
      {all.length > 0 && (
        <>
          <FindField label={text.find} value={find} onChange={setFind} />
          {found.length === 0 && <p className={styles.quiet}>{s.noMatch}</p>}
          {found.length > 0 && (
            <div className={styles.box}>
              <table className={styles.table} aria-label={text.list}>
                <thead>
                  <tr>
                    <th scope="col">{s.name}</th>
                    <th scope="col">{text.tenant}</th>
                    <th scope="col">{text.may}</th>
                    <th scope="col">{s.created}</th>
                    <th scope="col">{text.expires}</th>
                    <th scope="col">{text.lastUsed}</th>
                    <th scope="col">
                      <span className="visually-hidden">{text.revoke}</span>
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {shown.map((key) => (
                    <Row
                      key={key.id}
                      apiKey={key}
                      now={api.now()}
                      mayWrite={mayWrite}
                      onRotate={() => setRotating(key)}
                      onRevoke={() => setRevoking(key)}
                    />
                  ))}
                </tbody>
              </table>
            </div>
          )}
          <Pager {...pages} />
        </>
      )}
      <CreateKey opened={creating} onClose={() => setCreating(false)} />
      <RotateKey apiKey={rotating} onClose={() => setRotating(null)} />
      <ConfirmTyped
        asked={
          revoking && {
            title: text.revokeTitle(revoking.name),
            help: text.revokeHelp,
            word: revoking.name,
            action: text.revoke,
            run: () => api.revokeKey(revoking.id),
            onDone: () => {
              setRevoking(null);
              changed();
              toast(text.revoked);
            },
            onClose: () => setRevoking(null),
          }
        }
      />
    </div>
  );
}

export { KeysPage as Component };
