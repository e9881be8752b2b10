-- What an account is searched by: its address, its name and its username, folded, in the order of their bytes and then of ids. Each
-- index answers a prefix and goes on after a cursor.
ALTER TABLE users ADD COLUMN unlocks bigint NOT NULL DEFAULT 0, ADD COLUMN name_folded text COLLATE "C";

-- The database's own rules know no letters beyond ASCII where it was made with the locale C; Unicode's do, where the server has
-- them. A name that is folded badly all the same is mended when its account is next written, as it is by each sign-in.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_collation WHERE collname = 'und-x-icu' AND collnamespace = 'pg_catalog'::regnamespace)
       AND getdatabaseencoding() = 'UTF8' THEN
        EXECUTE 'UPDATE users SET name_folded = lower(name COLLATE pg_catalog."und-x-icu")';
    ELSE
        UPDATE users SET name_folded = lower(name COLLATE "default");
    END IF;
END
$$;

ALTER TABLE users ALTER COLUMN name_folded SET NOT NULL, ALTER COLUMN unlocks DROP DEFAULT;

DROP INDEX users_by_email;
DROP INDEX users_by_username;
CREATE INDEX users_by_email ON users (email_folded, id);
CREATE INDEX users_by_name ON users (name_folded, id);
CREATE INDEX users_by_username ON users (username, id) WHERE username IS NOT NULL;
-- Lists without a search are in the order of ids.
CREATE INDEX users_by_role ON users (role, id);
CREATE INDEX users_by_standing ON users (is_active, id);

-- The hashes before the current one, newest first: a JSON array of texts.
ALTER TABLE credentials ADD COLUMN history text NOT NULL DEFAULT '[]';
ALTER TABLE credentials ALTER COLUMN history DROP DEFAULT;

-- In hours: a day's length would depend on the server's time zone.
ALTER TABLE sessions ADD COLUMN ends_at timestamptz;
UPDATE sessions SET ends_at = created_at + interval '2160 hours',
                    expires_at = least(expires_at, created_at + interval '2160 hours');
ALTER TABLE sessions ALTER COLUMN ends_at SET NOT NULL;

CREATE TABLE companies (
    id              uuid        NOT NULL PRIMARY KEY,
    version         bigint      NOT NULL,
    name            text        NOT NULL,
    business_number text,
    industry        text,
    region          text,
    is_active       boolean     NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL
) WITH (fillfactor = 80);

CREATE TABLE members (
    user_id    uuid        NOT NULL PRIMARY KEY REFERENCES users (id),
    company_id uuid        NOT NULL REFERENCES companies (id),
    role       text        NOT NULL,
    status     text        NOT NULL,
    joined_at  timestamptz NOT NULL
);

CREATE INDEX members_by_company ON members (company_id, user_id);
-- Of however many members, the few owners.
CREATE INDEX members_by_role ON members (company_id, role, user_id) WHERE status = 'active' AND role <> 'member';

-- `invited_by` may be somebody whose account is gone.
CREATE TABLE invitations (
    id           uuid        NOT NULL PRIMARY KEY,
    company_id   uuid        NOT NULL REFERENCES companies (id),
    role         text        NOT NULL,
    email        text,
    email_folded text COLLATE "C",
    language     text        NOT NULL,
    invited_by   uuid        NOT NULL,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL
);

CREATE INDEX invitations_by_email ON invitations (email_folded) WHERE email_folded IS NOT NULL;

-- Who looked at whose data, by ids alone.
CREATE TABLE accesses (
    id         uuid        NOT NULL PRIMARY KEY,
    stream_id  uuid        NOT NULL,
    actor_kind text        NOT NULL,
    actor_id   uuid,
    what       text        NOT NULL,
    at         timestamptz NOT NULL
);

CREATE INDEX accesses_by_stream ON accesses (stream_id, at, id);
CREATE INDEX accesses_by_time ON accesses (at);

-- A partition a month, so that old ones are dropped whole. It refers to no table: making and dropping a partition would lock the
-- users out; whoever adds to it looks for the user, and whoever deletes a user's lines has locked the user.
CREATE TABLE login_attempts (
    id         uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    at         timestamptz NOT NULL,
    ip_address text,
    user_agent text,
    failure    text,
    PRIMARY KEY (at, id)
) PARTITION BY RANGE (at);

CREATE INDEX login_attempts_by_user ON login_attempts (user_id, at, id);

-- For times whose partition is not there: nothing is refused for want of one. What it holds moves into the partition when that
-- is made.
CREATE TABLE login_attempts_rest PARTITION OF login_attempts DEFAULT;

-- Makes the partition of a moment's month (of UTC), unless it is there. Any number may ask at once. It gives up rather than have
-- others wait behind it.
CREATE FUNCTION make_login_attempts_partition(moment timestamptz) RETURNS void LANGUAGE plpgsql SET lock_timeout = '2s' AS $$
DECLARE
    month     timestamp   := date_trunc('month', moment AT TIME ZONE 'UTC');
    begins_at timestamptz := month AT TIME ZONE 'UTC';
    ends_at   timestamptz := (month + interval '1 month') AT TIME ZONE 'UTC';
    made      text        := 'login_attempts_' || to_char(month, 'YYYY_MM');
    full_name text        := quote_ident(current_schema()) || '.' || made;
BEGIN
    IF to_regclass(full_name) IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('portcullis login_attempts ' || quote_ident(current_schema()), 0));
    IF to_regclass(full_name) IS NOT NULL THEN
        RETURN;
    END IF;
    -- Who writes waits here, and not at the partition that it would have chosen by then, which refuses what is no longer its own.
    LOCK TABLE ONLY login_attempts IN SHARE ROW EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM login_attempts_rest WHERE at >= begins_at AND at < ends_at) THEN
        -- So does who reads: who knows the partitions already, and not this one, would miss what moves into it.
        LOCK TABLE ONLY login_attempts IN ACCESS EXCLUSIVE MODE;
    END IF;
    LOCK TABLE login_attempts_rest IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('CREATE TABLE %I (LIKE login_attempts)', made);
    EXECUTE format(
        'WITH moved AS (DELETE FROM login_attempts_rest WHERE at >= %L AND at < %L RETURNING *) INSERT INTO %I SELECT * FROM moved',
        begins_at, ends_at, made
    );
    EXECUTE format('ALTER TABLE login_attempts ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', made, begins_at, ends_at);
END
$$;

-- Drops the oldest partition of which nothing is as young as the moment, and returns how many lines went with it; NULL when there
-- is none. Gives up rather than have others wait behind it.
CREATE FUNCTION drop_login_attempts_partition(moment timestamptz) RETURNS bigint LANGUAGE plpgsql SET lock_timeout = '2s' AS $$
DECLARE
    oldest text;
    lines  bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('portcullis login_attempts ' || quote_ident(current_schema()), 0));
    SELECT min(relname::text COLLATE "C") INTO oldest
    FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = 'login_attempts'::regclass
      AND relname ~ '^login_attempts_[0-9]{4}_[0-9]{2}$'
      AND to_date(right(relname::text, 7), 'YYYY_MM') + interval '1 month' <= moment AT TIME ZONE 'UTC';
    IF oldest IS NULL THEN
        RETURN NULL;
    END IF;
    EXECUTE format('SELECT count(*) FROM %I', oldest) INTO lines;
    EXECUTE format('DROP TABLE %I', oldest);
    RETURN lines;
END
$$;

SELECT make_login_attempts_partition(now()), make_login_attempts_partition(now() + interval '1 month');
