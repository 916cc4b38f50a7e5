/** Every page, one line each: the router, the rail, the palette and the breadcrumb read this table. */
import {
  IconDatabaseCog,
  IconDatabaseSearch,
  IconFilterCog,
  IconHome,
  IconKey,
  IconLogs,
  IconRocket,
} from "@tabler/icons-react";
import type { ComponentType } from "react";
import type { Action } from "../core/keys.ts";
import { t } from "../core/text.ts";

export interface Page {
  path: string;
  title: string;
  group: keyof typeof t.nav.groups;
  icon: ComponentType<{ size?: number | string; stroke?: number | string }>;
  /** Keyboard action that leads here. */
  action: Action;
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
    path: "/settings/keys",
    title: t.nav.keys,
    group: "admin",
    icon: IconKey,
    action: "goSettings",
    permission: "keys:read",
    timed: false,
    load: () => import("./keys/KeysPage.tsx"),
  },
  {
    path: "/settings/data",
    title: t.nav.data,
    group: "admin",
    icon: IconDatabaseCog,
    action: "goData",
    permission: ["retention:read", "logs:delete", "audit:read"],
    timed: false,
    load: () => import("./data/DataPage.tsx"),
  },
];

export function pageAt(pathname: string): Page | undefined {
  return PAGES.find((page) => page.path === pathname.replace(/(.)\/$/, "$1"));
}
