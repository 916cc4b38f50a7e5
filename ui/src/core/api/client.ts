/** The server's API as typed functions. Every call carries the session cookie, the tenant and a header that forms cannot send. */
import createClient, { type Client, type Middleware } from "openapi-fetch";
import { errorFrom, isCancelled, unreachable } from "./errors.ts";
import type * as explore from "./explore.ts";
import type * as lifecycle from "./lifecycle.ts";
import type * as pipelines from "./pipelines.ts";
import type { paths } from "./schema.d.ts";
import type * as security from "./security.ts";
import type * as api from "./types.ts";

export interface Connection {
  /** Called with every answer's status; 0 means unreachable. */
  onStatus(status: number): void;
  /** Tenant to ask for; "" leaves it to the server. */
  tenant(): string;
}

type Result<T> = Promise<{ data?: unknown; error?: unknown; response: Response } & { data?: T | unknown }>;

export class Api {
  private readonly client: Client<paths>;
  private skewMs = 0;

  constructor(
    private readonly connection: Connection,
    private readonly baseUrl: string = location.origin,
  ) {
    this.client = createClient<paths>({ baseUrl, credentials: "same-origin" });
    const headers: Middleware = {
      onRequest: ({ request }) => {
        request.headers.set("X-Nexus-Request", "1");
        const tenant = connection.tenant();
        if (tenant) request.headers.set("X-Scope-OrgID", tenant);
        return request;
      },
    };
    this.client.use(headers);
  }

  /** The server's clock, estimated from its answers, in ms. */
  now(): number {
    return Date.now() + this.skewMs;
  }

  /** `credentials`: the call carries a password or a code, so that 401 says that those are wrong, not that the session ended. */
  private async take<T>(call: Result<T>, credentials = false): Promise<T> {
    let result: Awaited<Result<T>>;
    try {
      result = await call;
    } catch (error) {
      if (isCancelled(error)) throw error;
      this.connection.onStatus(0);
      throw unreachable();
    }
    this.connection.onStatus(credentials && result.response.status === 401 ? 403 : result.response.status);
    this.noteClock(result.response.headers.get("Date"));
    if (!result.response.ok)
      throw errorFrom(result.response.status, result.error, result.response.headers.get("Retry-After"));
    return result.data as T;
  }

  /** The Date header has whole seconds and answers take time, so small differences are ignored. */
  private noteClock(date: string | null): void {
    const server = Date.parse(date ?? "");
    if (Number.isNaN(server)) return;
    const skew = server + 500 - Date.now();
    this.skewMs = Math.abs(skew) > 2000 ? skew : 0;
  }

