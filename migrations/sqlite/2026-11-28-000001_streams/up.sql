-- What streams are beside the log, their snapshots, and requests that clients may send again.

-- Of streams to which something of their own happened; the others are active and have no metadata.
CREATE TABLE stream_states (
    stream_id     BLOB NOT NULL PRIMARY KEY CHECK (length(stream_id) = 16),
    kind          TEXT NOT NULL,
    is_active     INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    metadata      TEXT NOT NULL,
    last_snapshot INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE snapshots (
    id         BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    stream_id  BLOB NOT NULL CHECK (length(stream_id) = 16),
    version    INTEGER NOT NULL,
    state      BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX snapshots_by_stream ON snapshots (stream_id, version);

-- Beside the claims of their keys.
CREATE TABLE idempotent_requests (
    key        BLOB NOT NULL PRIMARY KEY CHECK (length(key) = 32),
    request    BLOB NOT NULL CHECK (length(request) = 32),
    stream_id  BLOB NOT NULL CHECK (length(stream_id) = 16),
    version    INTEGER NOT NULL,
    claimed_by BLOB NOT NULL CHECK (length(claimed_by) = 16),
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotent_requests_by_time ON idempotent_requests (created_at, key);

-- Searches walk one of these from its end: ids of events are in the order of time.
CREATE INDEX events_by_type ON events (type, id);
CREATE INDEX events_by_actor ON events (actor_id, id) WHERE actor_id IS NOT NULL;
CREATE INDEX events_by_stream ON events (stream_id, id);
