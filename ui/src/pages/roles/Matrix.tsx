/** Permissions by role: a row for each permission, a column for each role, built-in ones first. */
import { IconCheck, IconCopyPlus, IconEye, IconPencil } from "@tabler/icons-react";
import { Fragment, type ReactNode } from "react";
import { IconButton } from "../../components/common/IconButton.tsx";
import { styles } from "../../components/security/parts.tsx";
import type { GrantInfo, RoleInfo, RoleList } from "../../core/api/security.ts";
import { areas, cell, ordered } from "../../core/security/roles.ts";
import { s } from "../../core/securityText.ts";
import { likeRole } from "./RoleEditor.tsx";
import own from "./RolesPage.module.css";

const text = s.matrix;

function Cell({ grants, permission }: { grants: GrantInfo[]; permission: string }): ReactNode {
  const found = cell(grants, permission);
  if (found.kind === "none")
    return (
      <td className={own.cell}>
        <span className="visually-hidden">{text.no}</span>
      </td>
    );
  if (found.kind === "some")
    return (
      <td className={own.cell}>
        <span className={own.some}>
          {found.resources.map((resource) => (
            <span key={resource}>{resource}</span>
          ))}
        </span>
      </td>
    );
  return (
    <td className={own.cell}>
      <IconCheck size={16} className={found.implied ? own.implied : own.yes} aria-hidden />
      <span className="visually-hidden">{found.implied ? text.implied : text.yes}</span>
    </td>
  );
}

interface Props {
  list: RoleList;
  mayWrite: boolean;
  onOpen(role: string): void;
  onPreview(role: string): void;
}

function Head({ role, mayWrite, onOpen, onPreview }: { role: RoleInfo } & Omit<Props, "list">): ReactNode {
  return (
    <th scope="col" className={own.role}>
      <span className={own.name}>{role.name}</span>
      <span className={own.kind}>
        <span>{role.builtin ? text.builtin : text.custom} ·</span> <span>{text.subjects(role.subjects)}</span>
      </span>
      <span className={own.tools}>
        <IconButton label={text.preview(role.name)} size={24} onClick={() => onPreview(role.name)}>
          <IconEye size={15} />
        </IconButton>
        {mayWrite && !role.builtin && (
          <IconButton label={text.open(role.name)} size={24} onClick={() => onOpen(role.name)}>
            <IconPencil size={15} />
          </IconButton>
        )}
        {mayWrite && (
          <IconButton label={text.copyOf(role.name)} size={24} onClick={() => onOpen(likeRole(role.name))}>
            <IconCopyPlus size={15} />
          </IconButton>
        )}
      </span>
    </th>
  );
}

export function Matrix({ list, ...props }: Props): ReactNode {
  const roles = ordered(list.roles);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard
    <section className={own.box} aria-label={text.label} tabIndex={0}>
      <table className={own.matrix}>
        <thead>
          <tr>
            <th scope="col" className={own.corner}>
              {text.permission}
            </th>
            {roles.map((role) => (
              <Head key={role.name} role={role} {...props} />
            ))}
          </tr>
        </thead>
        <tbody>
          {areas(list.permissions).map((area) => (
            <Fragment key={area.name}>
              <tr className={own.area}>
                <th scope="colgroup" colSpan={roles.length + 1}>
                  <span>{text.areas[area.name] ?? area.name}</span>
                </th>
              </tr>
              {area.permissions.map((permission) => (
                <tr key={permission.name}>
                  <th scope="row" className={own.permission}>
                    <code>{permission.name}</code>
                    <span className={styles.sub}>
                      {permission.description}
                      {permission.system && ` (${text.system})`}
                    </span>
                  </th>
                  {roles.map((role) => (
                    <Cell key={role.name} grants={role.grants} permission={permission.name} />
                  ))}
                </tr>
              ))}
            </Fragment>
          ))}
          <tr className={own.area}>
            <th scope="colgroup" colSpan={roles.length + 1}>
              <span>{text.records}</span>
            </th>
          </tr>
          <tr>
            <th scope="row" className={own.permission}>
              {s.role.policy}
            </th>
            {roles.map((role) => (
              <td key={role.name} className={own.cell}>
                {role.policy ? <code className={own.some}>{role.policy}</code> : text.all}
              </td>
            ))}
          </tr>
          <tr>
            <th scope="row" className={own.permission}>
              {text.masked}
            </th>
            {roles.map((role) => (
              <td key={role.name} className={own.cell}>
                {role.masked.length > 0 ? <span className={own.some}>{role.masked.join(" ")}</span> : text.noMasked}
              </td>
            ))}
          </tr>
        </tbody>
      </table>
    </section>
  );
}
