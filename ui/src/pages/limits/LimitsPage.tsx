/** Limits: what is used now, what is set, and the defaults. */

import { Button } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";
import { ErrorState, Skeleton } from "../../components/common/State.tsx";
import { ConfirmTyped, Pager, styles, usePaged } from "../../components/security/parts.tsx";
import type { LimitInfo, LimitSet, LimitUse } from "../../core/api/security.ts";
import { formatCount } from "../../core/format.ts";
import { formatLimit, level, orderedSets, share } from "../../core/security/limits.ts";
import { s } from "../../core/securityText.ts";
import { toast } from "../../core/toasts.ts";
import { useApi } from "../../hooks/useApi.tsx";
import { useChanged, useLimits } from "../../hooks/useSecurity.ts";
import { usePermission } from "../../hooks/useSession.ts";
import { EditLimits } from "./EditLimits.tsx";
import own from "./LimitsPage.module.css";
import { subjectName } from "./subject.ts";

const text = s.limits;
const MOST_USES = 25;

function Use({ use, known }: { use: LimitUse; known: Map<string, LimitInfo> }): ReactNode {
  const unit = known.get(use.name)?.unit ?? "";
  const who = subjectName(use);
  return (
    <tr data-testid="limit-use">
      <th scope="row">
        {who}
        <span className={styles.sub}>{text.scopes[use.scope] ?? use.scope}</span>
      </th>
      <td>
        {use.name}
        <span className={styles.sub}>{known.get(use.name)?.description}</span>
      </td>
      <td className={own.use}>
        <meter className="visually-hidden" min={0} max={1} value={share(use)} aria-label={text.bar(use.name, who)} />
        <div className={own.bar} data-level={level(use)} aria-hidden>
          <div style={{ width: `${share(use) * 100}%` }} />
        </div>
        <span className={styles.small}>
          {use.limit > 0
            ? text.of(formatLimit(use.used, ""), formatLimit(use.limit, unit))
            : `${formatLimit(use.used, unit)}, ${text.unlimited}`}
        </span>
      </td>
      <td className={styles.number}>{use.refused > 0 ? formatCount(use.refused) : ""}</td>
    </tr>
  );
}

function SetRow({
  set,
  known,
  mayWrite,
  onEdit,
  onRemove,
}: {
  set: LimitSet;
  known: Map<string, LimitInfo>;
  mayWrite: boolean;
  onEdit(): void;
  onRemove(): void;
}): ReactNode {
  const who = subjectName(set);
  return (
    <tr data-testid="limit-set">
      <th scope="row">
        {who}
        <span className={styles.sub}>{text.scopes[set.scope] ?? set.scope}</span>
      </th>
      <td>
        <span className={styles.chips}>
          {Object.entries(set.limits).map(([name, value]) => (
            <span key={name} className={styles.chip} title={known.get(name)?.description}>
              {name}: {value === 0 ? text.noLimit : formatLimit(value, known.get(name)?.unit ?? "")}
            </span>
          ))}
        </span>
      </td>
      <td>
        {mayWrite && (
          <div className={styles.rowActions}>
            <Button size="compact-xs" variant="default" aria-label={text.edit(who)} onClick={onEdit}>
              {s.edit}
            </Button>
            <Button size="compact-xs" variant="default" aria-label={`${text.remove}: ${who}`} onClick={onRemove}>
              {s.remove}
            </Button>
          </div>
        )}
      </td>
    </tr>
  );
}

