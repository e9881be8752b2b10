use std::ops::RangeInclusive;

use chrono::{DateTime, TimeDelta, Utc};
use thiserror::Error;

use super::{CompanyEvent, Invitation, Member, MemberRole, MembershipError, standing::Standing};
use crate::{
    caller::{Caller, Origin},
    commit::RowChange,
    id::InvitationId,
    identity::{CompanyDecision, Identity, Tries},
    port::StoreError,
    value::{CompanyName, Email, Language, Secret, Violations},
};

/// How long an invitation may be good, in seconds: an hour to thirty days.
const LIFETIMES: RangeInclusive<i64> = 3_600..=30 * 86_400;
/// How long it is good unless told, in seconds: seven days.
const LIFETIME: i64 = 7 * 86_400;

/// What somebody sends to invite, as text.
#[derive(Debug, Default)]
pub struct InviteInput {
    /// `email`
    pub email: Option<String>,
    /// `role`
    pub role: Option<String>,
    /// `expires_in`, in seconds.
    pub expires_in: Option<i64>,
    /// The language of the mail.
    pub language: Language,
}

/// An invitation to be made, every field valid.
#[derive(Clone, Debug)]
pub struct Invite {
    /// Whom it is mailed to and good for; without one it is good for whoever holds the code.
    pub email: Option<Email>,
    /// What the invited will be.
    pub role: MemberRole,
    /// How long it is good.
    pub lifetime: TimeDelta,
    /// The language of the mail.
    pub language: Language,
}

/// A new invitation with its code, which is shown this once; whoever is invited by mail finds it there, too.
#[derive(Clone, Debug)]
pub struct IssuedInvitation {
    /// The invitation.
    pub invitation: Invitation,
    /// The code.
    pub code: Secret,
}

/// What is mailed of an invitation.
#[derive(Clone, Debug)]
pub struct InvitationMail {
    /// Whom to.
    pub to: Email,
    /// In which language.
    pub language: Language,
    /// To which company.
    pub company: CompanyName,
    /// The code.
    pub code: Secret,
    /// Until when it is good.
    pub expires_at: DateTime<Utc>,
}

