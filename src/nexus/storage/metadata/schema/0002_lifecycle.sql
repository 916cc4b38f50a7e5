-- Saved views, short links, retention policies, deletions and the audit log. Times are nanoseconds since the Unix epoch;
-- lists and maps are JSON text.
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
CREATE INDEX views_tenant ON views (tenant, name);

CREATE TABLE links (
    id         TEXT PRIMARY KEY,
    tenant     TEXT NOT NULL,
    digest     BLOB NOT NULL,
    path       TEXT NOT NULL,
    size       INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX links_digest ON links (tenant, digest);
CREATE INDEX links_size ON links (tenant, size);

CREATE TABLE retention (
    tenant TEXT PRIMARY KEY,
    rules  TEXT NOT NULL,
    days   INTEGER
) STRICT, WITHOUT ROWID;

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
CREATE INDEX deletions_tenant ON deletions (tenant, created_at);
CREATE INDEX deletions_open ON deletions (state, created_at);

CREATE TABLE audit (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    tenant  TEXT NOT NULL,
    who     TEXT NOT NULL,
    action  TEXT NOT NULL,
    subject TEXT NOT NULL,
    details TEXT NOT NULL
) STRICT;
CREATE INDEX audit_tenant ON audit (tenant, number);