export function LimitsPage(): ReactNode {
  const api = useApi();
  const limits = useLimits();
  const changed = useChanged("limits");
  const mayWrite = usePermission("limits:write");
  const [editing, setEditing] = useState<LimitSet | "new" | null>(null);
  const [removing, setRemoving] = useState<LimitSet | null>(null);
  const data = limits.data;
  const known = new Map((data?.known ?? []).map((info) => [info.name, info]));
  const sets = orderedSets(data?.limits ?? []);
  const { shown, ...pages } = usePaged(sets, "");
  const uses = (data?.use ?? []).slice(0, MOST_USES);
  return (
    <div className={styles.page}>
      <div className={styles.head}>
        <p className={styles.lead}>{text.lead}</p>
        {mayWrite && data && (
          <Button size="xs" leftSection={<IconPlus size={14} />} onClick={() => setEditing("new")}>
            {text.add}
          </Button>
        )}
      </div>
      {limits.isPending && <Skeleton rows={6} />}
      {limits.isError && !data && <ErrorState error={limits.error} onRetry={() => void limits.refetch()} />}
      {data && (
        <>
          <section className={styles.section} aria-labelledby="limits-set">
            <h2 id="limits-set">{text.set}</h2>
            {sets.length === 0 ? (
              <p className={styles.quiet}>{text.none}</p>
            ) : (
              <div className={styles.box}>
                <table className={styles.table} aria-labelledby="limits-set">
                  <thead>
                    <tr>
                      <th scope="col">{text.subject}</th>
                      <th scope="col">{text.values}</th>
                      <th scope="col">
                        <span className="visually-hidden">{s.edit}</span>
                      </th>
                    </tr>
                  </thead>
                  <tbody>
                    {shown.map((set) => (
                      <SetRow
                        key={`${set.scope} ${set.subject}`}
                        set={set}
                        known={known}
                        mayWrite={mayWrite}
                        onEdit={() => setEditing(set)}
                        onRemove={() => setRemoving(set)}
                      />
                    ))}
                  </tbody>
                </table>
              </div>
            )}
            <Pager {...pages} />
          </section>
          <section className={styles.section} aria-labelledby="limits-use">
            <h2 id="limits-use">{text.use}</h2>
            <p className={styles.quiet}>{uses.length === 0 ? text.noUse : text.useHelp}</p>
            {uses.length > 0 && (
              <div className={styles.box}>
                <table className={styles.table} aria-labelledby="limits-use">
                  <thead>
                    <tr>
                      <th scope="col">{text.subject}</th>
                      <th scope="col">{text.limit}</th>
                      <th scope="col">{text.used}</th>
                      <th scope="col" className={styles.number}>
                        {text.refused}
                      </th>
                    </tr>
                  </thead>
                  <tbody>
                    {uses.map((use) => (
                      <Use key={`${use.scope} ${use.subject} ${use.name}`} use={use} known={known} />
                    ))}
                  </tbody>
                </table>
              </div>
            )}
          </section>
          <section className={styles.section} aria-labelledby="limits-defaults">
            <h2 id="limits-defaults">{text.defaults}</h2>
            <div className={styles.box}>
              <table className={styles.table} aria-labelledby="limits-defaults">
                <thead>
                  <tr>
                    <th scope="col">{text.limit}</th>
                    <th scope="col">{text.scope}</th>
                    <th scope="col" className={styles.number}>
                      {text.default}
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {data.known.map((info) => (
                    <tr key={info.name}>
                      <th scope="row">
                        {info.name}
                        <span className={styles.sub}>{info.description}</span>
                      </th>
                      <td>{info.scopes.map((scope) => text.scopes[scope] ?? scope).join(", ")}</td>
                      <td className={styles.number}>
                        {info.default > 0 ? formatLimit(info.default, info.unit) : text.noLimit}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          </section>
          <EditLimits editing={editing} limits={data} onClose={() => setEditing(null)} />
        </>
      )}
      <ConfirmTyped
        asked={
          removing && {
            title: `${text.remove}: ${subjectName(removing)}`,
            help: text.removeHelp,
            word: removing.label || removing.subject,
            action: text.remove,
            run: () => api.saveLimits(removing.scope, removing.subject, {}),
            onDone: () => {
              setRemoving(null);
              changed();
              toast(text.removed);
            },
            onClose: () => setRemoving(null),
          }
        }
      />
    </div>
  );
}

export { LimitsPage as Component };
