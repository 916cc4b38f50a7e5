-- Identity, roles, limits and the hash-chained audit log. Times are nanoseconds since the Unix epoch, 0 is never; lists and
-- maps are JSON text. Names of users are lower case.
ALTER TABLE users ADD COLUMN display_name TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN email TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN source TEXT NOT NULL DEFAULT 'local';
ALTER TABLE users ADD COLUMN external_id TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN password_changed_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN must_change_password INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN totp TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN totp_step INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN recovery TEXT NOT NULL DEFAULT '[]';
ALTER TABLE users ADD COLUMN last_login INTEGER NOT NULL DEFAULT 0;
CREATE INDEX users_external ON users (source, external_id);
CREATE INDEX users_email ON users (lower(email));

-- Whoever was an administrator stays one. Sessions begin anew: they get ids, addresses and rotation.
CREATE TABLE bindings (
    id           TEXT PRIMARY KEY,
    subject_kind TEXT NOT NULL,
    subject      TEXT NOT NULL,
    role         TEXT NOT NULL,
    tenant       TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    UNIQUE (subject_kind, subject, role, tenant)
) STRICT, WITHOUT ROWID;
INSERT INTO bindings SELECT 'first-' || name, 'user', name, 'admin', '*', created_at FROM users
    WHERE permissions LIKE '%"admin"%';
ALTER TABLE users DROP COLUMN permissions;

DROP TABLE sessions;
CREATE TABLE sessions (
    id             TEXT PRIMARY KEY,
    token_hash     TEXT NOT NULL UNIQUE,
    previous_hash  TEXT NOT NULL,
    previous_until INTEGER NOT NULL,
    user_name      TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    method         TEXT NOT NULL,
    created_at     INTEGER NOT NULL,
    last_seen      INTEGER NOT NULL,
    rotated_at     INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL,
    address        TEXT NOT NULL,
    user_agent     TEXT NOT NULL,
    issuer         TEXT NOT NULL,
    issuer_session TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_expire ON sessions (expires_at);
CREATE INDEX sessions_user ON sessions (user_name);
CREATE INDEX sessions_previous ON sessions (previous_hash);
CREATE INDEX sessions_issuer ON sessions (issuer, issuer_session);

CREATE TABLE passkeys (
    id         TEXT PRIMARY KEY,
    user_name  TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    name       TEXT NOT NULL,
    public_key BLOB NOT NULL,
    sign_count INTEGER NOT NULL,
    transports TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_used  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX passkeys_user ON passkeys (user_name);

CREATE TABLE tickets (
    hash       TEXT PRIMARY KEY,
    kind       TEXT NOT NULL,
    subject    TEXT NOT NULL,
    data       TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tickets_expire ON tickets (expires_at);

CREATE TABLE roles (
    name        TEXT PRIMARY KEY,
    description TEXT NOT NULL,
    grants      TEXT NOT NULL,
    policy      TEXT NOT NULL,
    masked      TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE teams (
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    source      TEXT NOT NULL,
    external_id TEXT NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE members (
    team      TEXT NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    user_name TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    PRIMARY KEY (team, user_name)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_user ON members (user_name);

CREATE TABLE service_accounts (
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    disabled    INTEGER NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

ALTER TABLE api_keys ADD COLUMN account TEXT NOT NULL DEFAULT '';
ALTER TABLE api_keys ADD COLUMN created_by TEXT NOT NULL DEFAULT '';
ALTER TABLE api_keys ADD COLUMN expires_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE api_keys ADD COLUMN previous_hash TEXT NOT NULL DEFAULT '';
ALTER TABLE api_keys ADD COLUMN previous_until INTEGER NOT NULL DEFAULT 0;
ALTER TABLE api_keys ADD COLUMN role TEXT NOT NULL DEFAULT '';
ALTER TABLE api_keys ADD COLUMN signals TEXT NOT NULL DEFAULT '[]';
CREATE INDEX api_keys_previous ON api_keys (previous_hash);

ALTER TABLE tenants ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE tenants ADD COLUMN deleted_at INTEGER NOT NULL DEFAULT 0;

-- A deletion must see no more than whoever asked for it: their policy, in the search language, as it was then.
ALTER TABLE deletions ADD COLUMN policy TEXT NOT NULL DEFAULT '';

-- The newest removal of each tenant's name, also when it is done.
CREATE TABLE tenant_deletions (
    tenant       TEXT PRIMARY KEY,
    id           TEXT NOT NULL,
    requested_by TEXT NOT NULL,
    state        TEXT NOT NULL,
    records      INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    finished_at  INTEGER NOT NULL,
    proof        TEXT NOT NULL,
    error        TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE limits (
    scope   TEXT NOT NULL,
    subject TEXT NOT NULL,
    limits  TEXT NOT NULL,
    PRIMARY KEY (scope, subject)
) STRICT, WITHOUT ROWID;

-- Entries of the log before this version have no hash; the chain begins after them.
ALTER TABLE audit ADD COLUMN kind TEXT NOT NULL DEFAULT 'user';
ALTER TABLE audit ADD COLUMN address TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN outcome TEXT NOT NULL DEFAULT 'ok';
ALTER TABLE audit ADD COLUMN before_change TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN after_change TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN hash TEXT NOT NULL DEFAULT '';

CREATE TABLE audit_checkpoints (
    number    INTEGER PRIMARY KEY,
    at        INTEGER NOT NULL,
    hash      TEXT NOT NULL,
    first     INTEGER NOT NULL,
    signature TEXT NOT NULL
) STRICT;
