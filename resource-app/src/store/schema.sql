-- Schema version 1 (`PRAGMA user_version`, set by src/store/open.rs).
--
-- Every row belongs to the tenant of the token that created it. Ids are UUIDv7 as text: their order is the order of
-- creation. Times are RFC 3339 in UTC with three decimals, so they compare as text.
CREATE TABLE resources (
    tenant     TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    content    TEXT    NOT NULL, -- JSON
    created_by TEXT    NOT NULL, -- client id of the app that created it
    created_at TEXT    NOT NULL,
    updated_at TEXT    NOT NULL,
    version    INTEGER NOT NULL, -- counts the changes; becomes the ETag
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

-- Answers to POST requests that carried an Idempotency-Key. A key belongs to the app that sent it.
CREATE TABLE idempotency_keys (
    tenant      TEXT NOT NULL,
    client_id   TEXT NOT NULL,
    key         TEXT NOT NULL,
    fingerprint BLOB NOT NULL, -- SHA-256 of name and content
    answer      TEXT NOT NULL, -- the created resource as JSON
    created_at  TEXT NOT NULL,
    PRIMARY KEY (tenant, client_id, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);

-- Holds a row only while the app tests whether it can write (src/store/writer.rs).
CREATE TABLE trial_writes (content BLOB NOT NULL) STRICT;
