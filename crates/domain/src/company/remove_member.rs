use chrono::{DateTime, Utc};
use thiserror::Error;

use super::{CompanyEvent, CompanyRight, Departure, Member, MembershipError, standing::Standing};
use crate::{
    caller::{Caller, Origin},
    id::UserId,
    identity::{CompanyDecision, Identity, Tries},
    port::StoreError,
};

/// Why a membership did not end.
#[derive(Debug, Error)]
pub enum RemoveMemberError {
    /// The caller may not.
    #[error(transparent)]
    Membership(#[from] MembershipError),
    /// Nobody of that id belongs to the caller's company or asks to.
    #[error("no such member")]
    MemberNotFound,
    /// The company would be without an owner.
    #[error("the company's last owner")]
    LastOwner,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Decides the end of a membership. Everybody may leave, who only asked to join may think again, and those may be sent away whom the actor
/// could have made. `owners` are the company's active owners, two of them at least if there are so many.
pub(crate) fn decide(
    actor: &Member,
    target: Option<&Member>,
    owners: &[Member],
    now: DateTime<Utc>,
) -> Result<CompanyDecision, RemoveMemberError> {
    let is_own = target.is_some_and(|target| target.user == actor.user);
    if !is_own {
        actor.require(CompanyRight::Manage)?;
    }
    let target = target.ok_or(RemoveMemberError::MemberNotFound)?;
    if !is_own {
        actor.require_to_make(target.role)?;
    }
    if target.is_last_owner(owners) {
        return Err(RemoveMemberError::LastOwner);
    }
    let reason = if is_own { Departure::Left } else { Departure::Removed };
    let event = CompanyEvent::MemberRemoved { user_id: target.user, reason };
    Ok(CompanyDecision::of_member(target.company, Some(target), event, now))
}

impl Identity {
    /// Ends a membership of the caller's company, their own or another's.
    pub async fn remove_member(
        &self,
        caller: &Caller,
        user: UserId,
        origin: &Origin,
    ) -> Result<(), RemoveMemberError> {
        let mut tries = Tries::many();
        loop {
            let Standing { company, member } = self.standing_in_company::<RemoveMemberError>(caller).await?;
            let target = self.member_of(&company, user).await?;
            let owners = self.two_owners(&company).await?;
            let now = self.now();
            let decision = decide(&member, target.as_ref(), &owners, now)?;
            match self.record_company(caller, origin, company, decision, now).await {
                Ok(_) => return Ok(()),
                Err(error) => tries.again(error)?,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        commit::RowChange,
        company::MemberRole,
        testing::{GivenCompany, asked, company_created, given_company, joined, person},
    };

    fn company() -> GivenCompany {
        given_company([
            company_created(),
            joined(1, MemberRole::Owner),
            joined(2, MemberRole::Manager),
            joined(3, MemberRole::Member),
            asked(4),
            joined(5, MemberRole::Manager),
        ])
    }

    fn remove(
        company: &GivenCompany,
        actor: u128,
        target: u128,
    ) -> Result<CompanyDecision, RemoveMemberError> {
        let target = Some(company.member(target));
        decide(company.member(actor), target, &company.owners(), DateTime::UNIX_EPOCH)
    }

    fn removed(number: u128, reason: Departure) -> CompanyEvent {
        CompanyEvent::MemberRemoved { user_id: person(number), reason }
    }

    #[test]
    fn an_owner_sends_anybody_away() {
        let two = company().after(&joined(6, MemberRole::Owner));
        for target in [2, 3, 4, 6] {
            let rows =
                two.when(|company| remove(company, 1, target)).then([removed(target, Departure::Removed)]);
            assert_eq!(rows, [RowChange::DeleteMember(person(target))]);
        }
    }

    #[test]
    fn a_manager_sends_plain_members_and_those_who_ask_away_and_nobody_else() {
        for target in [3, 4] {
            company().when(|company| remove(company, 2, target)).then([removed(target, Departure::Removed)]);
        }
        for target in [1, 5] {
            let refused = company().when(|company| remove(company, 2, target)).then_refused();
            let own = MembershipError::Denied(CompanyRight::Own);
            assert!(matches!(refused, RemoveMemberError::Membership(error) if error == own));
        }
    }

    #[test]
    fn a_member_sends_nobody_away_and_neither_does_who_asks() {
        let manage = MembershipError::Denied(CompanyRight::Manage);
        for (actor, error) in [(3, manage), (4, MembershipError::Pending)] {
            for target in [1, 2, 5] {
                let refused = company().when(|company| remove(company, actor, target)).then_refused();
                assert!(matches!(refused, RemoveMemberError::Membership(found) if found == error));
            }
            // Nor are they told who belongs to the company.
            let refused = company()
                .when(|company| decide(company.member(actor), None, &[], DateTime::UNIX_EPOCH))
                .then_refused();
            assert!(matches!(refused, RemoveMemberError::Membership(found) if found == error));
        }
    }

    #[test]
    fn everybody_may_leave_and_think_again_but_the_last_owner() {
        for own in [2, 3, 4] {
            company().when(|company| remove(company, own, own)).then([removed(own, Departure::Left)]);
        }
        let refused = company().when(|company| remove(company, 1, 1)).then_refused();
        assert!(matches!(refused, RemoveMemberError::LastOwner));
        let two = company().after(&joined(6, MemberRole::Owner));
        two.when(|company| remove(company, 1, 1)).then([removed(1, Departure::Left)]);
    }

    #[test]
    fn an_owner_who_is_alone_does_not_leave_either() {
        let alone = given_company([company_created(), joined(1, MemberRole::Owner)]);
        let refused = alone.when(|company| remove(company, 1, 1)).then_refused();
        assert!(matches!(refused, RemoveMemberError::LastOwner));
    }
}
