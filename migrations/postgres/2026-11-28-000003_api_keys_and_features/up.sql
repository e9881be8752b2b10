-- API keys, features, and how often they were asked for.

-- Of their texts only hashes. An owner is a user or a company.
CREATE TABLE api_keys (
    id                  uuid        NOT NULL PRIMARY KEY,
    owner_kind          text        NOT NULL,
    owner_id            uuid        NOT NULL,
    name                text        NOT NULL,
    prefix              text COLLATE "C" NOT NULL UNIQUE,
    secret_hash         bytea       NOT NULL CHECK (octet_length(secret_hash) = 32),
    previous_hash       bytea       CHECK (octet_length(previous_hash) = 32),
    previous_good_until timestamptz,
    features            text        NOT NULL,
    created_at          timestamptz NOT NULL,
    expires_at          timestamptz NOT NULL,
    last_used_at        timestamptz
) WITH (fillfactor = 80);

-- What people call their keys is theirs, and nothing is planned by it.
ALTER TABLE api_keys ALTER COLUMN name SET STATISTICS 0;

CREATE INDEX api_keys_by_owner ON api_keys (owner_id, owner_kind, id);

CREATE TABLE features (
    id            uuid        NOT NULL PRIMARY KEY,
    name          text COLLATE "C" NOT NULL UNIQUE,
    description   text        NOT NULL,
    enabled       boolean     NOT NULL,
    required_role text,
    company_id    uuid,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL
);

-- Written once a second where a feature is asked for.
CREATE TABLE feature_usages (
    feature_id uuid        NOT NULL,
    api_key_id uuid        NOT NULL,
    granted    bigint      NOT NULL,
    refused    bigint      NOT NULL,
    last_at    timestamptz NOT NULL,
    PRIMARY KEY (feature_id, api_key_id)
) WITH (fillfactor = 80);
