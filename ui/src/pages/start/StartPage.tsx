/** First run: choose a source, make a key, run the snippet, watch data arrive. */
import { Button, TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { CopyTextButton } from "../../components/common/CopyButton.tsx";
import { Snippet } from "../../components/common/Snippet.tsx";
import { ApiError } from "../../core/api/errors.ts";
import { findSources, SOURCES, type Source, type SourceGroup, targetFrom } from "../../core/snippets.ts";
import { t } from "../../core/text.ts";
import { useApi, useBackend } from "../../hooks/useApi.tsx";
import { usePermission, useSession } from "../../hooks/useSession.ts";
import { useUrlSource } from "../../hooks/useUrlState.ts";
import { Probe, useArrival } from "./Probe.tsx";
import styles from "./StartPage.module.css";

const GROUPS: readonly SourceGroup[] = ["apps", "metrics", "traces", "agents", "system", "cloud"];

function Numbered({
  number,
  done,
  title,
  children,
}: {
  number: number;
  done: boolean;
  title: string;
  children: ReactNode;
}): ReactNode {
  return (
    <section className={styles.step}>
      <span className={styles.number} data-done={done || undefined} aria-hidden>
        {done ? "✓" : number}
      </span>
      <div>
        <h2>{title}</h2>
        <div className={styles.content}>{children}</div>
      </div>
    </section>
  );
}

function KeyStep({
  secret,
  source,
  onSecret,
}: {
  secret: string;
  source: Source;
  onSecret(secret: string): void;
}): ReactNode {
  const api = useApi();
  const client = useQueryClient();
  const allowed = usePermission("keys:write");
  const { tenant } = useBackend();
  const [name, setName] = useState("");
  const signal = source.signal ?? "logs";
  const proposed = signal === "logs" ? `${source.id}-logs` : source.id;
  const make = useMutation({
    mutationFn: () =>
      api.createKey({ name: name.trim() || proposed, tenant: tenant.current, permissions: [`${signal}:write`] }),
    onSuccess: (created) => {
      onSecret(created.secret);
      void client.invalidateQueries({ queryKey: ["keys"] });
    },
  });
  if (!allowed) return <p className={styles.muted}>{t.start.noPermission}</p>;
  if (secret) {
    return (
      <>
        <p>{t.start.keyMade}</p>
        <div className={styles.secret}>
          <code data-testid="secret">{secret}</code>
          <CopyTextButton text={secret} />
        </div>
      </>
    );
  }
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    make.mutate();
  };
  return (
    <>
      <p className={styles.muted}>{t.start.keyHelp}</p>
      <form className={styles.row} onSubmit={submit}>
        <TextInput
          label={t.start.keyName}
          placeholder={proposed}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          error={make.error instanceof ApiError ? `${make.error.message} ${make.error.hint}` : undefined}
        />
        <Button type="submit" loading={make.isPending}>
          {t.start.createKey}
        </Button>
      </form>
    </>
  );
}

export function GetStarted(): ReactNode {
  const api = useApi();
  const [id, setId] = useUrlSource();
  const [secrets, setSecrets] = useState<Record<string, string>>({});
  const [typed, setTyped] = useState("");
  const { tenant } = useBackend();
  const session = useSession().data;
  const found = findSources(typed);
  const groups = GROUPS.map((group) => [group, found.filter((entry) => entry.group === group)] as const).filter(
    ([, sources]) => sources.length > 0,
  );
  const info = useQuery({
    queryKey: ["info"],
    queryFn: ({ signal }) => api.info(signal),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const source = SOURCES.find((entry) => entry.id === id) ?? (SOURCES[0] as Source);
  // A key for logs does not let in metrics or traces.
  const signal = source.signal ?? "logs";
  const secret = secrets[signal] ?? "";
  const arrival = useArrival(signal);
  const target = targetFrom(location, info.data, secret || t.start.placeholderKey, tenant.current || session?.tenant);
  return (
    <>
      <Numbered number={1} done={secret !== ""} title={t.start.source}>
        <TextInput
          size="xs"
          className={styles.find}
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
          placeholder={t.start.find}
          aria-label={t.start.find}
          leftSection={<IconSearch size={14} />}
        />
        <div role="radiogroup" aria-label={t.start.source}>
          {groups.map(([group, sources]) => (
            <div key={group} className={styles.group}>
              <h3>{t.start.groups[group]}</h3>
              <div className={styles.sources}>
                {sources.map((entry) => (
                  <button
                    key={entry.id}
                    type="button"
                    role="radio"
                    aria-checked={entry.id === source.id}
                    className={styles.source}
                    onClick={() => setId(entry.id)}
                  >
                    <b>{entry.title}</b>
                    <span>{entry.summary}</span>
                  </button>
                ))}
              </div>
            </div>
          ))}
        </div>
        {groups.length === 0 && <p className={styles.muted}>{t.start.noSource}</p>}
      </Numbered>
      <Numbered number={2} done={secret !== "" || source.keyless === true} title={t.start.key}>
        {source.keyless ? (
          <p className={styles.muted}>{signal === "metrics" ? t.start.scraped : t.start.keyless}</p>
        ) : (
          <KeyStep
            key={signal}
            secret={secret}
            source={source}
            onSecret={(made) => setSecrets((all) => ({ ...all, [signal]: made }))}
          />
        )}
      </Numbered>
      <Numbered number={3} done={arrival.arrived > 0} title={t.start.snippet}>
        {source.steps(target).map((step) => (
          <Snippet key={step.caption} title={step.caption} text={step.code} />
        ))}
      </Numbered>
      <Numbered number={4} done={arrival.arrived > 0} title={t.start.wait}>
        <Probe arrival={arrival} scraped={source.id === "scrape"} />
      </Numbered>
    </>
  );
}

export function StartPage(): ReactNode {
  return (
    <div className={styles.page}>
      <p className={styles.lead}>{t.start.lead}</p>
      <GetStarted />
    </div>
  );
}

export { StartPage as Component };
