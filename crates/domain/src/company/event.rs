mod schema;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use schema::schemas;

use super::{MemberRole, MemberStatus};
use crate::{
    api_key::ApiKeyEvent,
    caller::named,
    event::{EventData, EventReadError, NewEvent, NoFacts, Present},
    id::{CompanyId, InvitationId, UserId},
    seal::DataKey,
    stream::StreamEvent,
    value::{CompanyName, ShortText},
};

/// What can happen to a company. Members are named by their ids alone; only the names of API keys are sealed, and `None` where the company's key is not
/// at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CompanyEvent {
    /// `company.created`
    Created(CompanyCreated),
    /// `company.updated`
    Updated {
        /// What changed.
        changes: CompanyChanges,
    },
    /// `company.closed`: its last member is gone.
    Closed,
    /// `company.member_invited`
    MemberInvited {
        /// Which invitation.
        invitation_id: InvitationId,
        /// What the invited will be.
        role: MemberRole,
        /// Until when it is good.
        expires_at: DateTime<Utc>,
    },
    /// `company.member_joined`
    MemberJoined {
        /// Who.
        user_id: UserId,
        /// As what.
        role: MemberRole,
        /// In already, or asking.
        status: MemberStatus,
        /// By which invitation.
        invitation_id: Option<InvitationId>,
    },
    /// `company.member_approved`
    MemberApproved {
        /// Who.
        user_id: UserId,
    },
    /// `company.member_removed`
    MemberRemoved {
        /// Who.
        user_id: UserId,
        /// Why.
        reason: Departure,
    },
    /// `api_key.*`: of a key that is the company's.
    ApiKey(ApiKeyEvent),
    /// `company.member_role_changed`
    MemberRoleChanged {
        /// Whose.
        user_id: UserId,
        /// What they were.
        before: MemberRole,
        /// What they are.
        after: MemberRole,
    },
    /// Of the stream itself, or of a type of a client's own: the company is none other after it.
    OfStream(StreamEvent),
}

/// The facts of `company.created`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CompanyCreated {
    /// Which.
    pub company_id: CompanyId,
    /// Its name.
    pub name: CompanyName,
    /// Its registration number.
    pub business_number: Option<ShortText>,
    /// Its industry.
    pub industry: Option<ShortText>,
    /// Its region.
    pub region: Option<ShortText>,
}

/// A field of a company that its owners and managers may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CompanyField {
    /// `name`
    Name,
    /// `business_number`
    BusinessNumber,
    /// `industry`
    Industry,
    /// `region`
    Region,
}

/// A field's text before and after a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CompanyChange {
    /// Before.
    pub before: Option<ShortText>,
    /// After.
    pub after: Option<ShortText>,
}

/// What changed in a company.
pub type CompanyChanges = BTreeMap<CompanyField, CompanyChange>;

