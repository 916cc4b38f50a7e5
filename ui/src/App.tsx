/** Providers and routes. */
import { MantineProvider } from "@mantine/core";
import { NuqsAdapter } from "nuqs/adapters/react-router/v7";
import type { ReactNode } from "react";
import { createBrowserRouter, Outlet, type RouteObject, RouterProvider } from "react-router";
import { Toasts } from "./components/common/Toasts.tsx";
import { NotFound, RouteCrash } from "./components/shell/Crash.tsx";
import { Shell } from "./components/shell/Shell.tsx";
import { styleNonce } from "./core/nonce.ts";
import { BackendProvider } from "./hooks/useApi.tsx";
import { PAGES, type Page, SETTINGS } from "./pages/registry.tsx";
import { cssVariables, theme } from "./styles/theme.ts";

function Root(): ReactNode {
  return (
    <NuqsAdapter>
      <Outlet />
    </NuqsAdapter>
  );
}

const routes = (wanted: (page: Page) => boolean): RouteObject[] =>
  PAGES.filter(wanted).map((page) => ({ path: page.path, lazy: page.load }));

const router = createBrowserRouter([
  {
    element: <Root />,
    errorElement: <RouteCrash />,
    hydrateFallbackElement: <div />,
    children: [
      { path: "/login", lazy: () => import("./pages/login/LoginPage.tsx") },
      {
        element: <Shell />,
        children: [
          {
            errorElement: <RouteCrash />,
            children: [
              ...routes((page) => page.group !== "settings"),
              {
                path: SETTINGS.path,
                lazy: () => import("./pages/settings/SettingsLayout.tsx"),
                children: [
                  { index: true, lazy: () => import("./pages/settings/FirstSetting.tsx") },
                  ...routes((page) => page.group === "settings"),
                ],
              },
              { path: "/v/:id", lazy: () => import("./pages/link/LinkPage.tsx") },
              { path: "*", element: <NotFound /> },
            ],
          },
        ],
      },
    ],
  },
]);

export function App(): ReactNode {
  return (
    <MantineProvider
      theme={theme}
      cssVariablesResolver={cssVariables}
      defaultColorScheme="auto"
      getStyleNonce={styleNonce}
    >
      <Toasts />
      <BackendProvider>
        <RouterProvider router={router} />
      </BackendProvider>
    </MantineProvider>
  );
}
