//! The one place that says who may see and write which stream, and how much of what is sealed in it they are shown.

use thiserror::Error;

use crate::{
    caller::{Caller, Permission, PermissionDenied},
    company::{CompanyRight, Membership},
    event::{Actor, StreamKind},
    id::{CompanyId, StreamId, UserId},
    identity::Identity,
    port::{StoreError, StreamHead},
};

/// What a caller is to a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    /// It is their own.
    Own,
    /// It is their company's, which they manage.
    Company,
    /// It is that of a member of the company that they manage.
    Member,
    /// Nothing.
    Stranger,
}

/// How much of what is sealed in a stream a caller is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// All of it: who may read any account may read any account's history.
    All,
    /// What it says of its own subject, and where they themselves were.
    Own,
    /// As much as a list of members shows: the address and the name.
    Contact,
    /// Nothing.
    Events,
}

/// A stream that a caller may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReachedStream {
    /// Where it is.
    pub head: StreamHead,
    /// How much of what is sealed in it is for them.
    pub sight: Sight,
    relation: Relation,
}

/// Why a caller does not see a stream.
#[derive(Debug, Error)]
pub enum ReachError {
    /// There is none, or none for them: which, they are not told.
    #[error("no such stream")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a caller does not write on a stream.
#[derive(Debug, Error)]
pub enum WriteReachError {
    /// They do not even see it.
    #[error(transparent)]
    Reach(#[from] ReachError),
    /// They see it, and that is all.
    #[error(transparent)]
    Denied(#[from] PermissionDenied),
}

/// The company that a caller manages, if any.
fn managed(membership: Option<&Membership>) -> Option<CompanyId> {
    let member = &membership?.member;
    member.require(CompanyRight::Manage).ok().map(|()| member.company)
}

/// The table of who sees what of whose stream; `None` sees nothing, and is not told that there is something.
fn sight(caller: &Caller, relation: Relation) -> Option<Sight> {
    let reads = |permission| caller.require(permission).is_ok();
    match relation {
        Relation::Own => Some(Sight::Own),
        _ if reads(Permission::StreamRead) && reads(Permission::UserRead) => Some(Sight::All),
        Relation::Company => Some(Sight::Own),
        Relation::Member => Some(Sight::Contact),
        Relation::Stranger => reads(Permission::StreamRead).then_some(Sight::Events),
    }
}

/// Who may write on a stream that they see: everybody on their own, and managers on their company's; those who see all streams on any of them.
fn check_write(caller: &Caller, relation: Relation) -> Result<(), PermissionDenied> {
    caller.require(Permission::StreamWrite)?;
    match relation {
        Relation::Own | Relation::Company => Ok(()),
        Relation::Member | Relation::Stranger => caller
            .require(Permission::StreamRead)
            .map_err(|_| PermissionDenied { required: Permission::StreamWrite }),
    }
}

impl ReachedStream {
    /// Whether the caller looks at somebody else's data when what they may see is opened.
    pub(crate) fn is_look_at_another(&self) -> bool {
        match self.sight {
            Sight::All | Sight::Contact => true,
            Sight::Own | Sight::Events => false,
        }
    }
}

impl Sight {
    /// Whether a sealed fact is shown, by the name of its field.
    pub(crate) fn opens(self, field: &str) -> bool {
        match self {
            Self::All | Self::Own => true,
            Self::Contact => matches!(field, "email" | "name"),
            Self::Events => false,
        }
    }

    /// Whether it is shown where somebody was when they acted: one's own whereabouts are always one's own.
    pub(crate) fn opens_origin_of(self, caller: &Caller, actor: Actor) -> bool {
        self == Self::All || actor == caller.actor()
    }
}

impl Identity {
    /// A stream that the caller may see.
    pub async fn reach_stream(&self, caller: &Caller, stream: StreamId) -> Result<ReachedStream, ReachError> {
        let relation = self.relation(caller, stream).await?;
        let sight = sight(caller, relation).ok_or(ReachError::NotFound)?;
        let head = self.ports().events.head(stream).await?.ok_or(ReachError::NotFound)?;
        Ok(ReachedStream { head, sight, relation })
    }

    /// A stream that the caller may write on.
    pub(crate) async fn reach_to_write(
        &self,
        caller: &Caller,
        stream: StreamId,
    ) -> Result<ReachedStream, WriteReachError> {
        let reached = self.reach_stream(caller, stream).await?;
        check_write(caller, reached.relation)?;
        Ok(reached)
    }

    /// The company whose streams the caller sees, as its owner or manager.
    pub(crate) async fn managed_company(&self, caller: &Caller) -> Result<Option<CompanyId>, StoreError> {
        let membership = self.ports().members.find(caller.user).await?;
        Ok(managed(membership.as_ref()))
    }

    async fn relation(&self, caller: &Caller, stream: StreamId) -> Result<Relation, StoreError> {
        if stream == caller.user.into() {
            return Ok(Relation::Own);
        }
        let Some(company) = self.managed_company(caller).await? else { return Ok(Relation::Stranger) };
        if stream == company.into() {
            return Ok(Relation::Company);
        }
        Ok(if self.is_stream_of_member(stream, company).await? {
            Relation::Member
        } else {
            Relation::Stranger
        })
    }

    /// Whether a stream is that of somebody who belongs to a company, and does not only ask to.
    pub(crate) async fn is_stream_of_member(
        &self,
        stream: StreamId,
        company: CompanyId,
    ) -> Result<bool, StoreError> {
        let other = self.ports().members.find(UserId::new(stream.into())).await?;
        Ok(other.is_some_and(|other| other.member.company == company && other.member.is_active()))
    }

    /// Whether there is somebody or something still that a stream is of.
    pub(crate) async fn has_subject(&self, head: &StreamHead) -> Result<bool, StoreError> {
        Ok(match head.kind {
            StreamKind::User => self.ports().users.find(UserId::new(head.stream.into())).await?.is_some(),
            StreamKind::Company => {
                self.ports().companies.find(CompanyId::new(head.stream.into())).await?.is_some()
            }
            // What happens to features is the service's to write.
            StreamKind::Feature => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{caller::Role, id::SessionId};

    fn caller(permissions: &[Permission]) -> Caller {
        Caller {
            user: UserId::new(Uuid::from_u128(1)),
            session: SessionId::new(Uuid::from_u128(2)),
            permissions: permissions.to_vec(),
        }
    }

    const RELATIONS: [Relation; 4] = [Relation::Own, Relation::Company, Relation::Member, Relation::Stranger];

    #[test]
    fn who_sees_what_stands_in_one_table() {
        let seen = |caller: &Caller| RELATIONS.map(|relation| sight(caller, relation));
        let user = caller(Role::User.permissions());
        assert_eq!(seen(&user), [Some(Sight::Own), Some(Sight::Own), Some(Sight::Contact), None]);
        for role in [Role::Moderator, Role::Admin] {
            let all = Some(Sight::All);
            assert_eq!(seen(&caller(role.permissions())), [Some(Sight::Own), all, all, all]);
        }
        let streams_alone = caller(&[Permission::StreamRead]);
        assert_eq!(sight(&streams_alone, Relation::Stranger), Some(Sight::Events));
        assert_eq!(sight(&caller(&[Permission::UserRead]), Relation::Stranger), None);
    }

    #[test]
    fn users_write_on_their_own_stream_and_managers_on_their_companys() {
        let written = |caller: &Caller| RELATIONS.map(|relation| check_write(caller, relation).is_ok());
        assert_eq!(written(&caller(Role::User.permissions())), [true, true, false, false]);
        assert_eq!(written(&caller(Role::Admin.permissions())), [true; 4]);
        assert_eq!(written(&caller(&[Permission::StreamRead])), [false; 4]);
        let denied = check_write(&caller(&[Permission::StreamWrite]), Relation::Member);
        assert_eq!(denied, Err(PermissionDenied { required: Permission::StreamWrite }));
    }

    #[test]
    fn ones_own_whereabouts_are_shown_to_oneself_and_to_those_who_see_all() {
        let me = caller(Role::User.permissions());
        let other = Actor::User(Uuid::from_u128(9));
        assert!(Sight::Contact.opens_origin_of(&me, me.actor()));
        assert!(!Sight::Own.opens_origin_of(&me, other));
        assert!(Sight::All.opens_origin_of(&me, other));
        assert!(Sight::Contact.opens("name") && !Sight::Contact.opens("phone"));
    }
}
