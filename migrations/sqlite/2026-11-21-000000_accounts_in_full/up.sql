-- Companies and who belongs to them, lists of users, the history of sign-ins, and who looked at whose data.

ALTER TABLE users ADD COLUMN unlocks INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN name_folded TEXT NOT NULL DEFAULT '';
-- Given by the program that migrates: `lower` folds the letters of English alone.
UPDATE users SET name_folded = fold_case(name);

-- Searches read one range of these in the order of term and id, without the table.
DROP INDEX users_by_email;
DROP INDEX users_by_username;
CREATE INDEX users_by_email ON users (email_folded, id);
CREATE INDEX users_by_name ON users (name_folded, id);
CREATE INDEX users_by_username ON users (username, id) WHERE username IS NOT NULL;
-- Lists, newest first, of those who are few: without a filter the table itself is in their order.
CREATE INDEX users_by_role ON users (role, id);
CREATE INDEX users_by_activity ON users (is_active, id);
CREATE INDEX users_by_role_and_activity ON users (role, is_active, id);

ALTER TABLE credentials ADD COLUMN history TEXT NOT NULL DEFAULT '[]';

-- From the first version on a session ends 90 days after its sign-in unless another time is set.
ALTER TABLE sessions ADD COLUMN ends_at INTEGER NOT NULL DEFAULT 0;
UPDATE sessions SET ends_at = created_at + 90 * 86400000000;
UPDATE sessions SET expires_at = ends_at WHERE expires_at > ends_at;

CREATE TABLE companies (
    id              BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    version         INTEGER NOT NULL,
    name            TEXT NOT NULL,
    business_number TEXT,
    industry        TEXT,
    region          TEXT,
    is_active       INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A commit that founds a company lists its rows in the order of its decisions, so a member may come before the company.
CREATE TABLE members (
    user_id    BLOB NOT NULL PRIMARY KEY REFERENCES users (id),
    company_id BLOB NOT NULL CHECK (length(company_id) = 16),
    role       TEXT NOT NULL,
    status     TEXT NOT NULL,
    joined_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX members_by_company ON members (company_id, user_id);
CREATE INDEX members_by_standing ON members (company_id, role, status, user_id);

CREATE TABLE invitations (
    id           BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    company_id   BLOB NOT NULL CHECK (length(company_id) = 16),
    role         TEXT NOT NULL,
    email        TEXT,
    email_folded TEXT,
    language     TEXT NOT NULL,
    invited_by   BLOB NOT NULL CHECK (length(invited_by) = 16),
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX invitations_by_email ON invitations (email_folded) WHERE email_folded IS NOT NULL;

CREATE TABLE login_attempts (
    id         BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    user_id    BLOB NOT NULL REFERENCES users (id),
    at         INTEGER NOT NULL,
    ip_address TEXT,
    user_agent TEXT,
    failure    TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX login_attempts_by_user ON login_attempts (user_id, at, id);
CREATE INDEX login_attempts_by_time ON login_attempts (at);

-- Of streams, which outlive what they are of.
CREATE TABLE accesses (
    id         BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    stream_id  BLOB NOT NULL CHECK (length(stream_id) = 16),
    actor_kind TEXT NOT NULL,
    actor_id   BLOB CHECK (length(actor_id) = 16),
    what       TEXT NOT NULL,
    at         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX accesses_by_stream ON accesses (stream_id, at, id);
CREATE INDEX accesses_by_time ON accesses (at);
