/** The frame around every page: session gate, rail, top bar, palette, key help, time context. */
import { lazy, type ReactNode, Suspense, useEffect, useLayoutEffect, useState, useSyncExternalStore } from "react";
import { Navigate, Outlet, useLocation } from "react-router";
import { ApiError } from "../../core/api/errors.ts";
import { t } from "../../core/text.ts";
import { ActionProvider, useAction } from "../../hooks/useActions.tsx";
import { useBackend } from "../../hooks/useApi.tsx";
import { useSession } from "../../hooks/useSession.ts";
import { TimeProvider } from "../../hooks/useTime.tsx";
import { useUrlTenant } from "../../hooks/useUrlState.ts";
import { pageAt, SETTINGS } from "../../pages/registry.tsx";
import { ErrorState, Skeleton } from "../common/State.tsx";
import { Gate, OtherTenant } from "./Gate.tsx";
import { keyHelp, type OpenStore, palette } from "./openStore.ts";
import { PageKeys } from "./PageKeys.tsx";
import { Rail } from "./Rail.tsx";
import styles from "./Shell.module.css";
import { TopBar } from "./TopBar.tsx";

const Palette = lazy(() => import("./Palette.tsx"));
const KeyHelp = lazy(() => import("./KeyHelp.tsx"));

/** Loads a dialog when it is first opened and keeps it from then on. */
function OnDemand({ store, children }: { store: OpenStore; children: ReactNode }): ReactNode {
  const open = useSyncExternalStore(store.subscribe, store.get);
  const [wanted, setWanted] = useState(false);
  if (open && !wanted) setWanted(true);
  return wanted && <Suspense>{children}</Suspense>;
}

function otherTitle(pathname: string): string {
  if (pathname.startsWith("/v/")) return t.link.opening;
  return pathname.replace(/\/$/, "") === SETTINGS.path ? SETTINGS.title : t.error.notFound;
}

function Frame(): ReactNode {
  const { pathname } = useLocation();
  const page = pageAt(pathname);
  const title = page?.title ?? otherTitle(pathname);
  useEffect(() => {
    document.title = `${title} · ${t.product}`;
  }, [title]);
  useAction("palette", () => palette.toggle() as undefined);
  useAction("help", () => keyHelp.open() as undefined);
  return (
    <div className={styles.shell}>
      <a className={styles.skip} href="#main">
        {t.nav.skip}
      </a>
      <Rail />
      <TopBar title={title} timed={page?.timed ?? false} />
      <main id="main" className={styles.main} tabIndex={-1}>
        <Gate page={page}>
          <Outlet />
        </Gate>
      </main>
      <PageKeys />
      <OnDemand store={palette}>
        <Palette />
      </OnDemand>
      <OnDemand store={keyHelp}>
        <KeyHelp />
      </OnDemand>
    </div>
  );
}

export function Shell(): ReactNode {
  const session = useSession();
  const { tenant, client } = useBackend();
  const [urlTenant, setUrlTenant] = useUrlTenant();
  const location = useLocation();
  const changed = tenant.current !== urlTenant;
  // Requests of this very render already have to carry the tenant of the address.
  tenant.current = urlTenant;
  useLayoutEffect(() => {
    // What one may do is another thing in another tenant.
    if (changed) void client.invalidateQueries();
  }, [changed, client]);

  if (session.isPending) return <Skeleton rows={6} />;
  if (session.isError && urlTenant && session.error instanceof ApiError && session.error.status === 403)
    return <OtherTenant error={session.error} onOwn={() => setUrlTenant("")} />;
  if (session.isError) return <ErrorState error={session.error} onRetry={() => void session.refetch()} />;
  if (!session.data.authenticated || session.data.must) {
    const next = location.pathname + location.search;
    return <Navigate to={next === "/" ? "/login" : `/login?next=${encodeURIComponent(next)}`} replace />;
  }
  return (
    <ActionProvider>
      <TimeProvider>
        <Frame />
      </TimeProvider>
    </ActionProvider>
  );
}
