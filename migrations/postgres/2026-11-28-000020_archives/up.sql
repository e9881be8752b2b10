-- What is kept in the place of events that were moved into an archive.

-- Up to where they were: signed. The newest counts.
CREATE TABLE horizons (
    number          bigint      NOT NULL PRIMARY KEY CHECK (number > 0),
    -- The one before; of two that race to follow one, the key lets one in.
    previous        bigint      NOT NULL UNIQUE CHECK (previous < number),
    transaction_id  bigint      NOT NULL,
    position        bigint      NOT NULL,
    event_count     bigint      NOT NULL CHECK (event_count > 0),
    running_hash    bytea       NOT NULL CHECK (length(running_hash) = 32),
    checkpoint_hash bytea       NOT NULL CHECK (length(checkpoint_hash) = 32),
    bases_hash      bytea       NOT NULL CHECK (length(bases_hash) = 32),
    streams         bigint      NOT NULL CHECK (streams > 0),
    made_at         timestamptz NOT NULL,
    key_id          text        NOT NULL,
    signature       bytea       NOT NULL CHECK (length(signature) = 64)
);

-- Where each stream stood that lost events, and what they had added up to, sealed.
CREATE TABLE stream_bases (
    stream_id   uuid        NOT NULL PRIMARY KEY,
    kind        text        NOT NULL,
    version     bigint      NOT NULL CHECK (version > 0),
    position    bigint      NOT NULL,
    hash        bytea       NOT NULL CHECK (length(hash) = 32),
    recorded_at timestamptz NOT NULL,
    state       bytea
);

CREATE OR REPLACE FUNCTION refuse_change_of_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Which of them may go is looked at row by row.
    IF TG_OP = 'DELETE' AND EXISTS (SELECT 1 FROM horizons) THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'events are append-only: none is ever changed or deleted' USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE FUNCTION refuse_deletion_of_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM horizons WHERE (transaction_id, position) >= (OLD.transaction_id, OLD.position)) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'events are append-only: none is ever deleted but from behind a horizon' USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE TRIGGER archived_events_alone_are_deleted BEFORE DELETE ON events
    FOR EACH ROW EXECUTE FUNCTION refuse_deletion_of_events();
