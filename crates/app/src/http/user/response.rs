use poem_openapi::{Enum, Object};
use portcullis_domain::{
    caller::Role,
    user::Account,
    value::{Phone, ShortText, Username},
};
use uuid::Uuid;

use crate::http::{company::MembershipResponse, timestamp::Timestamp};

/// An account.
#[derive(Object)]
#[oai(rename = "UserResponse")]
pub(in crate::http) struct UserResponse {
    id: Uuid,
    email: String,
    username: Option<String>,
    name: String,
    phone: Option<String>,
    business_type: Option<String>,
    business_number: Option<String>,
    industry: Option<String>,
    region: Option<String>,
    role: RoleName,
    /// May sign in.
    is_active: bool,
    /// Has shown that the address is theirs.
    is_verified: bool,
    company: Option<MembershipResponse>,
    /// The history of this account.
    stream_id: Uuid,
    stream_version: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
    last_login_at: Option<Timestamp>,
}

/// What somebody is to the service.
#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "lowercase")]
pub(in crate::http) enum RoleName {
    User,
    Moderator,
    Admin,
}

impl From<Role> for RoleName {
    fn from(role: Role) -> Self {
        match role {
            Role::User => Self::User,
            Role::Moderator => Self::Moderator,
            Role::Admin => Self::Admin,
        }
    }
}

impl From<RoleName> for Role {
    fn from(role: RoleName) -> Self {
        match role {
            RoleName::User => Self::User,
            RoleName::Moderator => Self::Moderator,
            RoleName::Admin => Self::Admin,
        }
    }
}

impl From<Account> for UserResponse {
    fn from(Account { user, membership }: Account) -> Self {
        let stream_id = user.stream().into();
        let profile = user.profile;
        Self {
            id: user.id.into(),
            email: profile.email.into_string(),
            username: profile.username.map(Username::into_string),
            name: profile.name.into_string(),
            phone: profile.phone.map(Phone::into_string),
            business_type: profile.business_type.map(ShortText::into_string),
            business_number: profile.business_number.map(ShortText::into_string),
            industry: profile.industry.map(ShortText::into_string),
            region: profile.region.map(ShortText::into_string),
            role: user.role.into(),
            is_active: user.is_active,
            is_verified: user.is_verified,
            company: membership.map(Into::into),
            stream_id,
            stream_version: user.version,
            created_at: user.created_at.into(),
            updated_at: user.updated_at.into(),
            last_login_at: user.last_login_at.map(Into::into),
        }
    }
}
