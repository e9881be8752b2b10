use chrono::{DateTime, Utc};
use thiserror::Error;

use super::{Company, CompanyEvent, Invitation, Member, MemberRole, MemberStatus, Membership};
use crate::{
    caller::Origin,
    commit::{Commit, CommitError, RowChange},
    id::{CompanyId, UserId},
    identity::{Act, CompanyDecision, Identity, Tries},
    port::StoreError,
    user::{Account, Register, RegisterError, RegisterInput},
    value::{Email, Secret, Violations},
};

/// What a person sends to register as a member of a company, as text.
#[derive(Debug)]
pub struct RegisterMemberInput {
    /// What every registration has.
    pub account: RegisterInput,
    /// `company_id`
    pub company_id: Option<String>,
    /// `invitation_code`
    pub invitation_code: Option<Secret>,
}

/// The registration of a member whose every field is valid.
#[derive(Debug)]
pub struct RegisterMember {
    account: Register,
    way: WayIn,
}

/// How somebody comes to a company.
#[derive(Debug)]
enum WayIn {
    /// By an invitation: they are in at once.
    Invited(Secret),
    /// By asking: somebody has to approve it.
    Asking(CompanyId),
}

/// Why no member was registered.
#[derive(Debug, Error)]
pub enum RegisterMemberError {
    /// The account could not be made.
    #[error(transparent)]
    Account(#[from] RegisterError),
    /// There is no such company, or it is closed.
    #[error("no such company")]
    CompanyNotFound,
    /// The invitation's code is forged, used, expired, for another address, or of somebody who could not make it now; which, is not said.
    #[error("the invitation is invalid")]
    InvitationInvalid,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RegisterMember {
    /// Parses what a person sent: exactly one way in; all violations at once.
    pub fn parse(input: RegisterMemberInput) -> Result<Self, Violations> {
        let mut violations = Violations::default();
        let account = Register::parse_fields(&mut violations, input.account);
        let way = match (input.company_id, input.invitation_code) {
            (Some(id), None) => {
                let id = id.parse().map_err(|_| "must be a UUID");
                violations.field("company_id").parse(id).map(WayIn::Asking)
            }
            (None, Some(code)) => Some(WayIn::Invited(code)),
            _ => {
                for field in ["company_id", "invitation_code"] {
                    violations
                        .field(field)
                        .refuse("exactly one of company_id and invitation_code is required");
                }
                None
            }
        };
        violations.into_result(account.zip(way).map(|(account, way)| Self { account, way }))
    }
}

/// A company that somebody is about to join, and by which invitation.
struct Entrance {
    company: Company,
    invitation: Option<(Invitation, Option<Member>)>,
}

/// Decides how somebody joins. An invitation is as good as who made it: it lets nobody in whom its inviter could not let in now.
fn decide(
    Entrance { company, invitation }: &Entrance,
    user_id: UserId,
    email: &Email,
    now: DateTime<Utc>,
) -> Result<CompanyDecision, RegisterMemberError> {
    let Some((invitation, inviter)) = invitation else {
        if !company.is_active {
            return Err(RegisterMemberError::CompanyNotFound);
        }
        let (role, status) = (MemberRole::Member, MemberStatus::Pending);
        let asked = CompanyEvent::MemberJoined { user_id, role, status, invitation_id: None };
        return Ok(CompanyDecision::of_member(company.id, None, asked, now));
    };
    let is_backed = inviter.as_ref().is_some_and(|inviter| inviter.require_to_make(invitation.role).is_ok());
    if !(company.is_active && is_backed && invitation.is_good_for(email, now)) {
        return Err(RegisterMemberError::InvitationInvalid);
    }
    let joined = CompanyEvent::MemberJoined {
        user_id,
        role: invitation.role,
        status: MemberStatus::Active,
        invitation_id: Some(invitation.id),
    };
    let mut decision = CompanyDecision::of_member(company.id, None, joined, now);
    decision.rows.push(RowChange::DeleteInvitation(invitation.id));
    Ok(decision)
}

impl Identity {
    /// Registers a person as a member of a company: by an invitation, which is used up, or asking to be approved. The address needs the same proof
    /// as any other: the code of an invitation is known to its inviter, too.
    pub async fn register_member(
        &self,
        command: RegisterMember,
        origin: &Origin,
    ) -> Result<Account, RegisterMemberError> {
        let RegisterMember { account: command, way } = command;
        let email = &command.profile.email;
        // Looked at first, so that a wrong code costs no hash.
        let entrance = self.find_entrance(&way).await?;
        decide(&entrance, self.new_id(self.now()), email, self.now())?;
        let account = self.new_account(&command).await?;
        let mut tries = Tries::many();
        loop {
            let entrance = self.find_entrance(&way).await?;
            let now = self.now();
            let decision = decide(&entrance, account.id, email, now)?;
            let joined = decision
                .events
                .iter()
                .fold(None, |member, event| Member::apply(member, entrance.company.id, event, now));
            let key = self.company_key(entrance.company.id).await?;
            let act = Act::own(account.id, origin, now).with_key(account.key.clone());
            let mut commit = Commit::default();
            let user = self.stage_account(&mut commit, &account, &act)?;
            let Company { id, name, .. } = &entrance.company;
            self.stage_company(&mut commit, *id, Some(&entrance.company), &key, &act, decision);
            match self.ports().events.commit(commit).await {
                Ok(_) => {
                    let company_name = name.clone();
                    let membership = joined.map(|member| Membership { member, company_name });
                    return Ok(Account { user, membership });
                }
                Err(error @ CommitError::Taken { .. }) => {
                    return Err(RegisterMemberError::Account(error.into()));
                }
                Err(error) => tries.again(error)?,
            }
        }
    }

    /// The company that a way leads to. It is read before all that its version guards: the invitation and the inviter's membership.
    async fn find_entrance(&self, way: &WayIn) -> Result<Entrance, RegisterMemberError> {
        let companies = &self.ports().companies;
        let code = match way {
            WayIn::Asking(id) => {
                let company = companies.find(*id).await?.ok_or(RegisterMemberError::CompanyNotFound)?;
                return Ok(Entrance { company, invitation: None });
            }
            WayIn::Invited(code) => code,
        };
        let invalid = || RegisterMemberError::InvitationInvalid;
        let invitations = &self.ports().invitations;
        let id = Invitation::id_in(code).ok_or_else(invalid)?;
        let found = invitations.find(id).await?.ok_or_else(invalid)?;
        if found.code(&self.company_key(found.company).await?) != *code {
            return Err(invalid());
        }
        let company = companies.find(found.company).await?.ok_or_else(invalid)?;
        let invitation = invitations.find(id).await?.ok_or_else(invalid)?;
        let inviter = self.member_of(&company, invitation.invited_by).await?;
        Ok(Entrance { company, invitation: Some((invitation, inviter)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        testing::{GivenCompany, company_created, given_company, invitation, joined, person},
        value::{Language, Password},
    };

    fn company() -> GivenCompany {
        given_company([
            company_created(),
            joined(1, MemberRole::Owner),
            joined(2, MemberRole::Manager),
            joined(3, MemberRole::Member),
        ])
    }

    fn join(
        company: &GivenCompany,
        invitation: Option<(Invitation, Option<u128>)>,
        now: DateTime<Utc>,
    ) -> Result<CompanyDecision, RegisterMemberError> {
        let invitation =
            invitation.map(|(invitation, by)| (invitation, by.map(|number| company.member(number).clone())));
        let entrance = Entrance { company: company.company().clone(), invitation };
        decide(&entrance, person(9), &Email::new("jane@example.com"), now)
    }

    fn join_by(invitation: Invitation, by: Option<u128>) -> Result<CompanyDecision, RegisterMemberError> {
        let now = invitation.created_at;
        join(&company(), Some((invitation, by)), now)
    }

    #[test]
    fn who_asks_waits_to_be_approved() {
        let rows = company().when(|company| join(company, None, DateTime::UNIX_EPOCH)).then([
            CompanyEvent::MemberJoined {
                user_id: person(9),
                role: MemberRole::Member,
                status: MemberStatus::Pending,
                invitation_id: None,
            },
        ]);
        assert!(matches!(&rows[..], [RowChange::PutMember(member)] if !member.is_active()));
    }

    #[test]
    fn who_is_invited_is_in_as_what_the_invitation_says_and_the_invitation_is_used_up() {
        for role in MemberRole::ALL {
            let invitation = invitation(*role);
            let id = invitation.id;
            let decision = join_by(invitation, Some(1)).expect("joins");
            let joined = CompanyEvent::MemberJoined {
                user_id: person(9),
                role: *role,
                status: MemberStatus::Active,
                invitation_id: Some(id),
            };
            assert_eq!(decision.events, [joined]);
            let [RowChange::PutMember(member), RowChange::DeleteInvitation(used)] = &decision.rows[..] else {
                panic!("{decision:?}")
            };
            assert_eq!((member.role, member.is_active(), *used), (*role, true, id));
        }
    }

    #[test]
    fn an_invitation_past_its_time_or_for_another_address_lets_nobody_in() {
        let late = invitation(MemberRole::Member);
        let now = late.expires_at;
        let expired = join(&company(), Some((late, Some(1))), now);
        assert!(matches!(expired, Err(RegisterMemberError::InvitationInvalid)));
        let other = Email::new("joe@example.com");
        let other = Invitation { email: Some(other), ..invitation(MemberRole::Member) };
        assert!(matches!(join_by(other, Some(1)), Err(RegisterMemberError::InvitationInvalid)));
        let own =
            Invitation { email: Some(Email::new("JANE@example.com")), ..invitation(MemberRole::Member) };
        assert!(join_by(own, Some(1)).is_ok());
    }

    #[test]
    fn an_invitation_is_worth_no_more_than_its_inviter_is_now() {
        // The inviter has left; is a plain member; is a manager, who makes no managers.
        for (by, role) in
            [(None, MemberRole::Member), (Some(3), MemberRole::Member), (Some(2), MemberRole::Manager)]
        {
            let refused = join_by(invitation(role), by);
            assert!(matches!(refused, Err(RegisterMemberError::InvitationInvalid)), "{by:?}");
        }
        assert!(join_by(invitation(MemberRole::Member), Some(2)).is_ok());
    }

    #[test]
    fn nobody_joins_a_company_that_is_closed() {
        let closed = company().after(&CompanyEvent::Closed);
        let asked = closed.when(|company| join(company, None, DateTime::UNIX_EPOCH)).then_refused();
        assert!(matches!(asked, RegisterMemberError::CompanyNotFound));
        let invitation = Some((invitation(MemberRole::Member), Some(1)));
        let invited = closed.when(|company| join(company, invitation, DateTime::UNIX_EPOCH)).then_refused();
        assert!(matches!(invited, RegisterMemberError::InvitationInvalid));
    }

    #[test]
    fn exactly_one_way_in_is_taken() {
        let parse = |company_id: Option<&str>, code: Option<&str>| {
            RegisterMember::parse(RegisterMemberInput {
                account: RegisterInput {
                    email: "jane@example.com".to_owned(),
                    password: Password::new("Tr4vel-light"),
                    name: "Jane Doe".to_owned(),
                    username: None,
                    phone: None,
                    business_type: None,
                    business_number: None,
                    industry: None,
                    region: None,
                    language: Language::En,
                },
                company_id: company_id.map(str::to_owned),
                invitation_code: code.map(Secret::new),
            })
        };
        let id = "0192f3d4-0000-7000-8000-000000000000";
        assert!(parse(Some(id), None).is_ok());
        assert!(parse(None, Some("pci_x")).is_ok());
        for both_or_neither in [parse(Some(id), Some("pci_x")), parse(None, None)] {
            let refused = both_or_neither.expect_err("invalid");
            let names: Vec<_> = refused.fields().keys().copied().collect();
            assert_eq!(names, ["company_id", "invitation_code"]);
        }
        let refused = parse(Some("17"), None).expect_err("invalid");
        assert_eq!(refused.fields()["company_id"], ["must be a UUID"]);
    }
}
