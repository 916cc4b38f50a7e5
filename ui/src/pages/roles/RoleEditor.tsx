/** A role being edited: permissions with their resources, the policy, masked fields; beside it what the draft would show. */

import { Button, Checkbox, TextInput } from "@mantine/core";
import { IconArrowLeft, IconEye } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, Fragment, type ReactNode, useState } from "react";
import { State } from "../../components/common/State.tsx";
import { QueryField } from "../../components/editor/QueryField.tsx";
import { AccessPreview } from "../../components/security/AccessPreview.tsx";
import { NamesField } from "../../components/security/NamesField.tsx";
import { ConfirmTyped, Problem, styles } from "../../components/security/parts.tsx";
import type { GrantInfo, PermissionInfo, RoleInfo, RoleList, RoleRequest } from "../../core/api/security.ts";
import {
  areas,
  EVERYTHING,
  emptyRole,
  limited,
  ROLE_NAME,
  requestOf,
  toggled,
  wrongResources,
} from "../../core/security/roles.ts";
import { s } from "../../core/securityText.ts";
import { toast } from "../../core/toasts.ts";
import { useApi } from "../../hooks/useApi.tsx";
import { useCompletions } from "../../hooks/useLogs.ts";
import { useChanged } from "../../hooks/useSecurity.ts";
import { useTime } from "../../hooks/useTime.tsx";
import own from "./RolesPage.module.css";

const text = s.role;

/** What the address says of a role that is not there yet; names of roles have no blank. */
export const NEW_ROLE = "new role";

export function likeRole(name: string): string {
  return `like ${name}`;
}

function GrantRow({
  permission,
  grants,
  onChange,
}: {
  permission: PermissionInfo;
  grants: GrantInfo[];
  onChange(grants: GrantInfo[]): void;
}): ReactNode {
  const held = grants.filter((grant) => grant.permission === permission.name);
  const [typed, setTyped] = useState(() =>
    held
      .map((grant) => grant.resource)
      .filter((resource) => resource !== EVERYTHING)
      .join(", "),
  );
  const on = held.length > 0;
  const kinds = permission.resources.map((kind) => `${kind}:web-*`).join(", ");
  const wrong = wrongResources(held, [permission]);
  return (
    <div className={own.grantRow}>
      <Checkbox
        label={<code>{permission.name}</code>}
        description={permission.system ? `${permission.description} (${s.matrix.system})` : permission.description}
        checked={on}
        onChange={(event) => onChange(toggled(grants, permission.name, event.currentTarget.checked))}
      />
      {on && permission.resources.length > 0 && (
        <TextInput
          size="xs"
          aria-label={text.resources(permission.name)}
          placeholder={text.resourcesHint(kinds)}
          value={typed}
          spellCheck={false}
          error={wrong.length > 0 ? text.badResources(kinds) : undefined}
          onChange={(event) => {
            setTyped(event.currentTarget.value);
            onChange(limited(grants, permission.name, event.currentTarget.value));
          }}
        />
      )}
    </div>
  );
}

interface Props {
  open: string;
  list: RoleList;
  mayWrite: boolean;
  onOpen(role: string): void;
}