  /** Calls whose shapes are written by hand (explore.ts, security.ts and their neighbours). */
  private plain<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
    const credentials = /^(profile|auth)\b/.test(path) && method !== "GET" && method !== "DELETE";
    const headers = new Headers({ "X-Nexus-Request": "1" });
    const tenant = this.connection.tenant();
    if (tenant) headers.set("X-Scope-OrgID", tenant);
    if (body !== undefined) headers.set("Content-Type", "application/json");
    const request = new Request(`${this.baseUrl}/api/nexus/v1/${path}`, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
      credentials: "same-origin",
    });
    const call = async (): Promise<{ data?: unknown; error?: unknown; response: Response }> => {
      const response = await fetch(request);
      const answer: unknown = await response.json().catch(() => null);
      return response.ok ? { data: answer, response } : { error: answer, response };
    };
    return this.take<T>(call(), credentials);
  }

  session(): Promise<security.Session> {
    return this.plain("GET", "auth/session");
  }
  loginOptions(signal?: AbortSignal): Promise<security.LoginOptions> {
    return this.plain("GET", "auth/options", undefined, signal);
  }
  login(username: string, password: string): Promise<security.Session> {
    return this.plain("POST", "auth/login", { username, password });
  }
  secondFactor(token: string, code: string): Promise<security.Session> {
    return this.plain("POST", "auth/second-factor", { token, code });
  }
  loginByLink(token: string): Promise<security.Session> {
    return this.plain("POST", "auth/link", { token });
  }
  beginPasskeyLogin(token: string): Promise<security.PasskeyOptions> {
    return this.plain("POST", "auth/passkey/begin", { token });
  }
  finishPasskeyLogin(body: security.PasskeyFinish): Promise<security.Session> {
    return this.plain("POST", "auth/passkey/finish", body);
  }
  askForReset(username: string): Promise<security.Done> {
    return this.plain("POST", "auth/reset/request", { username });
  }
  finishReset(token: string, password: string): Promise<security.Done> {
    return this.plain("POST", "auth/reset/finish", { token, password });
  }
  logout(): Promise<security.Done> {
    return this.plain("POST", "auth/logout");
  }
  profile(signal?: AbortSignal): Promise<security.Profile> {
    return this.plain("GET", "profile", undefined, signal);
  }
  changeProfile(body: { display_name?: string; email?: string } & security.Confirmation): Promise<security.Profile> {
    return this.plain("PATCH", "profile", body);
  }
  changePassword(body: { current: string; new: string }): Promise<unknown> {
    return this.plain("POST", "profile/password", body);
  }
  beginTotp(body: security.Confirmation): Promise<security.TotpSetup> {
    return this.plain("POST", "profile/totp/begin", body);
  }
  confirmTotp(code: string): Promise<{ recovery_codes: string[] }> {
    return this.plain("POST", "profile/totp/confirm", { code });
  }
  removeTotp(body: security.Confirmation): Promise<unknown> {
    return this.plain("POST", "profile/totp/remove", body);
  }
  newRecoveryCodes(body: security.Confirmation): Promise<{ recovery_codes: string[] }> {
    return this.plain("POST", "profile/recovery-codes", body);
  }
  beginPasskey(body: security.Confirmation): Promise<security.PasskeyOptions> {
    return this.plain("POST", "profile/passkeys/begin", body);
  }
  finishPasskey(body: security.PasskeyFinish): Promise<security.PasskeyAdded> {
    return this.plain("POST", "profile/passkeys/finish", body);
  }
  removePasskey(id: string, body: security.Confirmation): Promise<unknown> {
    return this.plain("POST", `profile/passkeys/${encodeURIComponent(id)}/remove`, body);
  }
  endSession(id: string): Promise<unknown> {
    return this.plain("DELETE", `profile/sessions/${encodeURIComponent(id)}`);
  }
  endOtherSessions(): Promise<{ ended: number }> {
    return this.plain("DELETE", "profile/sessions");
  }
  info(signal?: AbortSignal): Promise<api.ServerInfo> {
    return this.take(this.client.GET("/api/nexus/v1/info", { signal }));
  }
  ingestStatus(signal?: AbortSignal): Promise<api.IngestStatus> {
    return this.take(this.client.GET("/api/nexus/v1/ingest/status", { signal }));
  }
  search(body: api.SearchRequest, signal?: AbortSignal): Promise<api.SearchAnswer> {
    return this.take(this.client.POST("/api/nexus/v1/logs/search", { body, signal }));
  }
  histogram(body: api.HistogramRequest, signal?: AbortSignal): Promise<api.HistogramAnswer> {
    return this.take(this.client.POST("/api/nexus/v1/logs/histogram", { body, signal }));
  }
  facets(body: api.FacetsRequest, signal?: AbortSignal): Promise<api.FacetsAnswer> {
    return this.take(this.client.POST("/api/nexus/v1/logs/facets", { body, signal }));
  }
  count(body: api.LogsQuery, signal?: AbortSignal): Promise<api.CountAnswer> {
    return this.take(this.client.POST("/api/nexus/v1/logs/count", { body, signal }));
  }
  fields(body: api.LogsQuery, signal?: AbortSignal): Promise<api.FieldsAnswer> {
    return this.take(this.client.POST("/api/nexus/v1/logs/fields", { body, signal }));
  }
  bounds(body: api.LogsQuery, signal?: AbortSignal): Promise<api.BoundsAnswer> {
    return this.take(this.client.POST("/api/nexus/v1/logs/bounds", { body, signal }));
  }
  explain(body: api.ExplainRequest, signal?: AbortSignal): Promise<api.ExplainAnswer> {
    return this.take(this.client.POST("/api/nexus/v1/logs/explain", { body, signal }));
  }
  record(id: string, signal?: AbortSignal): Promise<api.LogRecord> {
    return this.take(this.client.GET("/api/nexus/v1/logs/record", { params: { query: { id } }, signal }));
  }
  sql(body: api.SqlRequest, signal?: AbortSignal): Promise<api.SqlAnswer> {
    return this.take(this.client.POST("/api/nexus/v1/sql", { body, signal }));
  }
  cancel(id: string): Promise<unknown> {
    return this.take(this.client.DELETE("/api/nexus/v1/queries/{id}", { params: { path: { id } } }));
  }
  keys(signal?: AbortSignal): Promise<{ keys: security.ApiKey[] }> {
    return this.plain("GET", "keys", undefined, signal);
  }
  createKey(body: security.CreateKeyRequest): Promise<security.CreatedKey> {
    return this.plain("POST", "keys", body);
  }
  rotateKey(id: string, overlap: number): Promise<security.CreatedKey> {
    return this.plain("POST", `keys/${encodeURIComponent(id)}/rotate`, { overlap });
  }
  revokeKey(id: string): Promise<unknown> {
    return this.plain("DELETE", `keys/${encodeURIComponent(id)}`);
  }
  users(signal?: AbortSignal): Promise<{ users: security.UserInfo[] }> {
    return this.plain("GET", "users", undefined, signal);
  }
  createUser(body: security.CreateUserRequest): Promise<{ user: security.UserInfo; password: string }> {
    return this.plain("POST", "users", body);
  }
  changeUser(name: string, body: security.UserChange): Promise<security.UserInfo> {
    return this.plain("PATCH", `users/${encodeURIComponent(name)}`, body);
  }
  deleteUser(name: string): Promise<unknown> {
    return this.plain("DELETE", `users/${encodeURIComponent(name)}`);
  }
  resetPassword(name: string): Promise<{ password: string }> {
    return this.plain("POST", `users/${encodeURIComponent(name)}/reset-password`);
  }
  removeSecondFactor(name: string): Promise<unknown> {
    return this.plain("DELETE", `users/${encodeURIComponent(name)}/second-factor`);
  }
  userSessions(name: string, signal?: AbortSignal): Promise<{ sessions: security.SessionInfo[] }> {
    return this.plain("GET", `users/${encodeURIComponent(name)}/sessions`, undefined, signal);
  }
  endUserSessions(name: string): Promise<{ ended: number }> {
    return this.plain("DELETE", `users/${encodeURIComponent(name)}/sessions`);
  }
  roles(signal?: AbortSignal): Promise<security.RoleList> {
    return this.plain("GET", "roles", undefined, signal);
  }
  saveRole(name: string, body: security.RoleRequest): Promise<security.RoleInfo> {
    return this.plain("PUT", `roles/${encodeURIComponent(name)}`, body);
  }
  deleteRole(name: string): Promise<unknown> {
    return this.plain("DELETE", `roles/${encodeURIComponent(name)}`);
  }
  previewRole(body: security.PreviewRequest, signal?: AbortSignal): Promise<security.Preview> {
    return this.plain("POST", "roles/preview", body, signal);
  }
  teams(signal?: AbortSignal): Promise<{ teams: security.TeamInfo[] }> {
    return this.plain("GET", "teams", undefined, signal);
  }
  saveTeam(id: string, body: security.TeamRequest): Promise<security.TeamInfo> {
    return id ? this.plain("PUT", `teams/${encodeURIComponent(id)}`, body) : this.plain("POST", "teams", body);
  }
  deleteTeam(id: string): Promise<unknown> {
    return this.plain("DELETE", `teams/${encodeURIComponent(id)}`);
  }
  accounts(signal?: AbortSignal): Promise<{ accounts: security.AccountInfo[] }> {
    return this.plain("GET", "accounts", undefined, signal);
  }
  saveAccount(id: string, body: security.AccountRequest): Promise<security.AccountInfo> {
    return id ? this.plain("PUT", `accounts/${encodeURIComponent(id)}`, body) : this.plain("POST", "accounts", body);
  }
  deleteAccount(id: string): Promise<unknown> {
    return this.plain("DELETE", `accounts/${encodeURIComponent(id)}`);
  }
  tenants(signal?: AbortSignal): Promise<{ tenants: security.TenantInfo[] }> {
    return this.plain("GET", "tenants", undefined, signal);
  }
  createTenant(body: security.CreateTenantRequest): Promise<security.TenantInfo> {
    return this.plain("POST", "tenants", body);
  }
  changeTenant(name: string, body: { description?: string }): Promise<security.TenantInfo> {
    return this.plain("PATCH", `tenants/${encodeURIComponent(name)}`, body);
  }
  deleteTenant(name: string, confirm: string): Promise<security.TenantDeletion> {
    return this.plain("POST", `tenants/${encodeURIComponent(name)}/delete`, { confirm });
  }
  tenantDeletion(name: string, signal?: AbortSignal): Promise<security.TenantDeletion> {
    return this.plain("GET", `tenants/${encodeURIComponent(name)}/deletion`, undefined, signal);
  }
  limits(signal?: AbortSignal): Promise<security.Limits> {
    return this.plain("GET", "limits", undefined, signal);
  }
  saveLimits(scope: string, subject: string, limits: security.LimitValues): Promise<unknown> {
    return this.plain("PUT", `limits/${encodeURIComponent(scope)}/${encodeURIComponent(subject)}`, { limits });
  }
  audit(search: string, signal?: AbortSignal): Promise<security.AuditPage> {
    return this.plain("GET", `audit?${search}`, undefined, signal);
  }
  verifyAudit(): Promise<security.AuditReport> {
    return this.plain("POST", "audit/verify");
  }
  patterns(
    body: explore.PatternsRequest & { query_id?: string },
    signal?: AbortSignal,
  ): Promise<explore.PatternsAnswer> {
    return this.plain("POST", "logs/patterns", body, signal);
  }
  context(body: explore.ContextRequest, signal?: AbortSignal): Promise<explore.ContextAnswer> {
    return this.plain("POST", "logs/context", body, signal);
  }
  compare(body: explore.CompareRequest, signal?: AbortSignal): Promise<explore.CompareAnswer> {
    return this.plain("POST", "logs/compare", body, signal);
  }
  field(body: explore.FieldRequest & { query_id?: string }, signal?: AbortSignal): Promise<explore.FieldAnswer> {
    return this.plain("POST", "logs/field", body, signal);
  }
  views(signal?: AbortSignal): Promise<{ views: explore.View[] }> {
    return this.plain("GET", "views", undefined, signal);
  }
  createView(body: explore.SaveViewRequest): Promise<explore.View> {
    return this.plain("POST", "views", body);
  }
  updateView(id: string, body: explore.SaveViewRequest): Promise<explore.View> {
    return this.plain("PUT", `views/${encodeURIComponent(id)}`, body);
  }
  deleteView(id: string): Promise<unknown> {
    return this.plain("DELETE", `views/${encodeURIComponent(id)}`);
  }
  createLink(path: string): Promise<explore.Link> {
    return this.plain("POST", "links", { path });
  }
  link(id: string, signal?: AbortSignal): Promise<explore.Link> {
    return this.plain("GET", `links/${encodeURIComponent(id)}`, undefined, signal);
  }
  pipelines(signal?: AbortSignal): Promise<pipelines.PipelinesAnswer> {
    return this.plain("GET", "pipelines", undefined, signal);
  }
  savePipelines(body: { pipelines: pipelines.PipelineSpec[]; version: string }): Promise<pipelines.PipelinesAnswer> {
    return this.plain("PUT", "pipelines", body);
  }
  processors(signal?: AbortSignal): Promise<{ processors: pipelines.Processor[] }> {
    return this.plain("GET", "pipelines/processors", undefined, signal);
  }
  previewPipelines(body: pipelines.PreviewRequest, signal?: AbortSignal): Promise<pipelines.PreviewAnswer> {
    return this.plain("POST", "pipelines/preview", body, signal);
  }
  pipelineStatistics(signal?: AbortSignal): Promise<{ steps: pipelines.StepStatistics[] }> {
    return this.plain("GET", "pipelines/statistics", undefined, signal);
  }
  retention(signal?: AbortSignal): Promise<lifecycle.RetentionAnswer> {
    return this.plain("GET", "retention", undefined, signal);
  }
  saveRetention(body: lifecycle.RetentionRequest): Promise<lifecycle.RetentionAnswer> {
    return this.plain("PUT", "retention", body);
  }
  deletions(signal?: AbortSignal): Promise<{ deletions: lifecycle.Deletion[] }> {
    return this.plain("GET", "logs/deletions", undefined, signal);
  }
  deleteRecords(body: lifecycle.DeletionRequest, signal?: AbortSignal): Promise<lifecycle.Deletion> {
    return this.plain("POST", "logs/deletions", body, signal);
  }
}

/** A query id of our own, so that a running query can be cancelled. Works without a secure context. */
export function newQueryId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `ui-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
