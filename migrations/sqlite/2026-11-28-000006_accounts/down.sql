DROP INDEX invitations_by_end;
DROP INDEX one_time_codes_by_end;
DROP INDEX sessions_by_end;
