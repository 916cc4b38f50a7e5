/** The server's API as typed functions. Every call carries the session cookie, the tenant and a header that forms cannot send. */
import createClient, { type Client, type Middleware } from "openapi-fetch";
import { errorFrom, isCancelled, unreachable } from "./errors.ts";
import type * as explore from "./explore.ts";
import type * as lifecycle from "./lifecycle.ts";
import type * as metrics from "./metrics.ts";
import type * as pipelines from "./pipelines.ts";
import type { paths } from "./schema.d.ts";
import type * as security from "./security.ts";
import type * as traces from "./traces.ts";
import type * as api from "./types.ts";
import type { Whole } from "./types.ts";

export interface Connection {
  /** Called with every answer's status; 0 means unreachable. */
  onStatus(status: number): void;
  /** Tenant to ask for; "" leaves it to the server. */
  tenant(): string;
}

type Result<T> = Promise<{ data?: T; error?: unknown; response: Response }>;

export class Api {
  private readonly client: Client<paths>;
  private skewMs = 0;

  constructor(
    private readonly connection: Connection,
    baseUrl: string = location.origin,
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

  /** `N`: what the UI knows more exactly than the description. */
  private async take<T, N extends Whole<T> = Whole<T>>(call: Result<T>, credentials = false): Promise<N> {
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
    return result.data as N;
  }

  /** The Date header has whole seconds and answers take time, so small differences are ignored. */
  private noteClock(date: string | null): void {
    const server = Date.parse(date ?? "");
    if (Number.isNaN(server)) return;
    const skew = server + 500 - Date.now();
    this.skewMs = Math.abs(skew) > 2000 ? skew : 0;
  }

  /** Calls that carry a password or a code: 401 says that those are wrong, not that the session ended. */
  private confirm<T>(call: Result<T>): Promise<Whole<T>> {
    return this.take(call, true);
  }

  session(): Promise<security.Session> {
    return this.take(this.client.GET("/api/nexus/v1/auth/session"));
  }
  loginOptions(signal?: AbortSignal): Promise<security.LoginOptions> {
    return this.take(this.client.GET("/api/nexus/v1/auth/options", { signal }));
  }
  login(username: string, password: string): Promise<security.Session> {
    return this.confirm(this.client.POST("/api/nexus/v1/auth/login", { body: { username, password } }));
  }
  secondFactor(token: string, code: string): Promise<security.Session> {
    return this.confirm(this.client.POST("/api/nexus/v1/auth/second-factor", { body: { token, code } }));
  }
  loginByLink(token: string): Promise<security.Session> {
    return this.confirm(this.client.POST("/api/nexus/v1/auth/link", { body: { token } }));
  }
  beginPasskeyLogin(token: string): Promise<security.PasskeyOptions> {
    return this.confirm(this.client.POST("/api/nexus/v1/auth/passkey/begin", { body: { token } }));
  }
  finishPasskeyLogin(body: security.PasskeyFinish): Promise<security.Session> {
    return this.confirm(this.client.POST("/api/nexus/v1/auth/passkey/finish", { body }));
  }
  askForReset(username: string): Promise<security.Done> {
    return this.confirm(this.client.POST("/api/nexus/v1/auth/reset/request", { body: { username } }));
  }
  finishReset(token: string, password: string): Promise<security.Done> {
    return this.confirm(this.client.POST("/api/nexus/v1/auth/reset/finish", { body: { token, password } }));
  }
  logout(): Promise<security.Done> {
    return this.confirm(this.client.POST("/api/nexus/v1/auth/logout"));
  }
  profile(signal?: AbortSignal): Promise<security.Profile> {
    return this.take(this.client.GET("/api/nexus/v1/profile", { signal }));
  }
  changeProfile(body: { display_name?: string; email?: string } & security.Confirmation): Promise<security.Profile> {
    return this.confirm(this.client.PATCH("/api/nexus/v1/profile", { body }));
  }
  changePassword(body: { current: string; new: string }): Promise<unknown> {
    return this.confirm(this.client.POST("/api/nexus/v1/profile/password", { body }));
  }
  beginTotp(body: security.Confirmation): Promise<security.TotpSetup> {
    return this.confirm(this.client.POST("/api/nexus/v1/profile/totp/begin", { body }));
  }
  confirmTotp(code: string): Promise<{ recovery_codes: string[] }> {
    return this.confirm(this.client.POST("/api/nexus/v1/profile/totp/confirm", { body: { code } }));
  }
  removeTotp(body: security.Confirmation): Promise<unknown> {
    return this.confirm(this.client.POST("/api/nexus/v1/profile/totp/remove", { body }));
  }
  newRecoveryCodes(body: security.Confirmation): Promise<{ recovery_codes: string[] }> {
    return this.confirm(this.client.POST("/api/nexus/v1/profile/recovery-codes", { body }));
  }
  beginPasskey(body: security.Confirmation): Promise<security.PasskeyOptions> {
    return this.confirm(this.client.POST("/api/nexus/v1/profile/passkeys/begin", { body }));
  }
  finishPasskey(body: security.PasskeyFinish): Promise<security.PasskeyAdded> {
    return this.confirm(this.client.POST("/api/nexus/v1/profile/passkeys/finish", { body }));
  }
  removePasskey(id: string, body: security.Confirmation): Promise<unknown> {
    return this.confirm(
      this.client.POST("/api/nexus/v1/profile/passkeys/{id}/remove", { params: { path: { id } }, body }),
    );
  }
  endSession(id: string): Promise<unknown> {
    return this.take(this.client.DELETE("/api/nexus/v1/profile/sessions/{id}", { params: { path: { id } } }));
  }
  endOtherSessions(): Promise<{ ended: number }> {
    return this.take(this.client.DELETE("/api/nexus/v1/profile/sessions"));
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
    return this.take(this.client.GET("/api/nexus/v1/keys", { signal }));
  }
  createKey(body: security.CreateKeyRequest): Promise<security.CreatedKey> {
    return this.take(this.client.POST("/api/nexus/v1/keys", { body }));
  }
  rotateKey(id: string, overlap: number): Promise<security.CreatedKey> {
    return this.take(
      this.client.POST("/api/nexus/v1/keys/{id}/rotate", { params: { path: { id } }, body: { overlap } }),
    );
  }
  revokeKey(id: string): Promise<unknown> {
    return this.take(this.client.DELETE("/api/nexus/v1/keys/{id}", { params: { path: { id } } }));
  }
  users(signal?: AbortSignal): Promise<{ users: security.UserInfo[] }> {
    return this.take(this.client.GET("/api/nexus/v1/users", { signal }));
  }
  createUser(body: security.CreateUserRequest): Promise<{ user: security.UserInfo; password: string }> {
    return this.take(this.client.POST("/api/nexus/v1/users", { body }));
  }
  changeUser(name: string, body: security.UserChange): Promise<security.UserInfo> {
    return this.take(this.client.PATCH("/api/nexus/v1/users/{name}", { params: { path: { name } }, body }));
  }
  deleteUser(name: string): Promise<unknown> {
    return this.take(this.client.DELETE("/api/nexus/v1/users/{name}", { params: { path: { name } } }));
  }
  resetPassword(name: string): Promise<{ password: string }> {
    return this.take(this.client.POST("/api/nexus/v1/users/{name}/reset-password", { params: { path: { name } } }));
  }
  removeSecondFactor(name: string): Promise<unknown> {
    return this.take(this.client.DELETE("/api/nexus/v1/users/{name}/second-factor", { params: { path: { name } } }));
  }
  userSessions(name: string, signal?: AbortSignal): Promise<{ sessions: security.SessionInfo[] }> {
    return this.take(this.client.GET("/api/nexus/v1/users/{name}/sessions", { params: { path: { name } }, signal }));
  }
  endUserSessions(name: string): Promise<{ ended: number }> {
    return this.take(this.client.DELETE("/api/nexus/v1/users/{name}/sessions", { params: { path: { name } } }));
  }
  roles(signal?: AbortSignal): Promise<security.RoleList> {
    return this.take(this.client.GET("/api/nexus/v1/roles", { signal }));
  }
  saveRole(name: string, body: security.RoleRequest): Promise<security.RoleInfo> {
    return this.take(this.client.PUT("/api/nexus/v1/roles/{name}", { params: { path: { name } }, body }));
  }
  deleteRole(name: string): Promise<unknown> {
    return this.take(this.client.DELETE("/api/nexus/v1/roles/{name}", { params: { path: { name } } }));
  }
  previewRole(body: security.PreviewRequest, signal?: AbortSignal): Promise<security.Preview> {
    return this.take(this.client.POST("/api/nexus/v1/roles/preview", { body, signal }));
  }
  teams(signal?: AbortSignal): Promise<{ teams: security.TeamInfo[] }> {
    return this.take(this.client.GET("/api/nexus/v1/teams", { signal }));
  }
  saveTeam(id: string, body: security.TeamRequest): Promise<security.TeamInfo> {
    return id
      ? this.take(this.client.PUT("/api/nexus/v1/teams/{id}", { params: { path: { id } }, body }))
      : this.take(this.client.POST("/api/nexus/v1/teams", { body }));
  }
  deleteTeam(id: string): Promise<unknown> {
    return this.take(this.client.DELETE("/api/nexus/v1/teams/{id}", { params: { path: { id } } }));
  }
  accounts(signal?: AbortSignal): Promise<{ accounts: security.AccountInfo[] }> {
    return this.take(this.client.GET("/api/nexus/v1/accounts", { signal }));
  }
  saveAccount(id: string, body: security.AccountRequest): Promise<security.AccountInfo> {
    return id
      ? this.take(this.client.PUT("/api/nexus/v1/accounts/{id}", { params: { path: { id } }, body }))
      : this.take(this.client.POST("/api/nexus/v1/accounts", { body }));
  }
  deleteAccount(id: string): Promise<unknown> {
    return this.take(this.client.DELETE("/api/nexus/v1/accounts/{id}", { params: { path: { id } } }));
  }
  tenants(signal?: AbortSignal): Promise<{ tenants: security.TenantInfo[] }> {
    return this.take(this.client.GET("/api/nexus/v1/tenants", { signal }));
  }
  createTenant(body: security.CreateTenantRequest): Promise<security.TenantInfo> {
    return this.take(this.client.POST("/api/nexus/v1/tenants", { body }));
  }
  changeTenant(name: string, body: { description?: string }): Promise<security.TenantInfo> {
    return this.take(this.client.PATCH("/api/nexus/v1/tenants/{name}", { params: { path: { name } }, body }));
  }
  deleteTenant(name: string, confirm: string): Promise<security.TenantDeletion> {
    return this.take(
      this.client.POST("/api/nexus/v1/tenants/{name}/delete", { params: { path: { name } }, body: { confirm } }),
    );
  }
  tenantDeletion(name: string, signal?: AbortSignal): Promise<security.TenantDeletion> {
    return this.take(this.client.GET("/api/nexus/v1/tenants/{name}/deletion", { params: { path: { name } }, signal }));
  }
  limits(signal?: AbortSignal): Promise<security.Limits> {
    return this.take(this.client.GET("/api/nexus/v1/limits", { signal }));
  }
  saveLimits(scope: string, subject: string, limits: security.LimitValues): Promise<unknown> {
    return this.take(
      this.client.PUT("/api/nexus/v1/limits/{scope}/{subject}", {
        params: { path: { scope, subject } },
        body: { limits },
      }),
    );
  }
  audit(search: string, signal?: AbortSignal): Promise<security.AuditPage> {
    return this.take(
      this.client.GET("/api/nexus/v1/audit", {
        params: { query: Object.fromEntries(new URLSearchParams(search)) },
        signal,
      }),
    );
  }
  verifyAudit(): Promise<security.AuditReport> {
    return this.take(this.client.POST("/api/nexus/v1/audit/verify"));
  }
  patterns(
    body: explore.PatternsRequest & { query_id?: string },
    signal?: AbortSignal,
  ): Promise<explore.PatternsAnswer> {
    return this.take(this.client.POST("/api/nexus/v1/logs/patterns", { body, signal }));
  }
  context(body: explore.ContextRequest, signal?: AbortSignal): Promise<explore.ContextAnswer> {
    return this.take(this.client.POST("/api/nexus/v1/logs/context", { body, signal }));
  }
  compare(body: explore.CompareRequest, signal?: AbortSignal): Promise<explore.CompareAnswer> {
    return this.take(this.client.POST("/api/nexus/v1/logs/compare", { body, signal }));
  }
  field(body: explore.FieldRequest & { query_id?: string }, signal?: AbortSignal): Promise<explore.FieldAnswer> {
    return this.take(this.client.POST("/api/nexus/v1/logs/field", { body, signal }));
  }
  views(signal?: AbortSignal): Promise<{ views: explore.View[] }> {
    return this.take(this.client.GET("/api/nexus/v1/views", { signal }));
  }
  createView(body: explore.SaveViewRequest): Promise<explore.View> {
    return this.take(this.client.POST("/api/nexus/v1/views", { body }));
  }
  updateView(id: string, body: explore.SaveViewRequest): Promise<explore.View> {
    return this.take(this.client.PUT("/api/nexus/v1/views/{id}", { params: { path: { id } }, body }));
  }
  deleteView(id: string): Promise<unknown> {
    return this.take(this.client.DELETE("/api/nexus/v1/views/{id}", { params: { path: { id } } }));
  }
  createLink(path: string): Promise<explore.Link> {
    return this.take(this.client.POST("/api/nexus/v1/links", { body: { path } }));
  }
  link(id: string, signal?: AbortSignal): Promise<explore.Link> {
    return this.take(this.client.GET("/api/nexus/v1/links/{id}", { params: { path: { id } }, signal }));
  }
  pipelines(signal?: AbortSignal): Promise<pipelines.PipelinesAnswer> {
    return this.take(this.client.GET("/api/nexus/v1/pipelines", { signal }));
  }
  savePipelines(body: { pipelines: pipelines.PipelineSpec[]; version: string }): Promise<pipelines.PipelinesAnswer> {
    return this.take(this.client.PUT("/api/nexus/v1/pipelines", { body }));
  }
  processors(signal?: AbortSignal): Promise<{ processors: pipelines.Processor[] }> {
    return this.take(this.client.GET("/api/nexus/v1/pipelines/processors", { signal }));
  }
  previewPipelines(body: pipelines.PreviewRequest, signal?: AbortSignal): Promise<pipelines.PreviewAnswer> {
    return this.take(this.client.POST("/api/nexus/v1/pipelines/preview", { body, signal }));
  }
  pipelineStatistics(signal?: AbortSignal): Promise<{ steps: pipelines.StepStatistics[] }> {
    return this.take(this.client.GET("/api/nexus/v1/pipelines/statistics", { signal }));
  }
  retention(signal?: AbortSignal): Promise<lifecycle.RetentionAnswer> {
    return this.take(this.client.GET("/api/nexus/v1/retention", { signal }));
  }
  saveRetention(body: lifecycle.RetentionRequest): Promise<lifecycle.RetentionAnswer> {
    return this.take(this.client.PUT("/api/nexus/v1/retention", { body }));
  }
  deletions(signal?: AbortSignal): Promise<{ deletions: lifecycle.Deletion[] }> {
    return this.take(this.client.GET("/api/nexus/v1/logs/deletions", { signal }));
  }
  deleteRecords(body: lifecycle.DeletionRequest, signal?: AbortSignal): Promise<lifecycle.Deletion> {
    return this.take(this.client.POST("/api/nexus/v1/logs/deletions", { body, signal }));
  }
  catalog(body: metrics.CatalogRequest, signal?: AbortSignal): Promise<metrics.CatalogAnswer> {
    return this.take(this.client.POST("/api/nexus/v1/metrics/catalog", { body, signal }));
  }
  metricQuery(body: metrics.MetricRequest, signal?: AbortSignal): Promise<metrics.MetricAnswer> {
    return this.take(this.client.POST("/api/nexus/v1/metrics/query", { body, signal }));
  }
  explainMetric(body: metrics.ExplainMetricRequest, signal?: AbortSignal): Promise<metrics.MetricExplanation> {
    return this.take(this.client.POST("/api/nexus/v1/metrics/explain", { body, signal }));
  }
  targets(signal?: AbortSignal): Promise<metrics.TargetsAnswer> {
    return this.take(this.client.GET("/api/nexus/v1/targets", { signal }));
  }
  targetRelabel(query: { pool: string; id: string }, signal?: AbortSignal): Promise<metrics.RelabelAnswer> {
    return this.take(this.client.GET("/api/nexus/v1/targets/relabel", { params: { query }, signal }));
  }
  droppedTargets(query: { pool: string }, signal?: AbortSignal): Promise<metrics.DroppedAnswer> {
    return this.take(this.client.GET("/api/nexus/v1/targets/dropped", { params: { query }, signal }));
  }
  reloadTargets(): Promise<metrics.ReloadAnswer> {
    return this.take(this.client.POST("/api/nexus/v1/targets/reload"));
  }
  searchTraces(body: traces.TraceSearchRequest, signal?: AbortSignal): Promise<traces.TracesSearchAnswer> {
    return this.take(this.client.POST("/api/nexus/v1/traces/search", { body, signal }));
  }
  countTraces(body: traces.TracesQuery & { query_id?: string }, signal?: AbortSignal): Promise<traces.TracesCount> {
    return this.take(this.client.POST("/api/nexus/v1/traces/count", { body, signal }));
  }
  trace(id: string, query: { start?: string; end?: string }, signal?: AbortSignal): Promise<traces.TraceDocument> {
    return this.take(this.client.GET("/api/nexus/v1/traces/{id}", { params: { path: { id }, query }, signal }));
  }
  async span(id: string, span: string, signal?: AbortSignal): Promise<traces.WholeSpan> {
    const path = { id, span };
    const call = this.client.GET("/api/nexus/v1/traces/{id}/spans/{span}", { params: { path }, signal });
    return (await this.take<{ span: object }, { span: traces.WholeSpan }>(call as Result<{ span: object }>)).span;
  }
  traceOtlp(id: string, signal?: AbortSignal): Promise<object> {
    return this.take(
      this.client.GET("/api/nexus/v1/traces/{id}/otlp", { params: { path: { id } }, signal }) as Result<object>,
    );
  }
  renderTrace(file: object, signal?: AbortSignal): Promise<traces.TraceDocument> {
    return this.take(this.client.POST("/api/nexus/v1/traces/render", { body: file as never, signal }));
  }
  traceHeatmap(
    body: traces.TracesQuery & { step: number; query_id?: string },
    signal?: AbortSignal,
  ): Promise<traces.TracesHeatmapAnswer> {
    return this.take(this.client.POST("/api/nexus/v1/traces/heatmap", { body, signal }));
  }
  traceFacets(
    body: traces.TracesQuery & { fields?: string[]; limit: number; query_id?: string },
    signal?: AbortSignal,
  ): Promise<traces.TracesFacetsAnswer> {
    return this.take(this.client.POST("/api/nexus/v1/traces/facets", { body, signal }));
  }
  traceTags(query: traces.TracesQuery, signal?: AbortSignal): Promise<traces.TagsAnswer> {
    return this.take(this.client.GET("/api/nexus/v1/traces/tags", { params: { query }, signal }));
  }
  traceTagValues(tag: string, query: traces.TracesQuery, signal?: AbortSignal): Promise<traces.TagValuesAnswer> {
    const params = { path: { tag }, query };
    return this.take(this.client.GET("/api/nexus/v1/traces/tags/{tag}/values", { params, signal }));
  }
  compareTraces(
    body: { selection: traces.TracesQuery; baseline: traces.TracesQuery; query_id?: string },
    signal?: AbortSignal,
  ): Promise<traces.TracesCompareAnswer> {
    return this.take(this.client.POST("/api/nexus/v1/traces/compare", { body, signal }));
  }
  traceMetrics(
    body: traces.TracesQuery & { step: number; instant?: boolean; query_id?: string },
    signal?: AbortSignal,
  ): Promise<traces.TracesMetricsAnswer> {
    return this.take(this.client.POST("/api/nexus/v1/traces/metrics", { body, signal }));
  }
  services(query: { start: string; end: string }, signal?: AbortSignal): Promise<traces.ServicesAnswer> {
    return this.take(this.client.GET("/api/nexus/v1/services", { params: { query }, signal }));
  }
  serviceMap(
    query: { start: string; end: string; at?: string },
    signal?: AbortSignal,
  ): Promise<traces.ServiceMapAnswer> {
    return this.take(this.client.GET("/api/nexus/v1/services/map", { params: { query }, signal }));
  }
  serviceOperations(
    name: string,
    query: { start: string; end: string },
    signal?: AbortSignal,
  ): Promise<{ operations: traces.OperationRow[] }> {
    const params = { path: { name }, query };
    return this.take(this.client.GET("/api/nexus/v1/services/{name}/operations", { params, signal }));
  }
  serviceDependencies(
    name: string,
    query: { start: string; end: string },
    signal?: AbortSignal,
  ): Promise<traces.DependenciesAnswer> {
    const params = { path: { name }, query };
    return this.take(this.client.GET("/api/nexus/v1/services/{name}/dependencies", { params, signal }));
  }
  serviceErrors(
    name: string,
    query: { start: string; end: string },
    signal?: AbortSignal,
  ): Promise<{ errors: traces.ErrorGroup[] }> {
    const params = { path: { name }, query };
    return this.take(this.client.GET("/api/nexus/v1/services/{name}/errors", { params, signal }));
  }
  criticalPath(body: traces.CriticalPathRequest, signal?: AbortSignal): Promise<traces.CriticalPathAnswer> {
    return this.take(this.client.POST("/api/nexus/v1/services/critical-path", { body, signal }));
  }
  /** What stands under `data` in an answer of the Prometheus API; arguments may be repeated. */
  async prometheus<T>(path: string, query: Record<string, string | string[]>, signal?: AbortSignal): Promise<T> {
    const call = this.client.GET as unknown as (path: string, init: object) => Result<{ data: unknown }>;
    const answer = await this.take(call(`/api/v1/${path}`, { params: { query }, signal }));
    return answer.data as T;
  }
}

/** A query id of our own, so that a running query can be cancelled. Works without a secure context. */
export function newQueryId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `ui-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
