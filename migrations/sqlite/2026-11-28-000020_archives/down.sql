DROP TRIGGER events_are_not_deleted;

CREATE TRIGGER events_are_not_deleted BEFORE DELETE ON events
BEGIN
    SELECT RAISE(ABORT, 'events are append-only: none is ever deleted');
END;

DROP TABLE stream_bases;
DROP TABLE horizons;
