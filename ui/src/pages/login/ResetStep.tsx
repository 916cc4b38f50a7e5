/** The new password of somebody who came by a mailed link. Its token is in memory only. */
import type { ReactNode } from "react";
import { NewPassword } from "../../components/security/NewPassword.tsx";
import { s } from "../../core/securityText.ts";
import { useApi } from "../../hooks/useApi.tsx";
import { Card, styles } from "./Card.tsx";
import type { LoginFlow } from "./useLoginFlow.ts";

export function ResetStep({ flow }: { flow: LoginFlow }): ReactNode {
  const api = useApi();
  return (
    <Card title={s.login.reset.newTitle}>
      <NewPassword
        username=""
        withCurrent={false}
        submit={s.login.reset.set}
        save={(_, next) => api.finishReset(flow.resetToken, next)}
        onDone={() => flow.restart(s.login.reset.done)}
      />
      <button type="button" className={styles.link} onClick={() => flow.restart()}>
        {s.login.back}
      </button>
    </Card>
  );
}
