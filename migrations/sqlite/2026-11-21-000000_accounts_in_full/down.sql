DROP TABLE accesses;
DROP TABLE login_attempts;
DROP TABLE invitations;
DROP TABLE members;
DROP TABLE companies;
-- What the version before cannot read.
DELETE FROM claims WHERE key >= 'business_number:' AND key < 'business_number;';
DELETE FROM one_time_codes WHERE purpose = 'reset_password';

ALTER TABLE sessions DROP COLUMN ends_at;
ALTER TABLE credentials DROP COLUMN history;

DROP INDEX users_by_role_and_activity;
DROP INDEX users_by_activity;
DROP INDEX users_by_role;
DROP INDEX users_by_name;
DROP INDEX users_by_username;
DROP INDEX users_by_email;
CREATE INDEX users_by_email ON users (email_folded);
CREATE INDEX users_by_username ON users (username) WHERE username IS NOT NULL;
ALTER TABLE users DROP COLUMN name_folded;
ALTER TABLE users DROP COLUMN unlocks;
