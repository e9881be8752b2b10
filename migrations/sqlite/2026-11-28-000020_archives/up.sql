-- What is kept in the place of events that were moved into an archive.

-- Up to where they were: signed. The newest counts.
CREATE TABLE horizons (
    number          INTEGER PRIMARY KEY CHECK (number > 0),
    transaction_id  INTEGER NOT NULL,
    position        INTEGER NOT NULL,
    event_count     INTEGER NOT NULL CHECK (event_count > 0),
    running_hash    BLOB NOT NULL CHECK (length(running_hash) = 32),
    checkpoint_hash BLOB NOT NULL CHECK (length(checkpoint_hash) = 32),
    bases_hash      BLOB NOT NULL CHECK (length(bases_hash) = 32),
    streams         INTEGER NOT NULL CHECK (streams > 0),
    made_at         INTEGER NOT NULL,
    key_id          TEXT NOT NULL,
    signature       BLOB NOT NULL CHECK (length(signature) = 64)
) STRICT;

-- Where each stream stood that lost events, and what they had added up to, sealed.
CREATE TABLE stream_bases (
    stream_id   BLOB NOT NULL PRIMARY KEY CHECK (length(stream_id) = 16),
    kind        TEXT NOT NULL,
    version     INTEGER NOT NULL CHECK (version > 0),
    position    INTEGER NOT NULL,
    hash        BLOB NOT NULL CHECK (length(hash) = 32),
    recorded_at INTEGER NOT NULL,
    state       BLOB
) STRICT, WITHOUT ROWID;

DROP TRIGGER events_are_not_deleted;

CREATE TRIGGER events_are_not_deleted BEFORE DELETE ON events
WHEN OLD.position > (SELECT coalesce(max(position), 0) FROM horizons)
BEGIN
    SELECT RAISE(ABORT, 'events are append-only: none is ever deleted but from behind a horizon');
END;
