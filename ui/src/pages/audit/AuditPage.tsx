/** The audit log: filtered by the address, newest first, with what changed, exported and verified. */
import { Button, Checkbox, Menu, NativeSelect, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconDownload, IconRefresh, IconSearch, IconShieldCheck } from "@tabler/icons-react";
import { keepPreviousData, useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { IconButton } from "../../components/common/IconButton.tsx";
import { ErrorState, Skeleton, State } from "../../components/common/State.tsx";
import { Problem, styles } from "../../components/security/parts.tsx";
import {
  type AuditFilter,
  auditExportUrl,
  auditSearch,
  effective,
  isFiltered,
  readsEverywhere,
} from "../../core/security/audit.ts";
import { EVERY_TENANT } from "../../core/security/roles.ts";
import { s } from "../../core/securityText.ts";
import { useBackend } from "../../hooks/useApi.tsx";
import { useSession } from "../../hooks/useSession.ts";
import { useUrlAudit } from "../../hooks/useUrlState.ts";
import own from "./AuditPage.module.css";
import { Entries } from "./Entries.tsx";
import { Report } from "./Report.tsx";

const text = s.audit;
const PAGE = "100";

/** A field that writes into the address a moment after the last key. */
function FilterField({
  label,
  hint,
  value,
  size = "narrow",
  onChange,
}: {
  label: string;
  hint?: string;
  value: string;
  size?: "wide" | "narrow" | "time";
  onChange(value: string): void;
}): ReactNode {
  const [typed, setTyped] = useState(value);
  const [sent, setSent] = useState(value);
  const send = useDebouncedCallback((next: string) => {
    setSent(next);
    onChange(next);
  }, 300);
  // Changed from elsewhere: cleared, or another address.
  if (value !== sent) {
    setSent(value);
    setTyped(value);
  }
  return (
    <TextInput
      size="xs"
      className={own[size]}
      label={label}
      placeholder={hint}
      leftSection={size === "wide" ? <IconSearch size={14} /> : undefined}
      value={typed}
      autoComplete="off"
      spellCheck={false}
      onChange={(event) => {
        setTyped(event.currentTarget.value);
        send(event.currentTarget.value);
      }}
    />
  );
}

function Filters({
  filter,
  actions,
  change,
}: {
  filter: AuditFilter;
  actions: string[];
  change(part: Partial<AuditFilter> | null): void;
}): ReactNode {
  const session = useSession().data;
  const everywhere = readsEverywhere(session?.roles ?? []);
  const offered = session?.roles.some((entry) => entry.tenant === EVERY_TENANT);
  const known = filter.action && !actions.includes(filter.action) ? [filter.action, ...actions] : actions;
  return (
    <div className={own.filters} role="search">
      <FilterField
        size="wide"
        label={text.text}
        hint={text.textHint}
        value={filter.text}
        onChange={(value) => change({ text: value })}
      />
      <FilterField label={text.who} value={filter.who} onChange={(value) => change({ who: value })} />
      <NativeSelect
        size="xs"
        className={own.narrow}
        label={text.action}
        value={filter.action}
        data={[{ value: "", label: text.anyAction }, ...known]}
        onChange={(event) => change({ action: event.currentTarget.value })}
      />
      <FilterField label={text.subject} value={filter.subject} onChange={(value) => change({ subject: value })} />
      <NativeSelect
        size="xs"
        className={own.narrow}
        label={text.outcome}
        value={filter.outcome}
        data={Object.entries(text.outcomes).map(([value, label]) => ({ value, label }))}
        onChange={(event) => change({ outcome: event.currentTarget.value })}
      />
      <FilterField
        size="time"
        label={text.start}
        hint={text.timeHint}
        value={filter.start}
        onChange={(value) => change({ start: value })}
      />
      <FilterField
        size="time"
        label={text.end}
        hint={text.timeHint}
        value={filter.end}
        onChange={(value) => change({ end: value })}
      />
      {offered && (
        <Checkbox
          className={own.check}
          label={text.allTenants}
          checked={filter.all_tenants === "1"}
          onChange={(event) =>
            change({
              all_tenants: event.currentTarget.checked === everywhere ? "" : event.currentTarget.checked ? "1" : "0",
            })
          }
        />
      )}
      {isFiltered(filter) && (
        <Button size="compact-xs" variant="subtle" className={own.check} onClick={() => change(null)}>
          {text.clear}
        </Button>
      )}
    </div>
  );
}

/** Reading the log is noted in it, so it is not asked again by itself. */
export function AuditPage(): ReactNode {
  const { api, tenant } = useBackend();
  const session = useSession().data;
  const [asked, change] = useUrlAudit();
  const filter = effective(asked, readsEverywhere(session?.roles ?? []));
  const search = auditSearch(filter, { limit: PAGE });
  const verify = useMutation({ mutationFn: () => api.verifyAudit() });
  const audit = useInfiniteQuery({
    queryKey: ["audit", tenant.current, search],
    staleTime: 0,
    initialPageParam: 0,
    placeholderData: keepPreviousData,
    queryFn: ({ pageParam, signal }) => api.audit(pageParam > 0 ? `${search}&before=${pageParam}` : search, signal),
    getNextPageParam: (last) => (last.next > 0 ? last.next : undefined),
  });
  const pages = audit.data?.pages ?? [];
  const entries = pages.flatMap((page) => page.entries);
  const actions = [...new Set([...(pages[0]?.actions ?? []), ...entries.map((entry) => entry.action)])].sort();
  return (
    <div className={styles.page}>
      <div className={styles.head}>
        <p className={styles.lead}>{text.lead}</p>
        <div className={styles.bar}>
          <Button
            size="xs"
            variant="default"
            leftSection={<IconShieldCheck size={14} />}
            loading={verify.isPending}
            onClick={() => verify.mutate()}
          >
            {text.verify}
          </Button>
          <Menu position="bottom-end">
            <Menu.Target>
              <Button size="xs" variant="default" leftSection={<IconDownload size={14} />}>
                {text.export}
              </Button>
            </Menu.Target>
            <Menu.Dropdown>
              {(["ndjson", "csv"] as const).map((format) => (
                <Menu.Item
                  key={format}
                  component="a"
                  href={auditExportUrl(filter, format, tenant.current)}
                  download={`audit.${format}`}
                >
                  {text.exportAs[format]}
                </Menu.Item>
              ))}
            </Menu.Dropdown>
          </Menu>
          <IconButton label={text.refresh} loading={audit.isRefetching} onClick={() => void audit.refetch()}>
            <IconRefresh size={16} />
          </IconButton>
        </div>
      </div>
      {verify.data && <Report report={verify.data} onClose={verify.reset} />}
      <Problem error={verify.error} />
      <Filters filter={filter} actions={actions} change={change} />
      {audit.isPending && <Skeleton rows={8} />}
      {audit.isError && <ErrorState error={audit.error} onRetry={() => void audit.refetch()} />}
      {audit.isSuccess && entries.length === 0 && <State title={isFiltered(filter) ? text.noMatch : text.none} />}
      {entries.length > 0 && (
        <div data-stale={audit.isPlaceholderData || undefined} className={own.list}>
          <Entries entries={entries} tenants={filter.all_tenants === "1"} onFilter={change} />
        </div>
      )}
      {audit.hasNextPage && (
        <div>
          <Button
            size="xs"
            variant="default"
            loading={audit.isFetchingNextPage}
            onClick={() => void audit.fetchNextPage()}
          >
            {text.more}
          </Button>
        </div>
      )}
    </div>
  );
}

export { AuditPage as Component };
