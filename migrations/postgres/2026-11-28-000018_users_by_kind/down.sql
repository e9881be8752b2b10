DROP INDEX users_by_kind;
DROP INDEX users_by_kind_and_email;
DROP INDEX users_by_kind_and_name;
DROP INDEX users_by_kind_and_username;
