/** The dialog that makes a key: one that only sends, with permissions of its own, of a role, or of a service account. */
import { Autocomplete, Button, Checkbox, NativeSelect, SegmentedControl, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { LimitFields, limitValues } from "../../components/security/LimitFields.tsx";
import { Dialog, Problem, SecretOnce, styles } from "../../components/security/parts.tsx";
import { useChoices } from "../../components/security/RolesField.tsx";
import type { CreateKeyRequest } from "../../core/api/types.ts";
import { ofScope } from "../../core/security/limits.ts";
import { s } from "../../core/securityText.ts";
import { useApi } from "../../hooks/useApi.tsx";
import { useAccounts, useChanged, useLimits } from "../../hooks/useSecurity.ts";
import { usePermission, useSession } from "../../hooks/useSession.ts";
import { useUrlTenant } from "../../hooks/useUrlState.ts";

const text = s.keys;
type Kind = "ingest" | "own" | "role" | "account";

function CreateForm({ onClose }: { onClose(): void }): ReactNode {
  const api = useApi();
  const changed = useChanged("keys", "accounts");
  const session = useSession().data;
  const [urlTenant] = useUrlTenant();
  const mayAccounts = usePermission("users:read");
  const mayRoles = usePermission("roles:read");
  const accounts = useAccounts(mayAccounts).data ?? [];
  const choices = useChoices();
  const known = ofScope(useLimits(usePermission("limits:read")).data?.known ?? [], "key");
  const [name, setName] = useState("");
  const [tenant, setTenant] = useState(urlTenant || session?.tenant || "");
  const [kind, setKind] = useState<Kind>("ingest");
  const [permissions, setPermissions] = useState(["logs:read"]);
  const [role, setRole] = useState("");
  const [account, setAccount] = useState("");
  const [signals, setSignals] = useState<string[]>([]);
  const [expiry, setExpiry] = useState("0");
  const [limits, setLimits] = useState<Record<string, string>>({});
  const [tried, setTried] = useState(false);
  const values = limitValues(known, limits);
  const make = useMutation({ mutationFn: (body: CreateKeyRequest) => api.createKey(body), onSuccess: changed });
  const lacks =
    (kind === "own" && permissions.length === 0) || (kind === "role" && !role) || (kind === "account" && !account);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setTried(true);
    if (name.trim() === "" || lacks || values === undefined) return;
    const own = kind === "ingest" ? ["logs:write"] : kind === "own" ? permissions : undefined;
    make.mutate({
      name: name.trim(),
      tenant,
      ...(own && { permissions: own }),
      ...(kind === "role" && { role }),
      ...(kind === "account" && { account }),
      ...(signals.length > 0 && { signals }),
      ...(expiry !== "0" && { expires_in: Number(expiry) }),
      ...(Object.keys(values).length > 0 && { limits: values }),
    });
  };
  if (make.data) {
    return (
      <div className={styles.form}>
        <h3>{text.secretTitle}</h3>
        <p>{text.secretHelp}</p>
        <SecretOnce secret={make.data.secret} />
        <div className={styles.actions}>
          <Button onClick={onClose}>{s.done}</Button>
        </div>
      </div>
    );
  }
  const kinds = (["ingest", "own", "role", "account"] as const).filter(
    (name) => (name !== "role" || mayRoles) && (name !== "account" || mayAccounts),
  );
  return (
    <form className={styles.form} onSubmit={submit} noValidate>
      <TextInput
        data-autofocus
        label={s.name}
        placeholder={text.namePlaceholder}
        value={name}
        maxLength={200}
        onChange={(event) => setName(event.currentTarget.value)}
        error={tried && name.trim() === "" ? text.needName : undefined}
      />
      <div className={styles.pair}>
        <Autocomplete
          label={text.tenant}
          description={text.tenantHelp}
          value={tenant}
          data={choices.tenants}
          limit={50}
          autoComplete="off"
          onChange={setTenant}
        />
        <NativeSelect
          label={text.expiry}
          description={"\u00a0"}
          value={expiry}
          data={Object.entries(text.expiries).map(([value, label]) => ({ value, label }))}
          onChange={(event) => setExpiry(event.currentTarget.value)}
        />
      </div>
      <fieldset className={styles.fieldset}>
        <legend>{text.kind}</legend>
        <SegmentedControl
          size="xs"
          aria-label={text.kind}
          value={kind}
          data={kinds.map((value) => ({ value, label: text.kinds[value] }))}
          onChange={(value) => setKind(value as Kind)}
        />
      </fieldset>
      {kind === "ingest" && <p className={styles.small}>{text.ingestHelp}</p>}
      {kind === "own" && (
        <Checkbox.Group
          label={text.permissions}
          value={permissions}
          onChange={setPermissions}
          error={tried && permissions.length === 0 ? text.needPermission : undefined}
        >
          <div className={styles.checks}>
            {Object.entries(text.permission).map(([permission, label]) => (
              <Checkbox key={permission} value={permission} label={label} />
            ))}
          </div>
        </Checkbox.Group>
      )}
      {kind === "role" && (
        <NativeSelect
          label={text.role}
          value={role}
          data={["", ...choices.roles]}
          onChange={(event) => setRole(event.currentTarget.value)}
          error={tried && !role ? text.needRole : undefined}
        />
      )}
      {kind === "account" && (
        <NativeSelect
          label={text.account}
          description={accounts.length === 0 ? text.noAccounts : text.accountHelp}
          value={account}
          data={[{ value: "", label: "" }, ...accounts.map((entry) => ({ value: entry.id, label: entry.name }))]}
          onChange={(event) => setAccount(event.currentTarget.value)}
          error={tried && !account ? text.needAccount : undefined}
        />
      )}
      <Checkbox.Group label={text.signals} description={text.signalsHelp} value={signals} onChange={setSignals}>
        <div className={styles.bar}>
          {Object.entries(text.signal).map(([value, label]) => (
            <Checkbox key={value} value={value} label={label} mt={4} />
          ))}
        </div>
      </Checkbox.Group>
      {known.length > 0 && (
        <details>
          <summary>{text.limits}</summary>
          <div className={styles.form}>
            <p className={styles.small}>{text.limitsHelp}</p>
            <LimitFields known={known} texts={limits} noDefault onChange={setLimits} />
          </div>
        </details>
      )}
      <Problem error={make.error} />
      <div className={styles.actions}>
        <Button variant="default" onClick={onClose}>
          {s.cancel}
        </Button>
        <Button type="submit" loading={make.isPending}>
          {text.create}
        </Button>
      </div>
    </form>
  );
}

export function CreateKey({ opened, onClose }: { opened: boolean; onClose(): void }): ReactNode {
  return (
    <Dialog opened={opened} onClose={onClose} title={text.new} size="lg">
      <CreateForm onClose={onClose} />
    </Dialog>
  );
}
