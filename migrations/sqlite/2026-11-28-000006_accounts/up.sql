-- What has run out is found without looking at what has not: it is counted and deleted.

CREATE INDEX sessions_by_end ON sessions (expires_at);
CREATE INDEX one_time_codes_by_end ON one_time_codes (expires_at);
CREATE INDEX invitations_by_end ON invitations (expires_at);
