-- The resources themselves. Ids are UUIDv7 in text form: their order is the order of creation.
CREATE TABLE resources (
    id         TEXT    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    content    TEXT    NOT NULL, -- JSON
    created_by TEXT    NOT NULL, -- the app id of the token that created it
    created_at TEXT    NOT NULL, -- RFC 3339, UTC
    updated_at TEXT    NOT NULL, -- RFC 3339, UTC
    version    INTEGER NOT NULL  -- counts the changes; the ETag
) STRICT, WITHOUT ROWID;

-- What was answered to a POST with an Idempotency-Key. A key belongs to the app that sent it.
CREATE TABLE idempotency_keys (
    client_id   TEXT NOT NULL,
    key         TEXT NOT NULL,
    fingerprint BLOB NOT NULL, -- SHA-256 of the request's body
    answer      TEXT NOT NULL, -- the resource as it was created, as JSON
    created_at  TEXT NOT NULL, -- RFC 3339, UTC
    PRIMARY KEY (client_id, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);
