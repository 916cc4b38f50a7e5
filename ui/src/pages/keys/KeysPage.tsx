/** API keys: the list, making one (its secret is shown once), revoking one (its name has to be typed). */
import { Button } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { ErrorState, Skeleton, State } from "../../components/common/State.tsx";
import type { ApiKey } from "../../core/api/types.ts";
import { t } from "../../core/text.ts";
import { formatAge, formatInstant } from "../../core/time/format.ts";
import { fromMs } from "../../core/time/instant.ts";
import { useApi } from "../../hooks/useApi.tsx";
import { usePrefs } from "../../hooks/usePrefs.ts";
import { usePermission } from "../../hooks/useSession.ts";
import { CreateKey } from "./CreateKey.tsx";
import styles from "./KeysPage.module.css";
import { RevokeKey } from "./RevokeKey.tsx";

function When({ text, none }: { text: string; none: string }): ReactNode {
  const { zone } = usePrefs();
  const api = useApi();
  const ms = Date.parse(text);
  if (text === "" || Number.isNaN(ms)) return none;
  return <time title={formatInstant(fromMs(ms), zone, 0)}>{formatAge(fromMs(ms), fromMs(api.now()))}</time>;
}

export function KeysPage(): ReactNode {
  const api = useApi();
  const mayWrite = usePermission("keys:write");
  const keys = useQuery({ queryKey: ["keys"], queryFn: ({ signal }) => api.keys(signal) });
  const [creating, setCreating] = useState(false);
  const [revoking, setRevoking] = useState<ApiKey | null>(null);
  const list = keys.data?.keys ?? [];
  return (
    <div className={styles.page}>
      <div className={styles.head}>
        <p>{t.apiKeys.lead}</p>
        {mayWrite && (
          <Button size="xs" leftSection={<IconPlus size={14} />} onClick={() => setCreating(true)}>
            {t.apiKeys.create}
          </Button>
        )}
      </div>
      {keys.isPending && <Skeleton rows={4} />}
      {keys.isError && <ErrorState error={keys.error} onRetry={() => void keys.refetch()} />}
      {keys.isSuccess && list.length === 0 && <State title={t.apiKeys.none} />}
      {list.length > 0 && (
        <div className={styles.box}>
          <table className={styles.table}>
            <thead>
              <tr>
                <th scope="col">{t.apiKeys.name}</th>
                <th scope="col">{t.apiKeys.prefix}</th>
                <th scope="col">{t.apiKeys.tenant}</th>
                <th scope="col">{t.apiKeys.permissions}</th>
                <th scope="col">{t.apiKeys.created}</th>
                <th scope="col">{t.apiKeys.lastUsed}</th>
                <th scope="col">
                  <span className="visually-hidden">{t.apiKeys.revoke}</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {list.map((key) => (
                <tr key={key.id}>
                  <td>{key.name}</td>
                  <td>
                    <code>{key.prefix}…</code>
                  </td>
                  <td>{key.tenant}</td>
                  <td className={styles.permissions}>{key.permissions.join(", ")}</td>
                  <td>
                    <When text={key.created_at} none="" />
                  </td>
                  <td>
                    <When text={key.last_used_at ?? ""} none={t.apiKeys.never} />
                  </td>
                  <td>
                    {mayWrite && (
                      <Button
                        size="compact-xs"
                        variant="default"
                        onClick={() => setRevoking(key)}
                        aria-label={t.apiKeys.revokeTitle(key.name)}
                      >
                        {t.apiKeys.revoke}
                      </Button>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <CreateKey opened={creating} onClose={() => setCreating(false)} />
      <RevokeKey apiKey={revoking} onClose={() => setRevoking(null)} />
    </div>
  );
}

export { KeysPage as Component };