/// Why nobody was invited.
#[derive(Debug, Error)]
pub enum InviteMemberError {
    /// Fields are invalid.
    #[error(transparent)]
    Invalid(#[from] Violations),
    /// The caller may not.
    #[error(transparent)]
    Membership(#[from] MembershipError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Invite {
    /// Parses what somebody sent; all violations at once.
    pub fn parse(input: InviteInput) -> Result<Self, Violations> {
        let InviteInput { email, role, expires_in, language } = input;
        let mut violations = Violations::default();
        let email = email.map_or(Some(None), |text| violations.email(&text).map(Some));
        let role =
            role.map_or(Some(MemberRole::Member), |text| MemberRole::parse_field(&mut violations, &text));
        let seconds = expires_in.unwrap_or(LIFETIME);
        if !LIFETIMES.contains(&seconds) {
            let (shortest, longest) = (LIFETIMES.start(), LIFETIMES.end());
            violations.field("expires_in").refuse(format_args!("must be {shortest} to {longest} seconds"));
        }
        let lifetime = TimeDelta::try_seconds(seconds).unwrap_or_default();
        let invite = email.zip(role).map(|(email, role)| Self { email, role, lifetime, language });
        violations.into_result(invite)
    }

    fn issue(self, id: InvitationId, by: &Member, now: DateTime<Utc>) -> Invitation {
        let Self { email, role, lifetime, language } = self;
        let expires_at = now + lifetime;
        let (company, invited_by) = (by.company, by.user);
        Invitation { id, company, role, email, language, invited_by, created_at: now, expires_at }
    }
}

/// Decides an invitation: one invites to what one could make somebody.
pub(crate) fn decide(actor: &Member, invitation: &Invitation) -> Result<CompanyDecision, MembershipError> {
    actor.require_to_make(invitation.role)?;
    let Invitation { id, role, expires_at, .. } = *invitation;
    Ok(CompanyDecision {
        events: vec![CompanyEvent::MemberInvited { invitation_id: id, role, expires_at }],
        rows: vec![RowChange::PutInvitation(invitation.clone())],
    })
}

impl Identity {
    /// Invites somebody to the caller's company. Where an address is named the invitation is mailed to it.
    pub async fn invite_member(
        &self,
        caller: &Caller,
        invite: Invite,
        origin: &Origin,
    ) -> Result<IssuedInvitation, InviteMemberError> {
        let mut tries = Tries::many();
        loop {
            let Standing { company, member } = self.standing_in_company::<InviteMemberError>(caller).await?;
            let now = self.now();
            let invitation = invite.clone().issue(self.new_id(now), &member, now);
            let decision = decide(&member, &invitation)?;
            let code = invitation.code(&self.company_key(company.id).await?);
            match self.record_company(caller, origin, company, decision, now).await {
                Ok(_) => return Ok(IssuedInvitation { invitation, code }),
                Err(error) => tries.again(error)?,
            }
        }
    }

    /// What is to be mailed of an invitation; nothing, where it names nobody, was used already, or has run out.
    pub async fn invitation_mail(&self, id: InvitationId) -> Result<Option<InvitationMail>, StoreError> {
        let Some(invitation) = self.ports().invitations.find(id).await? else { return Ok(None) };
        let Some(to) = invitation.email.clone().filter(|_| self.now() < invitation.expires_at) else {
            return Ok(None);
        };
        let Some(company) = self.ports().companies.find(invitation.company).await? else { return Ok(None) };
        let code = invitation.code(&self.company_key(company.id).await?);
        let Invitation { language, expires_at, .. } = invitation;
        Ok(Some(InvitationMail { to, language, company: company.name, code, expires_at }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        company::CompanyRight,
        testing::{GivenCompany, asked, company_created, given_company, invitation, joined},
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

    fn invite(
        company: &GivenCompany,
        actor: u128,
        role: MemberRole,
    ) -> Result<CompanyDecision, MembershipError> {
        decide(company.member(actor), &invitation(role))
    }

    #[test]
    fn an_owner_invites_to_every_role_and_a_manager_to_the_plainest() {
        let may = [
            (1, MemberRole::Owner),
            (1, MemberRole::Manager),
            (1, MemberRole::Member),
            (2, MemberRole::Member),
        ];
        for (actor, role) in may {
            let Invitation { id, expires_at, .. } = invitation(role);
            let rows = company()
                .when(|company| invite(company, actor, role))
                .then([CompanyEvent::MemberInvited { invitation_id: id, role, expires_at }]);
            assert_eq!(rows, [RowChange::PutInvitation(invitation(role))]);
        }
        for role in [MemberRole::Owner, MemberRole::Manager] {
            let refused = company().when(|company| invite(company, 2, role)).then_refused();
            assert_eq!(refused, MembershipError::Denied(CompanyRight::Own));
        }
    }

    #[test]
    fn nobody_else_invites() {
        for (actor, error) in
            [(3, MembershipError::Denied(CompanyRight::Manage)), (4, MembershipError::Pending)]
        {
            let refused = company().when(|company| invite(company, actor, MemberRole::Member)).then_refused();
            assert_eq!(refused, error);
        }
    }

    #[test]
    fn an_invitation_is_good_for_seven_days_to_become_a_member_unless_told() {
        let invite = Invite::parse(InviteInput::default()).expect("valid");
        assert_eq!((invite.role, invite.lifetime), (MemberRole::Member, TimeDelta::days(7)));
        assert_eq!(invite.email, None);
    }

    #[test]
    fn an_invitation_is_good_for_an_hour_to_thirty_days() {
        let parse =
            |seconds| Invite::parse(InviteInput { expires_in: Some(seconds), ..InviteInput::default() });
        for seconds in [3_600, 30 * 86_400] {
            assert_eq!(parse(seconds).expect("valid").lifetime, TimeDelta::seconds(seconds));
        }
        for seconds in [i64::MIN, -1, 0, 3_599, 30 * 86_400 + 1, i64::MAX] {
            let refused = parse(seconds).expect_err("out of bounds");
            assert_eq!(refused.fields()["expires_in"], ["must be 3600 to 2592000 seconds"], "{seconds}");
        }
    }

    #[test]
    fn all_invalid_fields_are_named_at_once() {
        let input = InviteInput {
            email: Some("no address".to_owned()),
            role: Some("king".to_owned()),
            expires_in: Some(0),
            language: Language::En,
        };
        let refused = Invite::parse(input).expect_err("invalid");
        assert_eq!(refused.fields().keys().copied().collect::<Vec<_>>(), ["email", "expires_in", "role"]);
        assert!(refused.email_error().is_some());
    }
}
