-- A list of, or a search among, users of a role and activity reads those alone, however few meet it. The two are one expression, so that a range of
-- one kind ends where the kind does.
CREATE INDEX users_by_kind ON users ((role || CASE WHEN is_active THEN '+' ELSE '-' END), id);
CREATE INDEX users_by_kind_and_email ON users ((role || CASE WHEN is_active THEN '+' ELSE '-' END), email_folded, id);
CREATE INDEX users_by_kind_and_name ON users ((role || CASE WHEN is_active THEN '+' ELSE '-' END), name_folded, id);
CREATE INDEX users_by_kind_and_username ON users ((role || CASE WHEN is_active THEN '+' ELSE '-' END), username, id)
    WHERE username IS NOT NULL;

-- Without figures the server takes any kind for a small part of all, and never thinks that it may as well go through everybody.
ALTER INDEX users_by_kind ALTER COLUMN 1 SET STATISTICS 0;
ALTER INDEX users_by_kind_and_email ALTER COLUMN 1 SET STATISTICS 0;
ALTER INDEX users_by_kind_and_name ALTER COLUMN 1 SET STATISTICS 0;
ALTER INDEX users_by_kind_and_username ALTER COLUMN 1 SET STATISTICS 0;
