DROP TABLE dead_letters;
DROP TABLE subscriptions;
DROP TABLE signing_keys;
DROP TABLE subject_keys;
DROP TABLE one_time_codes;
DROP TABLE sessions;
DROP TABLE credentials;
DROP TABLE users;
DROP TABLE claims;
-- Its triggers go with it, and dropping does not fire them.
DROP TABLE events;
DROP TABLE streams;
