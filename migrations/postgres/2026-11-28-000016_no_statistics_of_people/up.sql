-- Of these columns the server notes no values any more. Nothing is planned by them, and what it has noted it keeps when a table becomes
-- empty, as one of invitations or a month of attempts does with an erasure: analysing an empty table changes nothing. What it has noted
-- already goes with a type that is given anew, which rewrites nothing where it is the same.
ALTER TABLE invitations
    ALTER COLUMN email SET STATISTICS 0,
    ALTER COLUMN email_folded SET STATISTICS 0;
ALTER TABLE invitations
    ALTER COLUMN email TYPE text,
    ALTER COLUMN email_folded TYPE text COLLATE "C";
ALTER TABLE sessions
    ALTER COLUMN ip_address SET STATISTICS 0,
    ALTER COLUMN user_agent SET STATISTICS 0;
ALTER TABLE sessions
    ALTER COLUMN ip_address TYPE text,
    ALTER COLUMN user_agent TYPE text;
ALTER TABLE login_attempts
    ALTER COLUMN ip_address SET STATISTICS 0,
    ALTER COLUMN user_agent SET STATISTICS 0;
ALTER TABLE login_attempts
    ALTER COLUMN ip_address TYPE text,
    ALTER COLUMN user_agent TYPE text;

-- As before, and its columns like the parent's.
CREATE OR REPLACE FUNCTION make_login_attempts_partition(moment timestamptz) RETURNS void LANGUAGE plpgsql SET lock_timeout = '2s' AS $$
DECLARE
    month     timestamp   := date_trunc('month', moment AT TIME ZONE 'UTC');
    begins_at timestamptz := month AT TIME ZONE 'UTC';
    ends_at   timestamptz := (month + interval '1 month') AT TIME ZONE 'UTC';
    made      text        := 'login_attempts_' || to_char(month, 'YYYY_MM');
    full_name text        := quote_ident(current_schema()) || '.' || made;
BEGIN
    IF to_regclass(full_name) IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('portcullis login_attempts ' || quote_ident(current_schema()), 0));
    IF to_regclass(full_name) IS NOT NULL THEN
        RETURN;
    END IF;
    -- Who writes waits here, and not at the partition that it would have chosen by then, which refuses what is no longer its own.
    LOCK TABLE ONLY login_attempts IN SHARE ROW EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM login_attempts_rest WHERE at >= begins_at AND at < ends_at) THEN
        -- So does who reads: who knows the partitions already, and not this one, would miss what moves into it.
        LOCK TABLE ONLY login_attempts IN ACCESS EXCLUSIVE MODE;
    END IF;
    LOCK TABLE login_attempts_rest IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('CREATE TABLE %I (LIKE login_attempts)', made);
    EXECUTE format('ALTER TABLE %I ALTER COLUMN ip_address SET STATISTICS 0, ALTER COLUMN user_agent SET STATISTICS 0', made);
    EXECUTE format(
        'WITH moved AS (DELETE FROM login_attempts_rest WHERE at >= %L AND at < %L RETURNING *) INSERT INTO %I SELECT * FROM moved',
        begins_at, ends_at, made
    );
    EXECUTE format('ALTER TABLE login_attempts ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', made, begins_at, ends_at);
END
$$;
