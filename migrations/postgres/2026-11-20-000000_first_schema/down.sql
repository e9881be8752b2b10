DROP TABLE dead_letters;
DROP TABLE subscriptions;
DROP TABLE signing_keys;
DROP TABLE subject_keys;
DROP TABLE one_time_codes;
DROP TABLE sessions;
DROP TABLE credentials;
DROP TABLE users;
DROP TABLE claims;
-- Its trigger goes with it, and dropping does not fire it.
DROP TABLE events;
DROP FUNCTION refuse_change_of_events();
DROP SEQUENCE event_positions;
DROP TABLE streams;
