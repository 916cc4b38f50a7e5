/** Services: a list with rate, errors and durations, and the map of their calls. Everything follows from the address. */
import { Button, SegmentedControl, TextInput } from "@mantine/core";
import { IconSearch, IconSitemap } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { ErrorState, NoPermission, Skeleton, State } from "../../components/common/State.tsx";
import Panels from "../../components/panels/Panels.tsx";
import { ApiError } from "../../core/api/errors.ts";
import { plural } from "../../core/format.ts";
import { sortServices } from "../../core/services/services.ts";
import { x } from "../../core/tracesText.ts";
import { type Panel, pushPanel } from "../../core/url/panels.ts";
import { useAction } from "../../hooks/useActions.tsx";
import { usePagePath } from "../../hooks/usePagePath.ts";
import { useServices } from "../../hooks/useServices.ts";
import { useTime } from "../../hooks/useTime.tsx";
import { useTraceEmpty } from "../../hooks/useTraces.ts";
import { SERVICE_VIEWS, type ServiceView, useServicesUrl } from "../../hooks/useTracesUrl.ts";
import { useUrlPanel } from "../../hooks/useUrlPanel.ts";
import { MapView } from "./MapView.tsx";
import styles from "./ServicesPage.module.css";
import { ServiceTable } from "./ServiceTable.tsx";

export function ServicesPage(): ReactNode {
  const [url, setUrl] = useServicesUrl();
  const [panel, setPanel] = useUrlPanel();
  const { span } = useTime();
  const services = useServices(span);
  const open = (next: Panel): void => setPanel(pushPanel("", next));
  useAction("tabRows", () => setUrl({ view: "list" }) as undefined);
  useAction("tabPatterns", () => setUrl({ view: "map" }) as undefined);
  const body = (): ReactNode => {
    if (services.isError && url.view === "list")
      return services.error instanceof ApiError && services.error.status === 403 ? (
        <NoPermission title={x.noPermission}>{x.noPermissionHelp}</NoPermission>
      ) : (
        <ErrorState error={services.error} onRetry={() => void services.refetch()} />
      );
    if (url.view === "map") return <MapView url={url} onUrl={setUrl} onOpen={open} />;
    if (!services.data) return <Skeleton rows={12} />;
    if (services.data.length === 0) return <NoServices />;
    const found = sortServices(services.data, url.find, url.sort, url.down);
    if (found.length === 0) return <State title={x.noServiceMatch} />;
    return (
      <ServiceTable
        services={found}
        url={url}
        stale={services.isPlaceholderData}
        onUrl={setUrl}
        onPanel={(name) => open({ kind: "service", name })}
      />
    );
  };
  return (
    <div className={styles.split}>
      <div className={styles.page}>
        <div className={styles.bar}>
          <SegmentedControl
            size="xs"
            aria-label={x.serviceViews}
            value={url.view}
            onChange={(view) => setUrl({ view: view as ServiceView })}
            data={SERVICE_VIEWS.map((value) => ({ value, label: x.serviceView[value] }))}
          />
          {url.view === "list" && (
            <>
              <TextInput
                size="xs"
                className={styles.find}
                value={url.find}
                onChange={(event) => setUrl({ find: event.currentTarget.value })}
                placeholder={x.findService}
                aria-label={x.findService}
                leftSection={<IconSearch size={14} />}
              />
              {services.data && (
                <span className={styles.muted}>{plural(services.data.length, "service", "services")}</span>
              )}
            </>
          )}
        </div>
        {body()}
      </div>
      <Panels value={panel} onChange={setPanel} />
    </div>
  );
}

/** No requests at all, or none in this range. */
export function NoServices(): ReactNode {
  const { span, setRange } = useTime();
  const to = usePagePath();
  const cause = useTraceEmpty({ query: "", span }, true);
  if (cause.isPending) return <Skeleton rows={4} />;
  if (cause.data?.ever === false)
    return (
      <State
        icon={<IconSitemap size={32} stroke={1.3} />}
        title={x.noServices}
        actions={
          <Button size="xs" component={Link} to={to("/start", { source: "otlptraces" })}>
            {x.getStarted}
          </Button>
        }
      >
        {x.noServicesHelp}
      </State>
    );
  return (
    <State
      icon={<IconSitemap size={32} stroke={1.3} />}
      title={x.noServicesRange}
      actions={
        <Button size="xs" onClick={() => setRange({ from: "now-24h", to: "now" })}>
          {x.wider}
        </Button>
      }
    >
      {x.noServicesRangeHelp}
    </State>
  );
}

export { ServicesPage as Component };
