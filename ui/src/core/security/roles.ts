/** Roles as a matrix, and a role being edited. */
import type { GrantInfo, PermissionInfo, RoleIn, RoleInfo, RoleRequest } from "../api/security.ts";

export const EVERY_TENANT = "*";
export const EVERYTHING = "*";

/** What a role holds of a permission: everything, some resources, or nothing. `by` admin: implied. */
export type Cell = { kind: "full"; implied: boolean } | { kind: "some"; resources: string[] } | { kind: "none" };

export function cell(grants: readonly GrantInfo[], permission: string): Cell {
  const own = grants.filter((grant) => grant.permission === permission);
  if (own.some((grant) => grant.resource === EVERYTHING)) return { kind: "full", implied: false };
  if (grants.some((grant) => grant.permission === "admin")) return { kind: "full", implied: true };
  if (own.length > 0) return { kind: "some", resources: own.map((grant) => grant.resource) };
  return { kind: "none" };
}

export interface Area {
  name: string;
  permissions: PermissionInfo[];
}

/** Permissions by what they are about: the part before the colon, in the order of the server. */
export function areas(permissions: readonly PermissionInfo[]): Area[] {
  const found = new Map<string, PermissionInfo[]>();
  for (const permission of permissions) {
    const name = permission.name.split(":")[0] ?? permission.name;
    found.set(name, [...(found.get(name) ?? []), permission]);
  }
  return [...found].map(([name, members]) => ({ name, permissions: members }));
}

/** Built-in ones as they come, from the weakest on; custom ones behind them by name. */
export function ordered(roles: readonly RoleInfo[]): RoleInfo[] {
  const custom = roles.filter((role) => !role.builtin).sort((a, b) => a.name.localeCompare(b.name));
  const builtin = roles.filter((role) => role.builtin);
  const ranks = ["viewer", "editor", "operator", "admin", "auditor"];
  const rank = (role: RoleInfo): number => (ranks.indexOf(role.name) + ranks.length + 1) % (ranks.length + 1);
  return [...builtin.sort((a, b) => rank(a) - rank(b)), ...custom];
}

/** A grant switched on (on everything) or off. */
export function toggled(grants: readonly GrantInfo[], permission: string, on: boolean): GrantInfo[] {
  const others = grants.filter((grant) => grant.permission !== permission);
  return on ? [...others, { permission, resource: EVERYTHING }] : others;
}

/** A grant limited to resources, written with commas or line breaks between them; nothing means everything. */
export function limited(grants: readonly GrantInfo[], permission: string, text: string): GrantInfo[] {
  const others = grants.filter((grant) => grant.permission !== permission);
  const resources = [...new Set(text.split(/[\s,]+/).filter(Boolean))];
  return [
    ...others,
    ...(resources.length > 0 ? resources : [EVERYTHING]).map((resource) => ({ permission, resource })),
  ];
}

/** The kinds that a permission may be limited to must begin each of its resources. Returns the wrong ones. */
export function wrongResources(grants: readonly GrantInfo[], permissions: readonly PermissionInfo[]): string[] {
  return grants
    .filter((grant) => {
      if (grant.resource === EVERYTHING) return false;
      const kinds = permissions.find((known) => known.name === grant.permission)?.resources ?? [];
      const [kind, name] = grant.resource.split(/:(.*)/s);
      return !name || !kinds.includes(kind ?? "");
    })
    .map((grant) => grant.resource);
}

/** Names that the server takes for roles. */
export const ROLE_NAME: RegExp = /^[a-z][a-z0-9_-]{0,63}$/;

export function emptyRole(): RoleRequest {
  return { description: "", grants: [], policy: "", masked: [] };
}

export function requestOf({ description, grants, policy, masked }: RoleRequest): RoleRequest {
  return { description, grants, policy, masked };
}

/** "admin everywhere, viewer in shop" as data: equal roles once, those in every tenant first. */
export function rolesInOrder(roles: readonly RoleIn[]): RoleIn[] {
  const seen = new Map(roles.map((entry) => [`${entry.role}\n${entry.tenant}`, entry]));
  const every = (entry: RoleIn): number => (entry.tenant === EVERY_TENANT ? 0 : 1);
  return [...seen.values()].sort(
    (a, b) => every(a) - every(b) || a.tenant.localeCompare(b.tenant) || a.role.localeCompare(b.role),
  );
}
