use chrono::{DateTime, Utc};
use thiserror::Error;

use super::{CompanyEvent, CompanyRight, Member, MemberRole, MembershipError, standing::Standing};
use crate::{
    caller::{Caller, Origin},
    id::UserId,
    identity::{CompanyDecision, Identity, Tries},
    port::StoreError,
    value::Violations,
};

/// Why a member's role was not changed.
#[derive(Debug, Error)]
pub enum ChangeMemberRoleError {
    /// There is no such role.
    #[error(transparent)]
    Invalid(#[from] Violations),
    /// The caller may not.
    #[error(transparent)]
    Membership(#[from] MembershipError),
    /// Nobody of that id belongs to the caller's company.
    #[error("no such member")]
    MemberNotFound,
    /// They are not in yet: first they are approved, then they become something.
    #[error("the member is not approved yet")]
    TargetPending,
    /// The company would be without an owner.
    #[error("the company's last owner")]
    LastOwner,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl MemberRole {
    /// Reads the field `role` of an input.
    pub fn parse(text: &str) -> Result<Self, Violations> {
        let mut violations = Violations::default();
        let role = Self::parse_field(&mut violations, text);
        violations.into_result(role)
    }

    pub(super) fn parse_field(violations: &mut Violations, text: &str) -> Option<Self> {
        let role = Self::from_name(text).ok_or("must be one of owner, manager, member");
        violations.field("role").parse(role)
    }
}

/// Decides a change of role. `owners` are the company's active owners, two of them at least if there are so many.
pub(crate) fn decide(
    actor: &Member,
    target: Option<&Member>,
    role: MemberRole,
    owners: &[Member],
    now: DateTime<Utc>,
) -> Result<CompanyDecision, ChangeMemberRoleError> {
    actor.require(CompanyRight::Own)?;
    let target = target.ok_or(ChangeMemberRoleError::MemberNotFound)?;
    if !target.is_active() {
        return Err(ChangeMemberRoleError::TargetPending);
    }
    if target.role == role {
        return Ok(CompanyDecision::default());
    }
    if target.is_last_owner(owners) {
        return Err(ChangeMemberRoleError::LastOwner);
    }
    let event = CompanyEvent::MemberRoleChanged { user_id: target.user, before: target.role, after: role };
    Ok(CompanyDecision::of_member(target.company, Some(target), event, now))
}

impl Identity {
    /// Makes a member of the caller's company something else to it; returns the membership.
    pub async fn change_member_role(
        &self,
        caller: &Caller,
        user: UserId,
        role: MemberRole,
        origin: &Origin,
    ) -> Result<Member, ChangeMemberRoleError> {
        let mut tries = Tries::many();
        loop {
            let Standing { company, member } =
                self.standing_in_company::<ChangeMemberRoleError>(caller).await?;
            let target = self.member_of(&company, user).await?;
            let owners = self.two_owners(&company).await?;
            let now = self.now();
            let decision = decide(&member, target.as_ref(), role, &owners, now)?;
            let changed = decision.member_after(target, now);
            match self.record_company(caller, origin, company, decision, now).await {
                Ok(_) => return changed.ok_or(ChangeMemberRoleError::MemberNotFound),
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
        testing::{GivenCompany, asked, company_created, given_company, joined, person},
    };

    fn company() -> GivenCompany {
        given_company([
            company_created(),
            joined(1, MemberRole::Owner),
            joined(2, MemberRole::Manager),
            joined(3, MemberRole::Member),
            asked(4),
        ])
    }

    fn change(
        company: &GivenCompany,
        (actor, target): (u128, u128),
        role: MemberRole,
    ) -> Result<CompanyDecision, ChangeMemberRoleError> {
        let now = DateTime::UNIX_EPOCH;
        decide(company.member(actor), Some(company.member(target)), role, &company.owners(), now)
    }

    fn changed(number: u128, before: MemberRole, after: MemberRole) -> CompanyEvent {
        CompanyEvent::MemberRoleChanged { user_id: person(number), before, after }
    }

    #[test]
    fn an_owner_makes_a_member_whatever_they_like() {
        for role in [MemberRole::Manager, MemberRole::Owner] {
            let rows = company().when(|company| change(company, (1, 3), role)).then([changed(
                3,
                MemberRole::Member,
                role,
            )]);
            assert_eq!(rows, [RowChange::PutMember(Member { role, ..company().member(3).clone() })]);
        }
    }

    #[test]
    fn nobody_but_an_owner_changes_a_role_not_even_their_own() {
        let own = MembershipError::Denied(CompanyRight::Own);
        for (actor, target, error) in
            [(2, 3, own), (2, 2, own), (2, 1, own), (3, 3, own), (4, 3, MembershipError::Pending)]
        {
            let refused =
                company().when(|company| change(company, (actor, target), MemberRole::Member)).then_refused();
            assert!(matches!(refused, ChangeMemberRoleError::Membership(found) if found == error), "{actor}");
        }
    }

    #[test]
    fn the_last_owner_stays_one() {
        let refused = company().when(|company| change(company, (1, 1), MemberRole::Manager)).then_refused();
        assert!(matches!(refused, ChangeMemberRoleError::LastOwner));
    }

    #[test]
    fn one_of_two_owners_may_be_made_something_else() {
        let two = company().after(&joined(5, MemberRole::Owner));
        for target in [1, 5] {
            two.when(|company| change(company, (1, target), MemberRole::Member)).then([changed(
                target,
                MemberRole::Owner,
                MemberRole::Member,
            )]);
        }
    }

    #[test]
    fn who_only_asks_to_join_is_made_nothing_yet() {
        let refused = company().when(|company| change(company, (1, 4), MemberRole::Owner)).then_refused();
        assert!(matches!(refused, ChangeMemberRoleError::TargetPending));
    }

    #[test]
    fn a_change_to_what_they_are_is_no_event() {
        company().when(|company| change(company, (1, 1), MemberRole::Owner)).then([]);
    }

    #[test]
    fn there_are_three_roles() {
        assert_eq!(MemberRole::parse("manager"), Ok(MemberRole::Manager));
        for text in ["", "Owner", "admin"] {
            assert!(MemberRole::parse(text).is_err(), "{text}");
        }
    }
}
