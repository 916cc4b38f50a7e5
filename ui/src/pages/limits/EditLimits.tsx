/** The dialog that sets the limits of a subject: somebody named, or each one without limits of its own. */

import { Autocomplete, Button, NativeSelect } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { LimitFields, limitTexts, limitValues } from "../../components/security/LimitFields.tsx";
import { Dialog, Problem, styles } from "../../components/security/parts.tsx";
import type { LimitSet, Limits } from "../../core/api/security.ts";
import { ofScope, scopes } from "../../core/security/limits.ts";
import { s } from "../../core/securityText.ts";
import { toast } from "../../core/toasts.ts";
import { useApi } from "../../hooks/useApi.tsx";
import { useChanged, useKeys, useTenants, useUsers } from "../../hooks/useSecurity.ts";
import { usePermission } from "../../hooks/useSession.ts";
import { subjectName } from "./subject.ts";

const text = s.limits;

interface Offer {
  /** What is chosen in the list, and what the server calls it. */
  label: string;
  subject: string;
}

/** Subjects of a scope that are known; any other may be typed. */
function useOffers(scope: string): Offer[] {
  const tenants = useTenants(usePermission("tenants:read") && scope === "tenant").data ?? [];
  const users = useUsers(usePermission("users:read") && scope === "user").data ?? [];
  const keys = useKeys(usePermission("keys:read") && scope === "key").data ?? [];
  if (scope === "tenant") return tenants.map(({ name }) => ({ label: name, subject: name }));
  if (scope === "user") return users.map(({ name }) => ({ label: name, subject: name }));
  if (scope === "key") return keys.map((key) => ({ label: `${key.name} (${key.prefix}…)`, subject: key.id }));
  return [];
}

function Form({ set, limits, onClose }: { set: LimitSet | null; limits: Limits; onClose(): void }): ReactNode {
  const api = useApi();
  const changed = useChanged("limits", "keys");
  const all = scopes(limits.known);
  const [scope, setScope] = useState(set?.scope ?? all[0] ?? "tenant");
  const [who, setWho] = useState(set?.subject ?? "*");
  const known = ofScope(limits.known, scope);
  const [texts, setTexts] = useState(() => limitTexts(known, set?.limits ?? {}));
  const [tried, setTried] = useState(false);
  const offers = useOffers(scope);
  const values = limitValues(known, texts);
  const subject = offers.find((offer) => offer.label === who)?.subject ?? who.trim();
  const nothing = values !== undefined && Object.keys(values).length === 0;
  const save = useMutation({
    mutationFn: () => api.saveLimits(scope, subject, values ?? {}),
    onSuccess: () => {
      changed();
      toast(text.saved);
      onClose();
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setTried(true);
    if (values !== undefined && subject !== "" && !nothing) save.mutate();
  };
  return (
    <form className={styles.form} onSubmit={submit} noValidate>
      {!set && (
        <div className={styles.pair}>
          <NativeSelect
            label={text.scope}
            description={"\u00a0"}
            value={scope}
            data={all.map((name) => ({ value: name, label: text.scopes[name] ?? name }))}
            onChange={(event) => {
              setScope(event.currentTarget.value);
              setWho("*");
              setTexts({});
            }}
          />
          <Autocomplete
            label={text.who}
            description={text.whoHelp}
            placeholder={text.whoHint[scope]}
            value={who}
            data={[...new Set(offers.map((offer) => offer.label))]}
            limit={50}
            autoComplete="off"
            onChange={setWho}
            error={tried && subject === "" ? text.needWho : undefined}
          />
        </div>
      )}
      <LimitFields known={known} texts={texts} onChange={setTexts} />
      {tried && nothing && (
        <p className={styles.error} role="alert">
          {text.nothingSet}
        </p>
      )}
      <Problem error={save.error} />
      <div className={styles.actions}>
        <Button variant="default" onClick={onClose}>
          {s.cancel}
        </Button>
        <Button type="submit" loading={save.isPending}>
          {s.save}
        </Button>
      </div>
    </form>
  );
}

interface Props {
  editing: LimitSet | "new" | null;
  limits: Limits;
  onClose(): void;
}

export function EditLimits({ editing, limits, onClose }: Props): ReactNode {
  const set = editing === "new" ? null : editing;
  return (
    <Dialog
      opened={editing !== null}
      onClose={onClose}
      title={set ? text.editTitle(subjectName(set)) : text.add}
      size="lg"
    >
      {editing && <Form set={set} limits={limits} onClose={onClose} />}
    </Dialog>
  );
}
