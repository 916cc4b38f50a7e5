/** Asks before unsaved changes are lost: to another page or tenant, and (in the browser's words) out of the tab. */
import { Button, Modal } from "@mantine/core";
import { type ReactNode, useEffect } from "react";
import { useBlocker } from "react-router";
import { t } from "../../core/text.ts";
import styles from "./PipelinesPage.module.css";

function tenantOf(search: string): string {
  return new URLSearchParams(search).get("tenant") ?? "";
}

export function LeaveGuard({ dirty }: { dirty: boolean }): ReactNode {
  const blocker = useBlocker(
    ({ currentLocation, nextLocation }) =>
      dirty &&
      (currentLocation.pathname !== nextLocation.pathname ||
        tenantOf(currentLocation.search) !== tenantOf(nextLocation.search)),
  );
  useEffect(() => {
    if (!dirty) return;
    const ask = (event: BeforeUnloadEvent): void => event.preventDefault();
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, [dirty]);
  return (
    <Modal
      opened={blocker.state === "blocked"}
      onClose={() => blocker.reset?.()}
      title={t.pipelines.leave}
      closeButtonProps={{ "aria-label": t.close }}
    >
      <div className={styles.dialog}>
        <p>{t.pipelines.leaveHelp}</p>
        <div className={styles.dialogActions}>
          <Button variant="default" data-autofocus onClick={() => blocker.reset?.()}>
            {t.pipelines.leaveStay}
          </Button>
          <Button color="red.9" onClick={() => blocker.proceed?.()}>
            {t.pipelines.leaveGo}
          </Button>
        </div>
      </div>
    </Modal>
  );
}
