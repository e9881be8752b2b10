-- A list of, or a search among, users of a role and activity reads those alone, however few meet it. The two are one expression, so that a range of
-- one kind ends where the kind does.
CREATE INDEX users_by_kind ON users ((role || CASE WHEN is_active THEN '+' ELSE '-' END), id);
CREATE INDEX users_by_kind_and_email ON users ((role || CASE WHEN is_active THEN '+' ELSE '-' END), email_folded, id);
CREATE INDEX users_by_kind_and_name ON users ((role || CASE WHEN is_active THEN '+' ELSE '-' END), name_folded, id);
CREATE INDEX users_by_kind_and_username ON users ((role || CASE WHEN is_active THEN '+' ELSE '-' END), username, id)
    WHERE username IS NOT NULL;
