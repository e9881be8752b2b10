//! Who asks, from where, and what they may do.

use std::net::IpAddr;

use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

use crate::{
    event::Actor,
    id::{SessionId, UserId},
};

/// A caller whose token was verified and whose session lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub user: UserId,
    /// In which session.
    pub session: SessionId,
    /// What their role allows now.
    pub permissions: Vec<Permission>,
}

impl Caller {
    /// Refuses a caller whose role does not allow something.
    pub fn require(&self, required: Permission) -> Result<(), PermissionDenied> {
        if self.permissions.contains(&required) { Ok(()) } else { Err(PermissionDenied { required }) }
    }

    /// The caller as an event's actor.
    pub fn actor(&self) -> Actor {
        Actor::User(self.user.into())
    }
}

/// The caller's role does not allow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the permission {} is needed", .required.as_str())]
pub struct PermissionDenied {
    /// What would be needed.
    pub required: Permission,
}

/// Where a request came from. Personal data: it is sealed in events.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The client's address.
    pub ip_address: Option<IpAddr>,
    /// The client's `User-Agent`, at most [`Origin::MAX_USER_AGENT`] characters of it.
    pub user_agent: Option<String>,
}

impl Origin {
    /// More of a user agent serves nobody but an attacker.
    pub const MAX_USER_AGENT: usize = 256;

    /// Takes what a request says of itself.
    pub fn new(ip_address: Option<IpAddr>, user_agent: Option<&str>) -> Self {
        let user_agent = user_agent.map(|agent| agent.chars().take(Self::MAX_USER_AGENT).collect());
        Self { ip_address, user_agent }
    }
}

impl std::fmt::Debug for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Origin(***)")
    }
}

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ::serde::Serialize, ::serde::Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// Every one of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name on the wire and in stores.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }

            /// Reads a name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|item| item.as_str() == name)
            }
        }

        $crate::event::choice_schema!($name);
    };
}

pub(crate) use named;

named! {
    /// What a person is to the service.
    Role {
        /// Anybody with an account.
        User = "user",
        /// Sees all accounts.
        Moderator = "moderator",
        /// Does everything.
        Admin = "admin",
    }
}

named! {
    /// Something a caller may do beyond what is their own.
    Permission {
        /// Read any user.
        UserRead = "user:read",
        /// Create users.
        UserCreate = "user:create",
        /// Change any user.
        UserUpdate = "user:update",
        /// Erase any user.
        UserDelete = "user:delete",
        /// Change a user's role.
        UserUpdateRole = "user:update_role",
        /// Read any company.
        CompanyRead = "company:read",
        /// Read any stream.
        StreamRead = "stream:read",
        /// Write events on a stream within reach.
        StreamWrite = "stream:write",
        /// Register and change features.
        FeatureManage = "feature:manage",
        /// Ask what a token is.
        TokenIntrospect = "token:introspect",
    }
}

impl Permission {
    /// Reads a list of names as a token has it, for `#[serde(deserialize_with)]`. A name that is not known here is left out: a newer
    /// replica may know more, nobody here asks for a permission of that name, and leaving it out can only allow less.
    pub fn deserialize_known<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Self>, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        Ok(names.iter().filter_map(|name| Self::from_name(name)).collect())
    }
}

impl Role {
    /// The one table of what each role may do.
    pub const fn permissions(self) -> &'static [Permission] {
        use Permission::{CompanyRead, StreamRead, StreamWrite, UserRead};
        match self {
            Self::User => &[StreamWrite],
            Self::Moderator => &[UserRead, CompanyRead, StreamRead, StreamWrite],
            Self::Admin => Permission::ALL,
        }
    }
}
