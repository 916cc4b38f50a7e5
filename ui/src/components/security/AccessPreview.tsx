/** What somebody sees: how many of the records, which fields are masked, some of them as they are shown, and why. */
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { Preview, PreviewRequest } from "../../core/api/security.ts";
import { sampleCells, visibleShare } from "../../core/security/preview.ts";
import { type Area, areas } from "../../core/security/roles.ts";
import { s } from "../../core/securityText.ts";
import { formatInstant } from "../../core/time/format.ts";
import { fromNsText } from "../../core/time/instant.ts";
import { useBackend } from "../../hooks/useApi.tsx";
import { usePrefs } from "../../hooks/usePrefs.ts";
import { useSession } from "../../hooks/useSession.ts";
import { ErrorState, Skeleton } from "../common/State.tsx";
import own from "./AccessPreview.module.css";
import { styles } from "./parts.tsx";

const text = s.preview;

function Samples({ samples, masked }: { samples: Preview["samples"]; masked: string[] }): ReactNode {
  const { zone } = usePrefs();
  if (samples.length === 0) return <p className={styles.quiet}>{text.noSamples}</p>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard
    <ul className={own.samples} aria-label={text.samples} tabIndex={0} data-testid="preview-samples">
      {samples.map((sample, index) => {
        const cells = sampleCells(sample, masked);
        return (
          <li key={index} data-severity={cells.severity}>
            <span className={own.meta}>
              {cells.timestamp && formatInstant(fromNsText(cells.timestamp), zone, 0)} {cells.service}
            </span>
            <code>{cells.body}</code>
            {cells.fields.length > 0 && (
              <span className={own.fields}>
                {cells.fields.map((field) => (
                  <span key={field.name}>
                    {field.name}: {field.masked ? <em>{text.hidden}</em> : field.value}
                  </span>
                ))}
              </span>
            )}
          </li>
        );
      })}
    </ul>
  );
}

function Grants({ grants }: { grants: Preview["grants"] }): ReactNode {
  if (grants.length === 0) return <p className={styles.quiet}>{text.noGrants}</p>;
  if (grants.some((grant) => grant.permission === "admin" && grant.resource === "*"))
    return <span className={styles.chip}>{s.matrix.areas.admin}</span>;
  const known = [...new Set(grants.map((grant) => grant.permission))].map((name) => ({
    name,
    description: "",
    resources: [],
    system: false,
  }));
  const words = (area: Area): string =>
    area.permissions
      .flatMap(({ name }) => grants.filter((grant) => grant.permission === name))
      .map(({ permission, resource }) => {
        const verb = permission.split(":")[1] ?? permission;
        return resource === "*" ? verb : `${verb} (${resource})`;
      })
      .join(", ");
  return (
    <dl className={styles.facts}>
      {areas(known).map((area) => (
        <div key={area.name} className={own.grant}>
          <dt>{s.matrix.areas[area.name] ?? area.name}</dt>
          <dd>{words(area)}</dd>
        </div>
      ))}
    </dl>
  );
}

export function PreviewResult({ preview }: { preview: Preview }): ReactNode {
  const session = useSession().data;
  const { tenant } = useBackend();
  const share = visibleShare(preview);
  const reads = preview.grants.some((grant) => /^(logs:read|sql:read|admin)$/.test(grant.permission));
  return (
    <div className={styles.section} data-testid="preview">
      <p className={styles.small}>{text.inTenant(tenant.current || session?.tenant || "")}</p>
      <div>
        <strong data-testid="preview-count">{text.records(preview.records, preview.total)}</strong>
        <div className={own.meter} aria-hidden>
          <div style={{ width: `${share * 100}%` }} />
        </div>
        <span className={styles.sub}>
          {!reads
            ? text.noReading
            : preview.policy === "" && preview.masked.length === 0
              ? text.everything
              : preview.records === 0 && text.nothing}
        </span>
      </div>
      <dl className={styles.facts}>
        {preview.policy && (
          <>
            <dt>{text.policy}</dt>
            <dd>
              <code>{preview.policy}</code>
            </dd>
          </>
        )}
        {preview.masked.length > 0 && (
          <>
            <dt>{text.masked}</dt>
            <dd>{preview.masked.join(", ")}</dd>
          </>
        )}
      </dl>
      <h3 className={own.title}>{text.because}</h3>
      <ul className={own.because}>
        {preview.because.map((sentence) => (
          <li key={sentence}>{sentence}</li>
        ))}
      </ul>
      <h3 className={own.title}>{text.grants}</h3>
      <Grants grants={preview.grants} />
      {reads && (
        <>
          <h3 className={own.title}>{text.samples}</h3>
          <Samples samples={preview.samples} masked={preview.masked} />
        </>
      )}
    </div>
  );
}

/** Asks for it and shows it. */
export function AccessPreview({ request }: { request: PreviewRequest }): ReactNode {
  const { api, tenant } = useBackend();
  const preview = useQuery({
    queryKey: ["preview", tenant.current, request],
    staleTime: 0,
    retry: false,
    queryFn: ({ signal }) => api.previewRole(request, signal),
  });
  return (
    <section className={own.preview} aria-label={text.title}>
      {preview.isPending && <Skeleton rows={5} />}
      {preview.isError && <ErrorState error={preview.error} onRetry={() => void preview.refetch()} />}
      {preview.data && <PreviewResult preview={preview.data} />}
    </section>
  );
}
