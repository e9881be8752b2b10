DROP TABLE login_attempts;
DROP FUNCTION make_login_attempts_partition(timestamptz);
DROP FUNCTION drop_login_attempts_partition(timestamptz);
DROP TABLE accesses;
DROP TABLE invitations;
DROP TABLE members;
DROP TABLE companies;

-- What the version before this one cannot read, and keys of what is gone.
DELETE FROM one_time_codes WHERE purpose <> 'verify_email';
DELETE FROM claims WHERE key LIKE 'business\_number:%';

ALTER TABLE sessions DROP COLUMN ends_at;
ALTER TABLE credentials DROP COLUMN history;

-- The index on names goes with its column.
DROP INDEX users_by_standing;
DROP INDEX users_by_role;
DROP INDEX users_by_username;
DROP INDEX users_by_email;
ALTER TABLE users DROP COLUMN name_folded, DROP COLUMN unlocks;
CREATE INDEX users_by_email ON users (email_folded);
CREATE INDEX users_by_username ON users (username) WHERE username IS NOT NULL;
