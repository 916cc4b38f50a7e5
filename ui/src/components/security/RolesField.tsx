/** Roles in tenants as rows of a form. */
import { Button, NativeSelect } from "@mantine/core";
import { IconPlus, IconTrash } from "@tabler/icons-react";
import type { ReactNode } from "react";
import type { RoleIn } from "../../core/api/security.ts";
import { EVERY_TENANT, ordered } from "../../core/security/roles.ts";
import { s } from "../../core/securityText.ts";
import { useRoles, useTenants } from "../../hooks/useSecurity.ts";
import { usePermission, useSession } from "../../hooks/useSession.ts";
import { IconButton } from "../common/IconButton.tsx";
import { styles } from "./parts.tsx";

/** Names of roles and tenants to choose from. */
export function useChoices(): { roles: string[]; tenants: string[] } {
  const session = useSession().data;
  const mayRoles = usePermission("roles:read");
  const mayTenants = usePermission("tenants:read");
  const roles = useRoles(mayRoles);
  const tenants = useTenants(mayTenants);
  return {
    roles: ordered(roles.data?.roles ?? []).map((role) => role.name),
    tenants: [...new Set([...(tenants.data?.map((entry) => entry.name) ?? []), ...(session?.tenants ?? [])])],
  };
}

interface Props {
  roles: RoleIn[];
  onChange(roles: RoleIn[]): void;
}

export function RolesField({ roles, onChange }: Props): ReactNode {
  const choices = useChoices();
  const change = (place: number, part: Partial<RoleIn>): void =>
    onChange(roles.map((entry, at) => (at === place ? { ...entry, ...part } : entry)));
  /** What is there already stays choosable, known or not. */
  const withOwn = (names: string[], own: string): string[] => (names.includes(own) ? names : [own, ...names]);
  return (
    <fieldset className={styles.fieldset}>
      <legend>{s.roles.label}</legend>
      {roles.length === 0 && <p className={styles.small}>{s.roles.noneHelp}</p>}
      {roles.map((entry, place) => (
        <div key={place} className={styles.roleRow}>
          <NativeSelect
            size="xs"
            aria-label={s.roles.row(s.roles.role, place + 1)}
            value={entry.role}
            data={withOwn(choices.roles, entry.role)}
            onChange={(event) => change(place, { role: event.currentTarget.value })}
          />
          <NativeSelect
            size="xs"
            aria-label={s.roles.row(s.roles.tenant, place + 1)}
            value={entry.tenant}
            data={[
              { value: EVERY_TENANT, label: s.everyTenant },
              ...withOwn(choices.tenants, entry.tenant).filter((name) => name !== EVERY_TENANT),
            ]}
            onChange={(event) => change(place, { tenant: event.currentTarget.value })}
          />
          <IconButton
            label={s.roles.remove(place + 1)}
            size={24}
            onClick={() => onChange(roles.filter((_, at) => at !== place))}
          >
            <IconTrash size={14} />
          </IconButton>
        </div>
      ))}
      <div>
        <Button
          size="compact-xs"
          variant="default"
          leftSection={<IconPlus size={12} />}
          onClick={() => onChange([...roles, { role: choices.roles[0] ?? "viewer", tenant: EVERY_TENANT }])}
        >
          {s.roles.add}
        </Button>
      </div>
    </fieldset>
  );
}
