/** A link that the command line has printed. It counts once, so it is used by a click and not by looking at it. */
import { Button } from "@mantine/core";
import type { ReactNode } from "react";
import { s } from "../../core/securityText.ts";
import { useApi } from "../../hooks/useApi.tsx";
import { Card, Failure, styles } from "./Card.tsx";
import type { LoginFlow } from "./useLoginFlow.ts";

export function LinkStep({ flow }: { flow: LoginFlow }): ReactNode {
  const api = useApi();
  return (
    <Card title={s.login.link.title}>
      <p className={styles.help}>{s.login.link.help}</p>
      <Failure failed={flow.failed} />
      <Button loading={flow.busy} onClick={() => void flow.step(() => api.loginByLink(flow.linkToken))}>
        {s.login.submit}
      </Button>
      <button type="button" className={styles.link} onClick={() => flow.restart()}>
        {s.login.back}
      </button>
    </Card>
  );
}
