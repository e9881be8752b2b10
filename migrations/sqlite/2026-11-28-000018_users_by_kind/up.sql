-- A search among users of a role or activity reads those alone, however few meet it.
CREATE INDEX users_by_kind_and_email ON users (role, is_active, email_folded, id);
CREATE INDEX users_by_kind_and_name ON users (role, is_active, name_folded, id);
CREATE INDEX users_by_kind_and_username ON users (role, is_active, username, id) WHERE username IS NOT NULL;
