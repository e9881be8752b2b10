//! The schemas of what happens to companies.

use super::{
    CompanyCreated, MemberApproved, MemberInvited, MemberJoined, MemberRemoved, MemberRoleChanged, NoFacts,
    Updated, name,
};
use crate::event::EventSchema;

/// A type's newest version is the one that is written; a version that was ever written stays here.
pub(crate) fn schemas() -> Vec<EventSchema> {
    vec![
        EventSchema::of::<CompanyCreated>(name::CREATED, 1),
        EventSchema::of::<Updated>(name::UPDATED, 1),
        EventSchema::of::<NoFacts>(name::CLOSED, 1),
        EventSchema::of::<MemberInvited>(name::MEMBER_INVITED, 1),
        EventSchema::of::<MemberJoined>(name::MEMBER_JOINED, 1),
        EventSchema::of::<MemberApproved>(name::MEMBER_APPROVED, 1),
        EventSchema::of::<MemberRemoved>(name::MEMBER_REMOVED, 1),
        EventSchema::of::<MemberRoleChanged>(name::MEMBER_ROLE_CHANGED, 1),
    ]
}
