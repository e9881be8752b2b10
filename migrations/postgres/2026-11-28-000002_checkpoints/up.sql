-- What the notary saw of the log: signed, and only ever added to.
CREATE TABLE checkpoints (
    number         bigint      NOT NULL PRIMARY KEY CHECK (number > 0),
    transaction_id bigint      NOT NULL,
    position       bigint      NOT NULL,
    event_count    bigint      NOT NULL CHECK (event_count > 0),
    running_hash   bytea       NOT NULL CHECK (length(running_hash) = 32),
    previous       bytea       NOT NULL CHECK (length(previous) = 32),
    made_at        timestamptz NOT NULL,
    key_id         text        NOT NULL,
    signature      bytea       NOT NULL CHECK (length(signature) = 64),
    -- 32 bytes for each event since the checkpoint before it.
    leaves         bytea       NOT NULL CHECK (length(leaves) > 0 AND length(leaves) % 32 = 0)
);

-- Hashes do not get shorter.
ALTER TABLE checkpoints ALTER COLUMN leaves SET STORAGE EXTERNAL;

CREATE FUNCTION refuse_change_of_checkpoints() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'checkpoints are append-only: none is ever changed or deleted' USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE TRIGGER checkpoints_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_checkpoints();
