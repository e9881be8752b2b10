-- Ids are uuid, times timestamptz (whole microseconds), event data is text: as it was hashed, to the byte.
-- Texts compare by their bytes (COLLATE "C"), whatever the database's own language.
-- Rules of the business are not here: a commit lists every row it writes and deletes, so nothing cascades.

-- Each stream's newest event.
CREATE TABLE streams (
    stream_id uuid   NOT NULL PRIMARY KEY,
    kind      text   NOT NULL,
    version   bigint NOT NULL CHECK (version > 0),
    hash      bytea  NOT NULL CHECK (length(hash) = 32)
) WITH (fillfactor = 80);

-- Positions are drawn before they are written, since an event's hash covers its own.
CREATE SEQUENCE event_positions;

-- The log. `transaction_id` is the full, never wrapping id of the transaction that wrote the event. It refers to no table: the
-- row in `streams` is written by the same commit, and a look at it for each event would cost more than the event.
CREATE TABLE events (
    position       bigint      NOT NULL PRIMARY KEY,
    transaction_id bigint      NOT NULL,
    id             uuid        NOT NULL UNIQUE,
    stream_id      uuid        NOT NULL,
    stream_kind    text        NOT NULL,
    version        bigint      NOT NULL CHECK (version > 0),
    type           text        NOT NULL,
    schema_version bigint      NOT NULL,
    actor_kind     text        NOT NULL,
    actor_id       uuid,
    data           text        NOT NULL,
    personal       bytea,
    recorded_at    timestamptz NOT NULL,
    prev_hash      bytea       NOT NULL CHECK (length(prev_hash) = 32),
    hash           bytea       NOT NULL CHECK (length(hash) = 32),
    -- The last line of defence: commits have locked and compared the version already.
    UNIQUE (stream_id, version)
);

-- The feed's order.
CREATE UNIQUE INDEX events_in_feed_order ON events (transaction_id, position);

CREATE FUNCTION refuse_change_of_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'events are append-only: none is ever changed or deleted' USING ERRCODE = 'integrity_constraint_violation';
END
$$;

-- For each statement, not each row: it is refused even where it would touch none.
CREATE TRIGGER events_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_events();

-- Unique keys, such as `email:jane@example.com`, and who holds them.
CREATE TABLE claims (
    key   text COLLATE "C" NOT NULL PRIMARY KEY,
    owner uuid NOT NULL
);

-- Addresses and usernames are unique by their claims alone: two rows may exchange them within one commit.
CREATE TABLE users (
    id              uuid        NOT NULL PRIMARY KEY,
    version         bigint      NOT NULL,
    email           text        NOT NULL,
    email_folded    text COLLATE "C" NOT NULL,
    username        text COLLATE "C",
    name            text        NOT NULL,
    phone           text,
    business_type   text,
    business_number text,
    industry        text,
    region          text,
    role            text        NOT NULL,
    is_active       boolean     NOT NULL,
    is_verified     boolean     NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    last_login_at   timestamptz
) WITH (fillfactor = 80);

CREATE INDEX users_by_email ON users (email_folded);
CREATE INDEX users_by_username ON users (username) WHERE username IS NOT NULL;

CREATE TABLE credentials (
    user_id       uuid        NOT NULL PRIMARY KEY REFERENCES users (id),
    password_hash text        NOT NULL,
    changed_at    timestamptz NOT NULL
);

CREATE TABLE sessions (
    id           uuid        NOT NULL PRIMARY KEY,
    user_id      uuid        NOT NULL REFERENCES users (id),
    generation   bigint      NOT NULL,
    created_at   timestamptz NOT NULL,
    rotated_at   timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    ip_address   text,
    user_agent   text
) WITH (fillfactor = 80);

CREATE INDEX sessions_by_user ON sessions (user_id, created_at);

-- Their numbers tell the newest.
CREATE TABLE one_time_codes (
    id         uuid        NOT NULL PRIMARY KEY,
    number     bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    user_id    uuid        NOT NULL REFERENCES users (id),
    purpose    text        NOT NULL,
    attempts   bigint      NOT NULL,
    expires_at timestamptz NOT NULL
) WITH (fillfactor = 80);

CREATE INDEX one_time_codes_by_user ON one_time_codes (user_id, purpose);

CREATE TABLE subject_keys (
    subject_id uuid  NOT NULL PRIMARY KEY,
    wrapped    bytea NOT NULL
);

CREATE TABLE signing_keys (
    epoch      bigint      NOT NULL PRIMARY KEY,
    material   bytea       NOT NULL,
    created_at timestamptz NOT NULL
);

-- Where each subscription stands, and which process runs it until when, by the server's clock.
CREATE TABLE subscriptions (
    name           text COLLATE "C" NOT NULL PRIMARY KEY,
    transaction_id bigint      NOT NULL DEFAULT 0,
    position       bigint      NOT NULL DEFAULT 0,
    is_paused      boolean     NOT NULL DEFAULT false,
    holder         uuid,
    leased_until   timestamptz NOT NULL DEFAULT '-infinity',
    last_error     text
) WITH (fillfactor = 50);

-- Events a subscription gave up on.
CREATE TABLE dead_letters (
    subscription   text COLLATE "C" NOT NULL REFERENCES subscriptions (name),
    transaction_id bigint NOT NULL,
    position       bigint NOT NULL,
    event_id       uuid   NOT NULL,
    type           text   NOT NULL,
    error          text   NOT NULL,
    PRIMARY KEY (subscription, transaction_id, position)
);
