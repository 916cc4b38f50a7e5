/** Renders a component inside everything it expects, against answers given by the test. */
import { MantineProvider } from "@mantine/core";
import { type RenderResult, render } from "@testing-library/react";
import { NuqsTestingAdapter } from "nuqs/adapters/testing";
import type { ReactNode } from "react";
import { MemoryRouter } from "react-router";
import { vi } from "vitest";
import type { Session } from "../core/api/types.ts";
import { BackendProvider, createBackend } from "../hooks/useApi.tsx";
import { NOBODY } from "../hooks/useSession.ts";
import { cssVariables, theme } from "../styles/theme.ts";

/** What the server answers to "POST logs/count" and the like; a function sees the request's body and address. */
export type Answers = Record<string, object | ((body: Record<string, unknown>, url: URL) => unknown)>;

export class Failure {
  constructor(
    readonly status: number,
    readonly body: unknown,
    readonly headers: Record<string, string> = {},
  ) {}
}

/** A session with these permissions. */
export function session(...permissions: string[]): Session {
  return {
    ...NOBODY,
    authenticated: true,
    username: "ada",
    role: "admin",
    permissions,
    tenant: "shop",
    tenants: ["shop"],
  };
}

export function refused(status: number, code: string, message: string, headers: Record<string, string> = {}): Failure {
  return new Failure(status, { error: { code, message, hint: "" } }, headers);
}

export const STATISTICS = { query_id: "q-1", elapsed_ms: 3, rows_read: 10, bytes_read: 100, incomplete: "" };

/** Replaces fetch; returns the calls made so far. */
export function answer(answers: Answers): { calls: { name: string; body: Record<string, unknown> }[] } {
  const calls: { name: string; body: Record<string, unknown> }[] = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    const name = `${request.method} ${new URL(request.url).pathname.replace("/api/nexus/v1/", "")}`;
    const text = await request.clone().text();
    const body = (text ? JSON.parse(text) : {}) as Record<string, unknown>;
    calls.push({ name, body });
    const given = answers[name];
    const result =
      typeof given === "function"
        ? (given as (body: Record<string, unknown>, url: URL) => unknown)(body, new URL(request.url))
        : given;
    if (result === undefined)
      return Response.json({ error: { code: "not_found", message: `no answer for ${name}` } }, { status: 404 });
    return result instanceof Failure
      ? Response.json(result.body, { status: result.status, headers: result.headers })
      : Response.json(result);
  });
  return { calls };
}

export function show(element: ReactNode, url = "/logs"): RenderResult {
  const [, search = ""] = url.split("?");
  return render(
    <MantineProvider theme={theme} cssVariablesResolver={cssVariables} env="test">
      <MemoryRouter initialEntries={[url]}>
        <NuqsTestingAdapter searchParams={search} hasMemory>
          <BackendProvider backend={createBackend()}>{element}</BackendProvider>
        </NuqsTestingAdapter>
      </MemoryRouter>
    </MantineProvider>,
  );
}
