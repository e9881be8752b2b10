-- API keys, features, and how often they were asked for.

-- Of their texts only hashes. An owner is a user or a company; who owned a key that is deleted may be gone.
CREATE TABLE api_keys (
    id                  BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    owner_kind          TEXT NOT NULL,
    owner_id            BLOB NOT NULL CHECK (length(owner_id) = 16),
    name                TEXT NOT NULL,
    prefix              TEXT NOT NULL UNIQUE,
    secret_hash         BLOB NOT NULL CHECK (length(secret_hash) = 32),
    previous_hash       BLOB CHECK (length(previous_hash) = 32),
    previous_good_until INTEGER,
    features            TEXT NOT NULL,
    created_at          INTEGER NOT NULL,
    expires_at          INTEGER NOT NULL,
    last_used_at        INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX api_keys_by_owner ON api_keys (owner_id, owner_kind, id);

CREATE TABLE features (
    id            BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    name          TEXT NOT NULL UNIQUE,
    description   TEXT NOT NULL,
    enabled       INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    required_role TEXT,
    company_id    BLOB CHECK (length(company_id) = 16),
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE feature_usages (
    feature_id BLOB NOT NULL CHECK (length(feature_id) = 16),
    api_key_id BLOB NOT NULL CHECK (length(api_key_id) = 16),
    granted    INTEGER NOT NULL,
    refused    INTEGER NOT NULL,
    last_at    INTEGER NOT NULL,
    PRIMARY KEY (feature_id, api_key_id)
) STRICT, WITHOUT ROWID;