function Form({
  edited: role,
  start,
  list,
  onOpen,
}: { edited: RoleInfo | null; start: RoleRequest } & Omit<Props, "open" | "mayWrite">): ReactNode {
  const api = useApi();
  const changed = useChanged("roles");
  const { span } = useTime();
  const completions = useCompletions(span);
  const fields = useQuery({ queryKey: ["role-fields"], queryFn: () => completions.fields() });
  const [name, setName] = useState("");
  const [draft, setDraft] = useState(() => requestOf(start));
  const [tried, setTried] = useState(false);
  const [previewed, setPreviewed] = useState<RoleRequest | null>(null);
  const [deleting, setDeleting] = useState(false);
  const change = (part: Partial<RoleRequest>): void => setDraft((now) => ({ ...now, ...part }));
  const wrong = wrongResources(draft.grants, list.permissions);
  const taken = !role && list.roles.some((known) => known.name === name);
  const badName = role ? "" : taken ? text.taken : ROLE_NAME.test(name) ? "" : text.badName;
  const save = useMutation({
    mutationFn: () => api.saveRole(role?.name ?? name, draft),
    onSuccess: () => {
      changed();
      toast(text.saved);
      onOpen("");
    },
  });
  const askDelete = (): void => {
    // Who has it may have changed meanwhile.
    changed();
    setDeleting(true);
  };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setTried(true);
    if (!badName && draft.grants.length > 0 && wrong.length === 0) save.mutate();
  };
  return (
    <div className={styles.page}>
      <div className={styles.bar}>
        <Button size="compact-xs" variant="subtle" leftSection={<IconArrowLeft size={14} />} onClick={() => onOpen("")}>
          {text.back}
        </Button>
        <h2>{role ? text.title(role.name) : text.new}</h2>
      </div>
      <div className={own.editor}>
        <form className={styles.form} onSubmit={submit} noValidate aria-label={role ? text.title(role.name) : text.new}>
          <div className={role ? undefined : styles.pair}>
            {!role && (
              <TextInput
                label={s.name}
                description={text.nameHelp}
                value={name}
                maxLength={64}
                spellCheck={false}
                autoFocus
                onChange={(event) => setName(event.currentTarget.value)}
                error={(tried || taken) && badName ? badName : undefined}
              />
            )}
            <TextInput
              label={s.description}
              description={role ? undefined : "\u00a0"}
              value={draft.description}
              maxLength={1000}
              onChange={(event) => change({ description: event.currentTarget.value })}
            />
          </div>
          <QueryField
            label={text.policy}
            hint={text.policyHint}
            description={text.policyHelp}
            value={draft.policy}
            onChange={(policy) => change({ policy })}
          />
          <NamesField
            label={text.masked}
            description={text.maskedHelp}
            hint={text.maskedHint}
            names={draft.masked}
            offered={fields.data ?? []}
            free
            removeLabel={text.removeMasked}
            onChange={(masked) => change({ masked })}
          />
          <fieldset className={styles.fieldset}>
            <legend>{text.grants}</legend>
            <p className={styles.small}>{text.grantsHelp}</p>
            {tried && draft.grants.length === 0 && (
              <p className={styles.error} role="alert">
                {text.noGrants}
              </p>
            )}
            <div className={own.grants}>
              {areas(list.permissions).map((area) => (
                <Fragment key={area.name}>
                  <div className={own.grantArea}>{s.matrix.areas[area.name] ?? area.name}</div>
                  {area.permissions.map((permission) => (
                    <GrantRow
                      key={permission.name}
                      permission={permission}
                      grants={draft.grants}
                      onChange={(grants) => change({ grants })}
                    />
                  ))}
                </Fragment>
              ))}
            </div>
          </fieldset>
          <Problem error={save.error} title={text.failed} />
          <div className={styles.bar}>
            <Button size="xs" type="submit" loading={save.isPending}>
              {s.save}
            </Button>
            <Button size="xs" variant="default" onClick={() => onOpen("")}>
              {s.cancel}
            </Button>
            <span className={styles.grow} />
            {role && (
              <Button size="xs" variant="default" c="var(--danger)" onClick={askDelete}>
                {text.delete}
              </Button>
            )}
          </div>
        </form>
        <aside className={own.side} aria-label={s.preview.title}>
          <Button
            size="xs"
            variant="default"
            leftSection={<IconEye size={14} />}
            onClick={() => setPreviewed(structuredClone(draft))}
          >
            {s.preview.draft}
          </Button>
          {previewed && JSON.stringify(previewed) !== JSON.stringify(draft) && (
            <p className={styles.small} role="status">
              {s.preview.stale}
            </p>
          )}
          {previewed && <AccessPreview request={{ draft: previewed }} />}
        </aside>
      </div>
      <ConfirmTyped
        asked={
          deleting && role
            ? {
                title: text.deleteTitle(role.name),
                help: text.deleteHelp(role.subjects),
                word: role.name,
                action: text.delete,
                run: () => api.deleteRole(role.name),
                onDone: () => {
                  changed();
                  toast(text.deleted);
                  onOpen("");
                },
                onClose: () => setDeleting(false),
              }
            : null
        }
      />
    </div>
  );
}

export function RoleEditor({ open, list, mayWrite, onOpen }: Props): ReactNode {
  const back = (
    <Button size="xs" variant="default" onClick={() => onOpen("")}>
      {text.back}
    </Button>
  );
  if (!mayWrite) return <State title={text.readOnly} actions={back} />;
  if (open === NEW_ROLE) return <Form edited={null} start={emptyRole()} list={list} onOpen={onOpen} />;
  const like = /^like (.+)$/.exec(open)?.[1];
  const role = list.roles.find((known) => known.name === (like ?? open));
  if (!role || (!like && role.builtin)) return <State title={text.gone} actions={back} />;
  return <Form edited={like ? null : role} start={role} list={list} onOpen={onOpen} />;
}
