BEGIN TRANSACTION;
CREATE TABLE api_keys (
    id          TEXT PRIMARY KEY,
    hash        TEXT NOT NULL UNIQUE,
    name        TEXT NOT NULL,
    prefix      TEXT NOT NULL,
    tenant      TEXT NOT NULL,
    permissions TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    last_used   INTEGER NOT NULL DEFAULT 0,
    revoked_at  INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
INSERT INTO "api_keys" VALUES('k1','hash1','shipper','nxs_abc','shop','["logs:write"]',5,7,0);
INSERT INTO "api_keys" VALUES('k2','hash2','old','nxs_def','','["admin"]',6,0,8);
CREATE TABLE audit (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    tenant  TEXT NOT NULL,
    who     TEXT NOT NULL,
    action  TEXT NOT NULL,
    subject TEXT NOT NULL,
    details TEXT NOT NULL
) STRICT;
INSERT INTO "audit" VALUES(1,0,'shop','admin','login','session','{"address": "192.0.2.1"}');
INSERT INTO "audit" VALUES(3,2,'shop','admin','login','session','{"address": "192.0.2.1"}');
INSERT INTO "audit" VALUES(4,3,'shop','admin','login.failed','session','{"address": "192.0.2.1"}');
INSERT INTO "audit" VALUES(5,4,'shop','admin','login','session','{"address": "192.0.2.1"}');
INSERT INTO "audit" VALUES(6,5,'shop','admin','login.failed','session','{"address": "192.0.2.1"}');
CREATE TABLE deletions (
    id           TEXT PRIMARY KEY,
    tenant       TEXT NOT NULL,
    query        TEXT NOT NULL,
    start_time   TEXT NOT NULL,
    end_time     TEXT NOT NULL,
    reason       TEXT NOT NULL,
    requested_by TEXT NOT NULL,
    state        TEXT NOT NULL,
    records      INTEGER NOT NULL,
    parts_total  INTEGER NOT NULL,
    parts_left   INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    finished_at  INTEGER NOT NULL,
    error        TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "deletions" VALUES('d1','shop','service:web','','4611686018427387904','why','admin','running',5,2,1,10,0,'');
CREATE TABLE links (
    id         TEXT PRIMARY KEY,
    tenant     TEXT NOT NULL,
    digest     BLOB NOT NULL,
    path       TEXT NOT NULL,
    size       INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
INSERT INTO "links" VALUES('l1','shop',X'1C0CBAB22B825B2174FD59A2682E950301D33A3F31DCD6C2034855896CD90AFE','/logs?q=é',10,1);
CREATE TABLE retention (
    tenant TEXT PRIMARY KEY,
    rules  TEXT NOT NULL,
    days   INTEGER
) STRICT, WITHOUT ROWID;
INSERT INTO "retention" VALUES('shop','[["level:debug", 3]]',NULL);
CREATE TABLE sessions (
    token_hash TEXT PRIMARY KEY,
    user       TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    last_seen  INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "sessions" VALUES('t','admin',1,1,1152921504606846976);
CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "settings" VALUES('pipelines:shop','[]');
CREATE TABLE tenants (
    name       TEXT PRIMARY KEY,
    created_at INTEGER NOT NULL,
    settings   TEXT NOT NULL DEFAULT '{}'
) STRICT, WITHOUT ROWID;
INSERT INTO "tenants" VALUES('shop',3,'{"a": [1]}');
CREATE TABLE users (
    name          TEXT PRIMARY KEY,
    password_hash TEXT NOT NULL,
    permissions   TEXT NOT NULL,
    created_at    INTEGER NOT NULL,
    disabled      INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
INSERT INTO "users" VALUES('admin','$argon2id$v=19$admin','["admin"]',1,0);
INSERT INTO "users" VALUES('zoe','$argon2id$v=19$zoe','["logs:read"]',2,1);
CREATE TABLE views (
    id          TEXT PRIMARY KEY,
    tenant      TEXT NOT NULL,
    name        TEXT NOT NULL,
    description TEXT NOT NULL,
    page        TEXT NOT NULL,
    state       TEXT NOT NULL,
    shared      INTEGER NOT NULL,
    owner       TEXT NOT NULL,
    owner_name  TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "views" VALUES('v1','shop','Errors','d','logs','q=1',1,'user:admin','admin',1,2);
CREATE INDEX sessions_expire ON sessions (expires_at);
CREATE INDEX sessions_user ON sessions (user);
CREATE INDEX views_tenant ON views (tenant, name);
CREATE UNIQUE INDEX links_digest ON links (tenant, digest);
CREATE INDEX links_size ON links (tenant, size);
CREATE INDEX deletions_tenant ON deletions (tenant, created_at);
CREATE INDEX deletions_open ON deletions (state, created_at);
CREATE INDEX audit_tenant ON audit (tenant, number);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('audit',6);
COMMIT;
