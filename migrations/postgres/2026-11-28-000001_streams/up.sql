-- What streams are beside the log, their snapshots, and requests that clients may send again.

-- Of streams to which something of their own happened; the others are active and have no metadata.
CREATE TABLE stream_states (
    stream_id     uuid    NOT NULL PRIMARY KEY,
    kind          text    NOT NULL,
    is_active     boolean NOT NULL,
    metadata      text    NOT NULL,
    last_snapshot bigint
);

CREATE TABLE snapshots (
    id         uuid        NOT NULL PRIMARY KEY,
    stream_id  uuid        NOT NULL,
    version    bigint      NOT NULL,
    state      bytea       NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE INDEX snapshots_by_stream ON snapshots (stream_id, version);

-- Beside the claims of their keys.
CREATE TABLE idempotent_requests (
    key        bytea       NOT NULL PRIMARY KEY CHECK (length(key) = 32),
    request    bytea       NOT NULL CHECK (length(request) = 32),
    stream_id  uuid        NOT NULL,
    version    bigint      NOT NULL,
    claimed_by uuid        NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE INDEX idempotent_requests_by_time ON idempotent_requests (created_at, key);

-- Searches walk one of these from its end: ids of events are in the order of time.
CREATE INDEX events_by_type ON events (type, id);
CREATE INDEX events_by_actor ON events (actor_id, id) WHERE actor_id IS NOT NULL;
CREATE INDEX events_by_stream ON events (stream_id, id);
