/** Where one is signed in. */

import { Button } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Problem, styles } from "../../components/security/parts.tsx";
import { SessionTable } from "../../components/security/SessionTable.tsx";
import type { SessionInfo } from "../../core/api/security.ts";
import { s } from "../../core/securityText.ts";
import { toast } from "../../core/toasts.ts";
import { useApi } from "../../hooks/useApi.tsx";
import { useProfileChanged } from "../../hooks/useProfile.ts";
import own from "./ProfilePage.module.css";

const text = s.profile;

export function Sessions({ sessions }: { sessions: readonly SessionInfo[] }): ReactNode {
  const api = useApi();
  const changed = useProfileChanged();
  const end = useMutation({
    mutationFn: (id: string) => api.endSession(id),
    onSuccess: () => toast(text.ended),
    onSettled: changed,
  });
  const endOthers = useMutation({
    mutationFn: () => api.endOtherSessions(),
    onSuccess: ({ ended }) => toast(text.endedOthers(ended)),
    onSettled: changed,
  });
  return (
    <section className={own.card} aria-labelledby="profile-sessions">
      <div className={own.row}>
        <div className={own.label}>
          <h2 id="profile-sessions">{text.sessions}</h2>
          <span className={styles.sub}>{text.sessionsHelp}</span>
        </div>
        {sessions.some((session) => !session.current) && (
          <Button size="xs" variant="default" loading={endOthers.isPending} onClick={() => endOthers.mutate()}>
            {text.endOthers}
          </Button>
        )}
      </div>
      <SessionTable sessions={sessions} onEnd={(session) => end.mutate(session.id)} />
      <Problem error={end.error ?? endOthers.error} />
    </section>
  );
}
