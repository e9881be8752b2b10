DROP INDEX events_by_stream;
DROP INDEX events_by_actor;
DROP INDEX events_by_type;
DROP TABLE idempotent_requests;
DROP TABLE snapshots;
DROP TABLE stream_states;
-- Their claims; requests that were done under these keys can be done again.
DELETE FROM claims WHERE key LIKE 'idempotency\_key:%' ESCAPE '\';
