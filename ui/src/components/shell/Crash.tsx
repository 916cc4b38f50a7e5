/** Pages that are missing or broken. */
import { Button } from "@mantine/core";
import type { ReactNode } from "react";
import { Link, useRouteError } from "react-router";
import { t } from "../../core/text.ts";
import { State } from "../common/State.tsx";

export function NotFound(): ReactNode {
  return (
    <State
      title={t.error.notFound}
      actions={
        <Button component={Link} to="/" size="xs" variant="default">
          {t.error.home}
        </Button>
      }
    />
  );
}

export function RouteCrash(): ReactNode {
  const error = useRouteError();
  return (
    <State
      tone="error"
      title={t.error.crashed}
      actions={
        <Button size="xs" variant="default" onClick={() => location.reload()}>
          {t.error.reload}
        </Button>
      }
    >
      {error instanceof Error ? error.message : String(error)}
    </State>
  );
}
