DROP TRIGGER archived_events_alone_are_deleted ON events;
DROP FUNCTION refuse_deletion_of_events();

CREATE OR REPLACE FUNCTION refuse_change_of_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'events are append-only: none is ever changed or deleted' USING ERRCODE = 'integrity_constraint_violation';
END
$$;

DROP TABLE stream_bases;
DROP TABLE horizons;
