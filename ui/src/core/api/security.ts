/** Shapes of identity, access, limits and the audit log. Answers carry every field. Only types live here. */

export interface RoleIn {
  role: string;
  /** `*` is every tenant. */
  tenant: string;
}

export interface Provider {
  id: string;
  name: string;
  url: string;
}

export interface LoginOptions {
  password: boolean;
  passkeys: boolean;
  mail: boolean;
  providers: Provider[];
  /** Why there are no passkeys at this address. */
  passkeys_reason?: string;
}

export type FactorMethod = "totp" | "recovery" | "passkey";

export interface Challenge {
  token: string;
  methods: FactorMethod[];
}

/** What has to be done before anything else. */
export type Must = "" | "change_password" | "add_second_factor";

export interface Session {
  authenticated: boolean;
  username: string;
  display_name: string;
  role: string;
  roles: RoleIn[];
  permissions: string[];
  tenant: string;
  tenants: string[];
  must: Must;
  masked: string[];
  filtered: boolean;
  challenge: Challenge | null;
}

export interface PasskeyOptions {
  token: string;
  options: Record<string, unknown>;
}

export interface PasskeyFinish {
  token: string;
  credential: unknown;
  name?: string;
}

export interface Done {
  done: boolean;
  redirect: string;
}

export interface SessionInfo {
  id: string;
  method: string;
  address: string;
  user_agent: string;
  created_at: string;
  last_seen: string;
  expires_at: string;
  current: boolean;
}

export interface PasskeyInfo {
  id: string;
  name: string;
  created_at: string;
  last_used: string;
}

/** Recovery codes when there were none: shown this once. */
export interface PasskeyAdded {
  passkey: PasskeyInfo;
  recovery_codes: string[];
}

export interface Profile {
  username: string;
  display_name: string;
  email: string;
  source: string;
  has_password: boolean;
  password_changed_at: string;
  totp: boolean;
  recovery_codes_left: number;
  passkeys: PasskeyInfo[];
  sessions: SessionInfo[];
  roles: RoleIn[];
  teams: string[];
  second_factor_required: boolean;
}

export interface Confirmation {
  password?: string;
  code?: string;
}

export interface TotpSetup {
  secret: string;
  uri: string;
  /** Rows of `1` and `0`, without a border. */
  qr: string[];
}

export interface UserInfo {
  name: string;
  display_name: string;
  email: string;
  source: string;
  disabled: boolean;
  has_password: boolean;
  second_factor: boolean;
  passkeys: number;
  created_at: string;
  last_login: string;
  roles: RoleIn[];
  teams: string[];
}

export interface CreateUserRequest {
  name: string;
  display_name?: string;
  email?: string;
  password?: string;
  roles?: RoleIn[];
}

export interface UserChange {
  display_name?: string;
  email?: string;
  disabled?: boolean;
  roles?: RoleIn[];
}

export interface GrantInfo {
  permission: string;
  resource: string;
}

export interface PermissionInfo {
  name: string;
  description: string;
  resources: string[];
  system: boolean;
}

export interface RoleRequest {
  description: string;
  grants: GrantInfo[];
  policy: string;
  masked: string[];
}

export interface RoleInfo extends RoleRequest {
  name: string;
  builtin: boolean;
  subjects: number;
}

export interface RoleList {
  roles: RoleInfo[];
  permissions: PermissionInfo[];
}

/** One of them. */
export interface PreviewRequest {
  user?: string;
  role?: string;
  draft?: RoleRequest;
}

export interface Preview {
  grants: GrantInfo[];
  policy: string;
  masked: string[];
  records: number;
  total: number;
  samples: Record<string, unknown>[];
  because: string[];
}

export interface TeamRequest {
  name: string;
  description: string;
  members: string[];
  roles: RoleIn[];
}

export interface TeamInfo extends TeamRequest {
  id: string;
  source: string;
  created_at: string;
}

export interface AccountRequest {
  name: string;
  description: string;
  disabled: boolean;
  roles: RoleIn[];
}

export interface AccountInfo extends AccountRequest {
  id: string;
  keys: number;
  created_at: string;
}

export type LimitValues = Record<string, number>;

export interface ApiKey {
  id: string;
  name: string;
  prefix: string;
  tenant: string;
  permissions: string[];
  created_at: string;
  last_used_at: string;
  role: string;
  account: string;
  account_name: string;
  signals: string[];
  created_by: string;
  expires_at: string;
  previous_until: string;
  limits: LimitValues;
}

export interface CreateKeyRequest {
  name: string;
  tenant?: string;
  permissions?: string[];
  role?: string;
  account?: string;
  signals?: string[];
  expires_in?: number;
  limits?: LimitValues;
}

export interface CreatedKey {
  key: ApiKey;
  secret: string;
}

export interface TenantInfo {
  name: string;
  description: string;
  created_at: string;
  state: "active" | "deleting";
  retention_days: number | null;
  keys: number;
  records: number;
  bytes: number;
}

export interface CreateTenantRequest {
  name: string;
  description?: string;
  retention_days?: number | null;
}

export interface TenantDeletion {
  name: string;
  state: "running" | "verifying" | "done" | "failed";
  records: number;
  left: number;
  parts_left: number;
  requested_by: string;
  started_at: string;
  finished_at: string;
  proof: string[];
  error: string;
}

export interface LimitInfo {
  name: string;
  description: string;
  unit: string;
  scopes: string[];
  default: number;
}

export interface LimitSet {
  scope: string;
  /** `*` is each one without limits of its own. */
  subject: string;
  limits: LimitValues;
  label: string;
}

export interface LimitUse {
  scope: string;
  subject: string;
  name: string;
  used: number;
  limit: number;
  refused: number;
  label: string;
}

export interface Limits {
  known: LimitInfo[];
  limits: LimitSet[];
  use: LimitUse[];
}

export interface AuditEntry {
  number: number;
  at: string;
  tenant: string;
  kind: string;
  who: string;
  address: string;
  action: string;
  subject: string;
  outcome: string;
  details: Record<string, string>;
  /** JSON texts with secrets masked; empty when nothing changed. */
  before: string;
  after: string;
  hash: string;
}

export interface AuditPage {
  entries: AuditEntry[];
  /** The `before` of the next page, 0 on the last one. */
  next: number;
  actions: string[];
}

export interface AuditReport {
  sound: boolean;
  records: number;
  first: number;
  last: number;
  checkpoints: number;
  problems: { number: number; problem: string }[];
  seconds: number;
}
