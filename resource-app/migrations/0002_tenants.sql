-- Every resource and every key belongs to a tenant: an app id names an app only together with one. Rows from before have
-- the tenant '', which nobody is of, until the app gives them to its own at the start (src/store/adoption.rs).
--
-- The checksums are SHA-256 over all other columns (src/store/checksum.rs): what a failing disk has changed is not served.
CREATE TABLE resources_of_tenants (
    tenant     TEXT    NOT NULL, -- the tenant id of the token that created it
    id         TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    content    TEXT    NOT NULL, -- JSON
    created_by TEXT    NOT NULL, -- the app id of the token that created it
    created_at TEXT    NOT NULL, -- RFC 3339, UTC
    updated_at TEXT    NOT NULL, -- RFC 3339, UTC
    version    INTEGER NOT NULL, -- counts the changes; the ETag
    checksum   BLOB    NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

INSERT INTO resources_of_tenants (tenant, id, name, content, created_by, created_at, updated_at, version, checksum)
SELECT '', id, name, content, created_by, created_at, updated_at, version, x'' FROM resources;

DROP TABLE resources;
ALTER TABLE resources_of_tenants RENAME TO resources;

CREATE TABLE idempotency_keys_of_tenants (
    tenant      TEXT NOT NULL,
    client_id   TEXT NOT NULL,
    key         TEXT NOT NULL,
    fingerprint BLOB NOT NULL, -- SHA-256 of the request's body
    answer      TEXT NOT NULL, -- the resource as it was created, as JSON
    created_at  TEXT NOT NULL, -- RFC 3339, UTC
    checksum    BLOB NOT NULL,
    PRIMARY KEY (tenant, client_id, key)
) STRICT, WITHOUT ROWID;

INSERT INTO idempotency_keys_of_tenants (tenant, client_id, key, fingerprint, answer, created_at, checksum)
SELECT '', client_id, key, fingerprint, answer, created_at, x'' FROM idempotency_keys;

DROP TABLE idempotency_keys;
ALTER TABLE idempotency_keys_of_tenants RENAME TO idempotency_keys;
CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);

-- Empty but for the moment in which the app tries whether it can write (src/store/writer.rs).
CREATE TABLE trial_writes (content BLOB NOT NULL) STRICT;
