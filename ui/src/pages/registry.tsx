/** Every page, one line each: the router, the rail, the palette and the breadcrumb read this table. */
import {
  IconBuilding,
  IconChartLine,
  IconDatabaseCog,
  IconDatabaseSearch,
  IconFilterCog,
  IconGauge,
  IconHistory,
  IconHome,
  IconKey,
  IconLogs,
  IconRobot,
  IconRocket,
  IconRoute,
  IconSettings,
  IconShieldHalf,
  IconSitemap,
  IconTargetArrow,
  IconUser,
  IconUsers,
  IconUsersGroup,
} from "@tabler/icons-react";
import type { ComponentType } from "react";
import type { Action } from "../core/keys.ts";
import { t } from "../core/text.ts";

export interface Page {
  path: string;
  title: string;
  /**
   * Where the rail shows it; pages of the settings stand in their own navigation, the profile in the user's menu, and "inside"
   * are pages about one thing, which lists and links lead to.
   */
  group: keyof typeof t.nav.groups | "settings" | "user" | "inside";
  icon: ComponentType<{ size?: number | string; stroke?: number | string }>;
  /** Keyboard action that leads here. */
  action?: Action;
  /** Hidden without it, or without any of them. */
  permission?: string | readonly string[];
  /** Shows the time range in the top bar. */
  timed: boolean;
  load(): Promise<{ Component: ComponentType }>;
}

export const PAGES: readonly Page[] = [
  {
    path: "/",
    title: t.nav.home,
    group: "main",
    icon: IconHome,
    action: "goHome",
    timed: true,
    load: () => import("./home/HomePage.tsx"),
  },
  {
    path: "/start",
    title: t.nav.start,
    group: "main",
    icon: IconRocket,
    action: "goStart",
    timed: false,
    load: () => import("./start/StartPage.tsx"),
  },
  {
    path: "/logs",
    title: t.nav.logs,
    group: "investigate",
    icon: IconLogs,
    action: "goLogs",
    timed: true,
    load: () => import("./logs/LogsPage.tsx"),
  },
  {
    path: "/metrics",
    title: t.nav.metrics,
    group: "investigate",
    icon: IconChartLine,
    action: "goMetrics",
    permission: "metrics:read",
    timed: true,
    load: () => import("./metrics/MetricsPage.tsx"),
  },
  {
    path: "/traces",
    title: t.nav.traces,
    group: "investigate",
    icon: IconRoute,
    action: "goTraces",
    permission: "traces:read",
    timed: true,
    load: () => import("./traces/TracesPage.tsx"),
  },
  {
    path: "/traces/:id",
    title: t.nav.trace,
    group: "inside",
    icon: IconRoute,
    permission: "traces:read",
    timed: false,
    load: () => import("./traces/TracePage.tsx"),
  },
  {
    path: "/services",
    title: t.nav.services,
    group: "investigate",
    icon: IconSitemap,
    action: "goServices",
    permission: "traces:read",
    timed: true,
    load: () => import("./services/ServicesPage.tsx"),
  },
  {
    path: "/services/:name",
    title: t.nav.service,
    group: "inside",
    icon: IconSitemap,
    permission: "traces:read",
    timed: true,
    load: () => import("./services/ServicePage.tsx"),
  },
  {
    path: "/query",
    title: t.nav.query,
    group: "build",
    icon: IconDatabaseSearch,
    action: "goQuery",
    permission: "sql:read",
    timed: false,
    load: () => import("./query/QueryPage.tsx"),
  },
  {
    path: "/pipelines",
    title: t.nav.pipelines,
    group: "operate",
    icon: IconFilterCog,
    action: "goPipelines",
    permission: "pipelines:read",
    timed: false,
    load: () => import("./pipelines/PipelinesPage.tsx"),
  },
  {
    path: "/targets",
    title: t.nav.targets,
    group: "operate",
    icon: IconTargetArrow,
    action: "goTargets",
    permission: "targets:read",
    timed: false,
    load: () => import("./targets/TargetsPage.tsx"),
  },
  {
    path: "/settings/users",
    title: t.nav.users,
    group: "settings",
    icon: IconUsers,
    action: "goUsers",
    permission: "users:read",
    timed: false,
    load: () => import("./users/UsersPage.tsx"),
  },
  {
    path: "/settings/teams",
    title: t.nav.teams,
    group: "settings",
    icon: IconUsersGroup,
    permission: "users:read",
    timed: false,
    load: () => import("./teams/TeamsPage.tsx"),
  },
  {
    path: "/settings/roles",
    title: t.nav.roles,
    group: "settings",
    icon: IconShieldHalf,
    permission: "roles:read",
    timed: false,
    load: () => import("./roles/RolesPage.tsx"),
  },
  {
    path: "/settings/accounts",
    title: t.nav.accounts,
    group: "settings",
    icon: IconRobot,
    permission: "users:read",
    timed: false,
    load: () => import("./accounts/AccountsPage.tsx"),
  },
  {
    path: "/settings/keys",
    title: t.nav.keys,
    group: "settings",
    icon: IconKey,
    action: "goSettings",
    permission: "keys:read",
    timed: false,
    load: () => import("./keys/KeysPage.tsx"),
  },
  {
    path: "/settings/tenants",
    title: t.nav.tenants,
    group: "settings",
    icon: IconBuilding,
    permission: "tenants:read",
    timed: false,
    load: () => import("./tenants/TenantsPage.tsx"),
  },
  {
    path: "/settings/limits",
    title: t.nav.limits,
    group: "settings",
    icon: IconGauge,
    permission: "limits:read",
    timed: false,
    load: () => import("./limits/LimitsPage.tsx"),
  },
  {
    path: "/settings/data",
    title: t.nav.data,
    group: "settings",
    icon: IconDatabaseCog,
    action: "goData",
    permission: ["retention:read", "logs:delete"],
    timed: false,
    load: () => import("./data/DataPage.tsx"),
  },
  {
    path: "/settings/audit",
    title: t.nav.audit,
    group: "settings",
    icon: IconHistory,
    action: "goAudit",
    permission: "audit:read",
    timed: false,
    load: () => import("./audit/AuditPage.tsx"),
  },
  {
    path: "/profile",
    title: t.nav.profile,
    group: "user",
    icon: IconUser,
    action: "goProfile",
    timed: false,
    load: () => import("./profile/ProfilePage.tsx"),
  },
];

/** Where the settings stand in the rail; leads to the first of their pages that may be seen. */
export const SETTINGS: Pick<Page, "path" | "title" | "icon"> = {
  path: "/settings",
  title: t.nav.settings,
  icon: IconSettings,
};

/** Permissions of which one is needed, or none. */
export function needs(page: Page): readonly string[] {
  return [page.permission ?? []].flat();
}

export function pageAt(pathname: string): Page | undefined {
  const path = pathname.replace(/(.)\/$/, "$1");
  return PAGES.find((page) =>
    page.path.includes(":") ? path.startsWith(page.path.slice(0, page.path.indexOf(":"))) : page.path === path,
  );
}
