-- What has run out is found without looking at what has not: it is counted and deleted.

-- `sessions` keep their free space, though an update of the end is no longer kept within the page: sessions are seldom refreshed and
-- often touched.
CREATE INDEX sessions_by_end ON sessions (expires_at);
CREATE INDEX one_time_codes_by_end ON one_time_codes (expires_at);
CREATE INDEX invitations_by_end ON invitations (expires_at);