named! {
    /// Why a membership ended.
    Departure {
        /// An owner or manager ended it.
        Removed = "removed",
        /// The member left.
        Left = "left",
        /// The member's account was erased.
        Erased = "erased",
    }
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Updated {
    changes: CompanyChanges,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct MemberInvited {
    invitation_id: InvitationId,
    role: MemberRole,
    expires_at: DateTime<Utc>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct MemberJoined {
    user_id: UserId,
    role: MemberRole,
    status: MemberStatus,
    invitation_id: Option<InvitationId>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct MemberApproved {
    user_id: UserId,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct MemberRemoved {
    user_id: UserId,
    reason: Departure,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct MemberRoleChanged {
    user_id: UserId,
    before: MemberRole,
    after: MemberRole,
}

/// Types are stored: never renamed. A changed shape is a new schema version, and the one before it gets a schema and an upcaster in
/// `schema.rs`.
mod name {
    pub(super) const CREATED: &str = "company.created";
    pub(super) const UPDATED: &str = "company.updated";
    pub(super) const CLOSED: &str = "company.closed";
    pub(super) const MEMBER_INVITED: &str = "company.member_invited";
    pub(super) const MEMBER_JOINED: &str = "company.member_joined";
    pub(super) const MEMBER_APPROVED: &str = "company.member_approved";
    pub(super) const MEMBER_REMOVED: &str = "company.member_removed";
    pub(super) const MEMBER_ROLE_CHANGED: &str = "company.member_role_changed";
}

crate::event::choice_schema!(CompanyField);

impl CompanyField {
    pub(super) const ALL: [Self; 4] = [Self::Name, Self::BusinessNumber, Self::Industry, Self::Region];
}

impl CompanyEvent {
    /// The type of the event that has an invitation mailed.
    pub const MEMBER_INVITED: &str = name::MEMBER_INVITED;

    /// Whose membership it is about.
    pub const fn member(&self) -> Option<UserId> {
        match self {
            Self::MemberJoined { user_id, .. }
            | Self::MemberApproved { user_id }
            | Self::MemberRemoved { user_id, .. }
            | Self::MemberRoleChanged { user_id, .. } => Some(*user_id),
            Self::Created(_)
            | Self::Updated { .. }
            | Self::Closed
            | Self::MemberInvited { .. }
            | Self::ApiKey(_)
            | Self::OfStream(_) => None,
        }
    }

    /// The event's type.
    pub fn event_type(&self) -> &str {
        match self {
            Self::Created(_) => name::CREATED,
            Self::Updated { .. } => name::UPDATED,
            Self::Closed => name::CLOSED,
            Self::MemberInvited { .. } => name::MEMBER_INVITED,
            Self::MemberJoined { .. } => name::MEMBER_JOINED,
            Self::MemberApproved { .. } => name::MEMBER_APPROVED,
            Self::MemberRemoved { .. } => name::MEMBER_REMOVED,
            Self::MemberRoleChanged { .. } => name::MEMBER_ROLE_CHANGED,
            Self::OfStream(event) => event.event_type(),
            Self::ApiKey(event) => event.event_type(),
        }
    }

    /// The schema version that [`data`](Self::data) is written in.
    pub const fn schema_version(&self) -> u32 {
        match self {
            Self::ApiKey(event) => event.schema_version(),
            Self::OfStream(event) => event.schema_version(),
            _ => 1,
        }
    }

    /// The facts.
    pub fn data(&self) -> EventData {
        match self {
            Self::Created(facts) => EventData::of(facts),
            Self::Updated { changes } => EventData::of(&Updated { changes: changes.clone() }),
            Self::Closed => EventData::of(&NoFacts {}),
            Self::MemberInvited { invitation_id, role, expires_at } => EventData::of(&MemberInvited {
                invitation_id: *invitation_id,
                role: *role,
                expires_at: *expires_at,
            }),
            Self::MemberJoined { user_id, role, status, invitation_id } => EventData::of(&MemberJoined {
                user_id: *user_id,
                role: *role,
                status: *status,
                invitation_id: *invitation_id,
            }),
            Self::MemberApproved { user_id } => EventData::of(&MemberApproved { user_id: *user_id }),
            Self::MemberRemoved { user_id, reason } => {
                EventData::of(&MemberRemoved { user_id: *user_id, reason: *reason })
            }
            Self::MemberRoleChanged { user_id, before, after } => {
                EventData::of(&MemberRoleChanged { user_id: *user_id, before: *before, after: *after })
            }
            Self::OfStream(event) => event.data(),
            Self::ApiKey(event) => event.data(),
        }
    }

    /// What is sealed: of what happens to a company nothing is personal, of its API keys what they are called, and of what happens to its
    /// stream the words of whoever did it.
    pub fn personal(&self) -> Option<serde_json::Value> {
        match self {
            Self::OfStream(event) => event.personal(),
            Self::ApiKey(event) => event.personal(),
            _ => None,
        }
    }

    /// Reads a stored event, without what is sealed in it.
    pub fn read(event: &NewEvent) -> Result<Self, EventReadError> {
        Self::open(event, None)
    }

    /// Reads a stored event; without the company's key what is sealed is `None`.
    pub fn open(stored: &NewEvent, key: Option<&DataKey>) -> Result<Self, EventReadError> {
        let event = Present::of(stored, &[])?;
        match event.shape() {
            (name::CREATED, 1) => Ok(Self::Created(event.data()?)),
            (name::UPDATED, 1) => {
                let Updated { changes } = event.data()?;
                Ok(Self::Updated { changes })
            }
            (name::CLOSED, 1) => Ok(Self::Closed),
            (name::MEMBER_INVITED, 1) => {
                let MemberInvited { invitation_id, role, expires_at } = event.data()?;
                Ok(Self::MemberInvited { invitation_id, role, expires_at })
            }
            (name::MEMBER_JOINED, 1) => {
                let MemberJoined { user_id, role, status, invitation_id } = event.data()?;
                Ok(Self::MemberJoined { user_id, role, status, invitation_id })
            }
            (name::MEMBER_APPROVED, 1) => {
                let MemberApproved { user_id } = event.data()?;
                Ok(Self::MemberApproved { user_id })
            }
            (name::MEMBER_REMOVED, 1) => {
                let MemberRemoved { user_id, reason } = event.data()?;
                Ok(Self::MemberRemoved { user_id, reason })
            }
            (name::MEMBER_ROLE_CHANGED, 1) => {
                let MemberRoleChanged { user_id, before, after } = event.data()?;
                Ok(Self::MemberRoleChanged { user_id, before, after })
            }
            (own, _) if own.starts_with(ApiKeyEvent::PREFIX) => {
                ApiKeyEvent::read(stored, key).map(Self::ApiKey)
            }
            _ => StreamEvent::read(event.event(), key)?.map(Self::OfStream).ok_or_else(|| event.unknown()),
        }
    }
}
