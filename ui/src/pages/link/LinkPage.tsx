/** A short link: leads to what it stands for, or says why it cannot. */
import { Button } from "@mantine/core";
import { IconLinkOff, IconLock } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { Link, Navigate, useParams } from "react-router";
import { ErrorState, Skeleton, State } from "../../components/common/State.tsx";
import { ApiError } from "../../core/api/errors.ts";
import { t } from "../../core/text.ts";
import { linkTarget } from "../../core/url/codecs.ts";
import { useLink } from "../../hooks/useExplore.ts";
import { useSession } from "../../hooks/useSession.ts";

const ICON = { size: 32, stroke: 1.3 };

export function LinkPage(): ReactNode {
  const { id = "" } = useParams();
  const link = useLink(id);
  const session = useSession().data;
  const button = (
    <Button size="xs" component={Link} to="/logs">
      {t.link.logs}
    </Button>
  );
  if (link.isPending) return <Skeleton rows={6} label={t.link.opening} />;
  if (link.isError) {
    const status = link.error instanceof ApiError ? link.error.status : 0;
    if (status === 404 || status === 400)
      return (
        <State icon={<IconLinkOff {...ICON} />} title={t.link.gone} actions={button}>
          {t.link.goneHelp}
        </State>
      );
    if (status === 403)
      return (
        <State icon={<IconLock {...ICON} />} title={t.link.refused} actions={button}>
          {t.link.refusedHelp}
        </State>
      );
    return <ErrorState error={link.error} onRetry={() => void link.refetch()} />;
  }
  // One's own tenant needs no mention.
  const tenant = link.data.tenant === session?.tenant ? "" : link.data.tenant;
  const target = linkTarget(link.data.path, tenant);
  if (target === null || target.startsWith("/v/"))
    return (
      <State icon={<IconLinkOff {...ICON} />} title={t.link.gone} actions={button}>
        {t.link.goneHelp}
      </State>
    );
  return <Navigate to={target} replace />;
}

export { LinkPage as Component };
