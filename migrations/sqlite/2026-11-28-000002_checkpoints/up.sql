-- What the notary saw of the log: signed, and only ever added to.
CREATE TABLE checkpoints (
    number         INTEGER PRIMARY KEY CHECK (number > 0),
    transaction_id INTEGER NOT NULL,
    position       INTEGER NOT NULL,
    event_count    INTEGER NOT NULL CHECK (event_count > 0),
    running_hash   BLOB NOT NULL CHECK (length(running_hash) = 32),
    previous       BLOB NOT NULL CHECK (length(previous) = 32),
    made_at        INTEGER NOT NULL,
    key_id         TEXT NOT NULL,
    signature      BLOB NOT NULL CHECK (length(signature) = 64),
    -- 32 bytes for each event since the checkpoint before it.
    leaves         BLOB NOT NULL CHECK (length(leaves) > 0 AND length(leaves) % 32 = 0)
) STRICT;

CREATE TRIGGER checkpoints_are_not_updated BEFORE UPDATE ON checkpoints
BEGIN
    SELECT RAISE(ABORT, 'checkpoints are append-only: none is ever changed');
END;

CREATE TRIGGER checkpoints_are_not_deleted BEFORE DELETE ON checkpoints
BEGIN
    SELECT RAISE(ABORT, 'checkpoints are append-only: none is ever deleted');
END;

-- REPLACE deletes without the trigger above (unless recursive triggers are on), so it gets one of its own.
CREATE TRIGGER checkpoints_are_not_replaced BEFORE INSERT ON checkpoints
WHEN EXISTS (SELECT 1 FROM checkpoints WHERE number = NEW.number)
BEGIN
    SELECT RAISE(ABORT, 'checkpoints are append-only: a number is used once');
END;
