/** Providers and routes. */
import { MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { NuqsAdapter } from "nuqs/adapters/react-router/v7";
import type { ReactNode } from "react";
import { createBrowserRouter, Outlet, RouterProvider } from "react-router";
import { NotFound, RouteCrash } from "./components/shell/Crash.tsx";
import { Shell } from "./components/shell/Shell.tsx";
import { styleNonce } from "./core/nonce.ts";
import { BackendProvider } from "./hooks/useApi.tsx";
import { LoginPage } from "./pages/login/LoginPage.tsx";
import { PAGES } from "./pages/registry.tsx";
import { cssVariables, theme } from "./styles/theme.ts";

function Root(): ReactNode {
  return (
    <NuqsAdapter>
      <Outlet />
    </NuqsAdapter>
  );
}

const router = createBrowserRouter([
  {
    element: <Root />,
    errorElement: <RouteCrash />,
    hydrateFallbackElement: <div />,
    children: [
      { path: "/login", element: <LoginPage /> },
      {
        element: <Shell />,
        children: [
          {
            errorElement: <RouteCrash />,
            children: [
              ...PAGES.map((page) => ({ path: page.path, lazy: page.load })),
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
      <Notifications position="bottom-right" limit={3} />
      <BackendProvider>
        <RouterProvider router={router} />
      </BackendProvider>
    </MantineProvider>
  );
}
