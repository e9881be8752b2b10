use chrono::{DateTime, Utc};
use thiserror::Error;

use super::{CompanyEvent, CompanyRight, Member, MembershipError, standing::Standing};
use crate::{
    caller::{Caller, Origin},
    id::UserId,
    identity::{CompanyDecision, Identity, Tries},
    port::StoreError,
};

/// Why nobody was approved.
#[derive(Debug, Error)]
pub enum ApproveMemberError {
    /// The caller may not.
    #[error(transparent)]
    Membership(#[from] MembershipError),
    /// Nobody of that id asks to join the caller's company, or belongs to it.
    #[error("no such member")]
    MemberNotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Decides an approval. Whoever is in already stays in, and nothing happens: of two who approve at once both are told that it is done.
pub(crate) fn decide(
    actor: &Member,
    target: Option<&Member>,
    now: DateTime<Utc>,
) -> Result<CompanyDecision, ApproveMemberError> {
    actor.require(CompanyRight::Manage)?;
    let target = target.ok_or(ApproveMemberError::MemberNotFound)?;
    if target.is_active() {
        return Ok(CompanyDecision::default());
    }
    actor.require_to_make(target.role)?;
    let event = CompanyEvent::MemberApproved { user_id: target.user };
    Ok(CompanyDecision::of_member(target.company, Some(target), event, now))
}

impl Identity {
    /// Lets somebody who asks to join the caller's company in; returns the membership.
    pub async fn approve_member(
        &self,
        caller: &Caller,
        user: UserId,
        origin: &Origin,
    ) -> Result<Member, ApproveMemberError> {
        let mut tries = Tries::many();
        loop {
            let Standing { company, member } = self.standing_in_company::<ApproveMemberError>(caller).await?;
            let target = self.member_of(&company, user).await?;
            let now = self.now();
            let decision = decide(&member, target.as_ref(), now)?;
            let approved = decision.member_after(target, now);
            match self.record_company(caller, origin, company, decision, now).await {
                Ok(_) => return approved.ok_or(ApproveMemberError::MemberNotFound),
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
        company::{MemberRole, MemberStatus},
        testing::{GivenCompany, asked, company_created, given_company, joined, person},
    };

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn company() -> GivenCompany {
        given_company([
            company_created(),
            joined(1, MemberRole::Owner),
            joined(2, MemberRole::Manager),
            joined(3, MemberRole::Member),
            asked(4),
            asked(5),
        ])
    }

    #[test]
    fn owners_and_managers_let_in_who_asks() {
        for actor in [1, 2] {
            let rows = company()
                .when(|company| decide(company.member(actor), Some(company.member(4)), NOW))
                .then([CompanyEvent::MemberApproved { user_id: person(4) }]);
            let active = Member { status: MemberStatus::Active, ..company().member(4).clone() };
            assert_eq!(rows, [RowChange::PutMember(active)]);
        }
    }

    #[test]
    fn members_and_those_who_ask_let_nobody_in() {
        let approve = |actor| {
            company()
                .when(|company| decide(company.member(actor), Some(company.member(4)), NOW))
                .then_refused()
        };
        let denied = MembershipError::Denied(CompanyRight::Manage);
        assert!(matches!(approve(3), ApproveMemberError::Membership(error) if error == denied));
        for asking in [4, 5] {
            let refused = approve(asking);
            assert!(matches!(refused, ApproveMemberError::Membership(MembershipError::Pending)));
        }
    }

    #[test]
    fn who_is_in_already_stays_in_and_nothing_happens() {
        company().when(|company| decide(company.member(1), Some(company.member(3)), NOW)).then([]);
    }

    #[test]
    fn nobody_is_let_in_who_does_not_ask() {
        let refused = company().when(|company| decide(company.member(1), None, NOW)).then_refused();
        assert!(matches!(refused, ApproveMemberError::MemberNotFound));
    }
}
