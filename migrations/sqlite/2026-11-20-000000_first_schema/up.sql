-- Ids are 16-byte blobs, times whole microseconds since 1970-01-01T00:00:00Z, JSON is text.
-- Rules of the business are not here: a commit lists every row it writes and deletes, so nothing cascades.

-- Each stream's newest event.
CREATE TABLE streams (
    stream_id BLOB NOT NULL PRIMARY KEY CHECK (length(stream_id) = 16),
    kind      TEXT NOT NULL,
    version   INTEGER NOT NULL CHECK (version > 0),
    hash      BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT, WITHOUT ROWID;

-- The log.
CREATE TABLE events (
    position       INTEGER PRIMARY KEY,
    id             BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    stream_id      BLOB NOT NULL REFERENCES streams (stream_id),
    stream_kind    TEXT NOT NULL,
    version        INTEGER NOT NULL CHECK (version > 0),
    type           TEXT NOT NULL,
    schema_version INTEGER NOT NULL,
    actor_kind     TEXT NOT NULL,
    actor_id       BLOB CHECK (length(actor_id) = 16),
    data           TEXT NOT NULL,
    personal       BLOB,
    recorded_at    INTEGER NOT NULL,
    prev_hash      BLOB NOT NULL CHECK (length(prev_hash) = 32),
    hash           BLOB NOT NULL CHECK (length(hash) = 32),
    UNIQUE (stream_id, version)
) STRICT;

CREATE TRIGGER events_are_not_updated BEFORE UPDATE ON events
BEGIN
    SELECT RAISE(ABORT, 'events are append-only: none is ever changed');
END;

CREATE TRIGGER events_are_not_deleted BEFORE DELETE ON events
BEGIN
    SELECT RAISE(ABORT, 'events are append-only: none is ever deleted');
END;

-- REPLACE deletes without the trigger above (unless recursive triggers are on), so it gets one of its own.
CREATE TRIGGER events_are_not_replaced BEFORE INSERT ON events
WHEN EXISTS (
    SELECT 1 FROM events WHERE position = NEW.position
    UNION ALL
    SELECT 1 FROM events WHERE id = NEW.id
    UNION ALL
    SELECT 1 FROM events WHERE stream_id = NEW.stream_id AND version = NEW.version
)
BEGIN
    SELECT RAISE(ABORT, 'events are append-only: position, id and version are used once');
END;

-- Unique keys, such as `email:jane@example.com`, and who holds them.
CREATE TABLE claims (
    key   TEXT NOT NULL PRIMARY KEY,
    owner BLOB NOT NULL CHECK (length(owner) = 16)
) STRICT, WITHOUT ROWID;

-- Addresses and usernames are unique by their claims alone: two rows may exchange them within one commit.
CREATE TABLE users (
    id              BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    version         INTEGER NOT NULL,
    email           TEXT NOT NULL,
    email_folded    TEXT NOT NULL,
    username        TEXT,
    name            TEXT NOT NULL,
    phone           TEXT,
    business_type   TEXT,
    business_number TEXT,
    industry        TEXT,
    region          TEXT,
    role            TEXT NOT NULL,
    is_active       INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    is_verified     INTEGER NOT NULL CHECK (is_verified IN (0, 1)),
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    last_login_at   INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX users_by_email ON users (email_folded);
CREATE INDEX users_by_username ON users (username) WHERE username IS NOT NULL;

CREATE TABLE credentials (
    user_id       BLOB NOT NULL PRIMARY KEY REFERENCES users (id),
    password_hash TEXT NOT NULL,
    changed_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    id           BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    user_id      BLOB NOT NULL REFERENCES users (id),
    generation   INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    rotated_at   INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    ip_address   TEXT,
    user_agent   TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_user ON sessions (user_id, created_at);

-- With a rowid, which tells the newest.
CREATE TABLE one_time_codes (
    id         BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    user_id    BLOB NOT NULL REFERENCES users (id),
    purpose    TEXT NOT NULL,
    attempts   INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX one_time_codes_by_user ON one_time_codes (user_id, purpose);

CREATE TABLE subject_keys (
    subject_id BLOB NOT NULL PRIMARY KEY CHECK (length(subject_id) = 16),
    wrapped    BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE signing_keys (
    epoch      INTEGER PRIMARY KEY,
    material   BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- Where each subscription stands, and which process runs it until when.
CREATE TABLE subscriptions (
    name           TEXT NOT NULL PRIMARY KEY,
    transaction_id INTEGER NOT NULL DEFAULT 0,
    position       INTEGER NOT NULL DEFAULT 0,
    is_paused      INTEGER NOT NULL DEFAULT 0 CHECK (is_paused IN (0, 1)),
    holder         BLOB CHECK (length(holder) = 16),
    leased_until   INTEGER NOT NULL DEFAULT 0,
    last_error     TEXT
) STRICT, WITHOUT ROWID;

-- Events a subscription gave up on.
CREATE TABLE dead_letters (
    subscription   TEXT NOT NULL REFERENCES subscriptions (name),
    transaction_id INTEGER NOT NULL,
    position       INTEGER NOT NULL,
    event_id       BLOB NOT NULL CHECK (length(event_id) = 16),
    type           TEXT NOT NULL,
    error          TEXT NOT NULL,
    PRIMARY KEY (subscription, transaction_id, position)
) STRICT, WITHOUT ROWID;
