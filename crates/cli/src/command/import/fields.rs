//! The fields of a person in a file: those that the API's `UserResponse` has, and the password's hash.

/// What is taken over, in the order that an export writes it.
pub(crate) const KEPT: [&str; 13] = [
    "email",
    "name",
    "username",
    "phone",
    "business_type",
    "business_number",
    "industry",
    "region",
    "role",
    "is_active",
    "is_verified",
    "created_at",
    "password_hash",
];

/// What an answer of the API or an export says besides, and what a new account has of its own.
const NOT_KEPT: [&str; 6] = ["id", "company", "stream_id", "stream_version", "updated_at", "last_login_at"];

pub(crate) fn is_kept(name: &str) -> bool {
    KEPT.contains(&name)
}

pub(crate) fn is_known(name: &str) -> bool {
    is_kept(name) || NOT_KEPT.contains(&name)
}
