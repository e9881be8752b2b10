use thiserror::Error;

use crate::{
    administration::{LastAdmin, keep_an_admin},
    api_key::Principal,
    caller::{Caller, Origin, Permission, PermissionDenied},
    commit::{Commit, RowChange},
    company::{Company, CompanyEvent, Departure, Member},
    event::Version,
    id::{CompanyId, UserId},
    identity::{Act, CompanyDecision, Decision, Identity, Tries},
    port::{HashError, StoreError},
    session::{AccountLocked, OwnPasswordError},
    user::{User, UserEvent},
    value::{Email, Password},
    verification::Purpose,
};

/// How many members are read at a time.
const MEMBERS: usize = 200;

/// Somebody who is no more: what whoever keeps copies beside the store finds those by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erased {
    /// The address they had.
    pub email: Email,
}

/// Why nobody was erased, whoever asked for it.
#[derive(Debug, Error)]
pub enum EraseError {
    /// There is no such account (any more).
    #[error("no such user")]
    NotFound,
    /// Nobody would be left to administer the service.
    #[error(transparent)]
    LastAdmin(#[from] LastAdmin),
    /// A company would be left without an owner.
    #[error("the last owner of a company with other members cannot be erased")]
    LastOwner,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why somebody who asked for their own erasure is there still.
#[derive(Debug, Error)]
pub enum EraseSelfError {
    /// It needs the password again, and that was wrong or missing.
    #[error("the password is needed again")]
    ReauthenticationRequired,
    /// Too many passwords were wrong before this one.
    #[error(transparent)]
    Locked(#[from] AccountLocked),
    /// The password could not be checked.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// What holds for everybody's erasure.
    #[error(transparent)]
    Erase(#[from] EraseError),
}

impl From<OwnPasswordError> for EraseSelfError {
    fn from(error: OwnPasswordError) -> Self {
        match error {
            OwnPasswordError::Wrong => Self::ReauthenticationRequired,
            OwnPasswordError::Locked(locked) => locked.into(),
            OwnPasswordError::Hash(error) => error.into(),
            OwnPasswordError::Store(error) => EraseError::from(error).into(),
        }
    }
}

/// Why an administrator erased nobody.
#[derive(Debug, Error)]
pub enum EraseUserError {
    /// The caller may not erase others.
    #[error(transparent)]
    Denied(#[from] PermissionDenied),
    /// One's own erasure is another act, which needs the password again.
    #[error("one's own erasure needs the password")]
    ReauthenticationRequired,
    /// What holds for everybody's erasure.
    #[error(transparent)]
    Erase(#[from] EraseError),
}

/// Decides the erasure of a person: everything that is held on them beside the log goes, and what the log says of them is for nobody to read
/// once their data key is gone, which the commit destroys with it.
pub(crate) fn decide(user: &User) -> Decision {
    let id = user.id;
    Decision {
        events: vec![UserEvent::Deleted],
        rows: vec![
            RowChange::DeleteSessionsOf(id),
            RowChange::DeleteOneTimeCodesOf(id, Purpose::VerifyEmail),
            RowChange::DeleteOneTimeCodesOf(id, Purpose::ResetPassword),
            RowChange::DeleteLoginAttemptsOf(id),
            RowChange::DeleteAccessesTo(user.stream()),
            RowChange::DeleteStreamState(user.stream()),
            RowChange::DeleteSnapshotsBelow(user.stream(), Version::MAX),
            RowChange::DeleteInvitationsTo(user.profile.email.clone()),
            RowChange::DeleteMember(id),
            RowChange::DeleteApiKeysOf(Principal::User(id)),
            RowChange::DeleteCredential(id),
            RowChange::DeleteUser(id),
        ],
    }
}

/// Decides what the erasure of a member does to their company: it goes on without them, unless it would have members and no owner; a company
/// whose last member goes is closed.
pub(crate) fn decide_departure(
    member: &Member,
    owners: &[Member],
    has_others: bool,
) -> Result<CompanyDecision, EraseError> {
    let is_last_owner = member.is_owner() && owners.iter().all(|owner| owner.user == member.user);
    if is_last_owner && has_others {
        return Err(EraseError::LastOwner);
    }
    let removed = CompanyEvent::MemberRemoved { user_id: member.user, reason: Departure::Erased };
    let closed = is_last_owner.then_some(CompanyEvent::Closed);
    let rows = closed.is_some().then_some(RowChange::DeleteApiKeysOf(Principal::Company(member.company)));
    Ok(CompanyDecision {
        events: std::iter::once(removed).chain(closed).collect(),
        rows: rows.into_iter().collect(),
    })
}

impl Identity {
    /// Erases the caller, who gives the password again.
    pub async fn erase_self(
        &self,
        caller: &Caller,
        password: Option<&Password>,
        origin: &Origin,
    ) -> Result<Erased, EraseSelfError> {
        let user = self.ports().users.find(caller.user).await.map_err(EraseError::from)?;
        let user = user.ok_or(EraseError::NotFound)?;
        let password = password.ok_or(EraseSelfError::ReauthenticationRequired)?;
        self.check_own_password(&user, password, origin).await?;
        Ok(self.erase(caller, caller.user, origin).await?)
    }

    /// Erases somebody, by an administrator; one's own erasure is [`erase_self`](Self::erase_self).
    pub async fn erase_user(
        &self,
        caller: &Caller,
        user: UserId,
        origin: &Origin,
    ) -> Result<Erased, EraseUserError> {
        caller.require(Permission::UserDelete)?;
        if caller.user == user {
            return Err(EraseUserError::ReauthenticationRequired);
        }
        Ok(self.erase(caller, user, origin).await?)
    }

    async fn erase(&self, caller: &Caller, id: UserId, origin: &Origin) -> Result<Erased, EraseError> {
        let mut tries = Tries::many();
        loop {
            let user = self.ports().users.find(id).await?.ok_or(EraseError::NotFound)?;
            let Some(key) = self.data_key(id.into()).await? else {
                // Erased by another since it was read; or the store lost the key.
                self.ports().users.find(id).await?.ok_or(EraseError::NotFound)?;
                return Err(StoreError::corrupt("an account without a data key").into());
            };
            let act = self.act_of(caller, origin, self.now()).await?;
            let mut commit = Commit { shred: vec![id.into()], ..Commit::default() };
            let other_admin = self.other_admin(&user).await?;
            keep_an_admin(&user, other_admin)?;
            commit.guards.extend(other_admin);
            self.stage_departure(&mut commit, id, &act).await?;
            // After the commit these are gone.
            let sessions = self.ports().sessions.list_by_user(id).await?;
            self.stage(&mut commit, id, Some(&user), &key, &act, decide(&user));
            match self.ports().events.commit(commit).await {
                Ok(_) => {
                    let ended: Vec<_> = sessions.into_iter().map(|session| session.id).collect();
                    self.forget_ended(&ended).await;
                    return Ok(Erased { email: user.profile.email });
                }
                Err(error) => tries.again(error)?,
            }
        }
    }

    async fn stage_departure(
        &self,
        commit: &mut Commit,
        id: UserId,
        act: &Act<'_>,
    ) -> Result<(), EraseError> {
        let ports = self.ports();
        let Some(membership) = ports.members.find(id).await? else { return Ok(()) };
        let company: Company = ports
            .companies
            .find(membership.member.company)
            .await?
            .ok_or_else(|| StoreError::corrupt("a member of no company"))?;
        // After the company: what changed since its version makes the commit conflict.
        let Some(membership) = ports.members.find(id).await? else {
            return Err(StoreError::Contention.into());
        };
        let owners = ports.members.list_owners(company.id, 2).await?;
        let has_others = self.has_active_member_but(company.id, id).await?;
        let decision = decide_departure(&membership.member, &owners, has_others)?;
        let key = self.data_key(company.id.into()).await?;
        let key = key.ok_or_else(|| StoreError::corrupt("a company without a data key"))?;
        self.stage_company(commit, company.id, Some(&company), &key, act, decision);
        Ok(())
    }

    /// Whether somebody else is in the company. Who merely asks to be is not: else a stranger could keep its owner from going.
    async fn has_active_member_but(&self, company: CompanyId, user: UserId) -> Result<bool, StoreError> {
        let mut after = None;
        loop {
            let page = self.ports().members.list_by_company(company, after, MEMBERS).await?;
            if page.iter().any(|member| member.user != user && member.is_active()) {
                return Ok(true);
            }
            if page.len() < MEMBERS {
                return Ok(false);
            }
            after = page.last().map(|member| member.user);
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;
    use crate::{
        company::{MemberRole, MemberStatus},
        id::CompanyId,
        testing::{created, given},
    };

    fn member(user: u128, role: MemberRole) -> Member {
        Member {
            user: UserId::new(Uuid::from_u128(user)),
            company: CompanyId::new(Uuid::from_u128(9)),
            role,
            status: MemberStatus::Active,
            joined_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn an_erased_person_is_no_account_and_gives_their_address_back() {
        let user = given([created()]).user();
        let rows =
            given([created()]).when(|user| Ok::<_, EraseError>(decide(user))).then([UserEvent::Deleted]);
        assert_eq!(rows.last(), Some(&RowChange::DeleteUser(user.id)), "what refers to the user goes first");
        assert_eq!(User::apply(Some(user), &UserEvent::Deleted, DateTime::UNIX_EPOCH), None);
    }

    #[test]
    fn a_company_goes_on_without_an_erased_member() {
        let (member, owner) = (member(1, MemberRole::Member), member(2, MemberRole::Owner));
        let decision = decide_departure(&member, &[owner], true).expect("goes");
        let reason = Departure::Erased;
        assert_eq!(decision.events, [CompanyEvent::MemberRemoved { user_id: member.user, reason }]);
    }

    #[test]
    fn the_last_owner_of_others_cannot_be_erased() {
        let owner = member(1, MemberRole::Owner);
        let refused = decide_departure(&owner, std::slice::from_ref(&owner), true);
        assert!(matches!(refused, Err(EraseError::LastOwner)));
        let other = member(2, MemberRole::Owner);
        assert!(decide_departure(&owner, &[owner.clone(), other], true).is_ok());
    }

    #[test]
    fn a_company_whose_last_member_is_erased_is_closed() {
        let owner = member(1, MemberRole::Owner);
        let decision = decide_departure(&owner, std::slice::from_ref(&owner), false).expect("goes");
        assert_eq!(decision.events.last(), Some(&CompanyEvent::Closed));
    }
}
