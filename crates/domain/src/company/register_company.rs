use chrono::{DateTime, Utc};
use thiserror::Error;

use super::{
    Company, CompanyCreated, CompanyEvent, Member, MemberRole, MemberStatus, Membership, business_number,
};
use crate::{
    caller::Origin,
    commit::{ClaimSpace, Commit, CommitError},
    id::{CompanyId, UserId},
    identity::{Act, CompanyDecision, Identity},
    port::StoreError,
    user::{Account, Profile, Register, RegisterError, local_part},
    value::{CompanyName, Language, Password, PersonName, Phone, ShortText, Violations},
};

/// What somebody sends to register a company, as text.
#[derive(Debug)]
pub struct RegisterCompanyInput {
    /// `email`
    pub email: String,
    /// `password`
    pub password: Password,
    /// `name`, the company's.
    pub name: String,
    /// `contact_name`, the person's.
    pub contact_name: Option<String>,
    /// `phone`, the person's.
    pub phone: Option<String>,
    /// `business_number`
    pub business_number: Option<String>,
    /// `industry`
    pub industry: Option<String>,
    /// `region`
    pub region: Option<String>,
    /// The language of the mails that follow.
    pub language: Language,
}

/// The registration of a company whose every field is valid.
#[derive(Debug)]
pub struct RegisterCompany {
    owner: Register,
    name: CompanyName,
    business_number: Option<ShortText>,
    industry: Option<ShortText>,
    region: Option<ShortText>,
}

/// A new company with its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisteredCompany {
    /// The company.
    pub company: Company,
    /// Its owner's account.
    pub owner: Account,
}

/// Why no company was registered.
#[derive(Debug, Error)]
pub enum RegisterCompanyError {
    /// Its owner's account could not be made.
    #[error(transparent)]
    Owner(#[from] RegisterError),
    /// Another company has the business number.
    #[error("the business number is taken")]
    BusinessNumberTaken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RegisterCompany {
    /// Parses what somebody sent; all violations at once. What the company has is the company's alone: of it the owner's profile holds nothing but
    /// the name, where no contact is named.
    pub fn parse(input: RegisterCompanyInput) -> Result<Self, Violations> {
        let mut violations = Violations::default();
        let email = violations.email(&input.email);
        let name = violations.field("name").parse(CompanyName::parse(&input.name));
        let contact = input.contact_name.as_deref().map(PersonName::parse);
        let contact = violations.field("contact_name").parse_optional(contact);
        let phone = violations.field("phone").parse_optional(input.phone.as_deref().map(Phone::parse));
        let number = input.business_number.as_deref().map(business_number::parse);
        let business_number = violations.field("business_number").parse_optional(number);
        let mut short_text = |field, text: &Option<String>| {
            violations.field(field).parse_optional(text.as_deref().map(ShortText::parse))
        };
        let industry = short_text("industry", &input.industry);
        let region = short_text("region", &input.region);
        let contact_name = input.contact_name.as_deref().unwrap_or_default();
        let known = [local_part(&input.email), input.name.trim(), contact_name.trim()];
        violations.new_password("password", &input.password, &known);
        let parse = || {
            let name = name?;
            let profile = Profile {
                email: email?,
                username: None,
                name: contact?.unwrap_or_else(|| PersonName::of_company(&name)),
                phone: phone?,
                business_type: None,
                business_number: None,
                industry: None,
                region: None,
            };
            let owner = Register::of_anybody(profile, input.password, input.language);
            Some(Self {
                owner,
                name,
                business_number: business_number?,
                industry: industry?,
                region: region?,
            })
        };
        let parsed = parse();
        violations.into_result(parsed)
    }
}

/// Decides the registration of a company: always granted; that its business number is free is what the commit's claims see to.
pub(crate) fn decide(
    command: &RegisterCompany,
    company_id: CompanyId,
    owner: UserId,
    now: DateTime<Utc>,
) -> CompanyDecision {
    let joined = CompanyEvent::MemberJoined {
        user_id: owner,
        role: MemberRole::Owner,
        status: MemberStatus::Active,
        invitation_id: None,
    };
    let mut decision = CompanyDecision::of_member(company_id, None, joined, now);
    let created = CompanyEvent::Created(CompanyCreated {
        company_id,
        name: command.name.clone(),
        business_number: command.business_number.clone(),
        industry: command.industry.clone(),
        region: command.region.clone(),
    });
    decision.events.insert(0, created);
    decision
}

impl Identity {
    /// Registers a company and the account of its owner, both or neither. Unless that is switched off, a code is mailed to the address.
    pub async fn register_company(
        &self,
        command: RegisterCompany,
        origin: &Origin,
    ) -> Result<RegisteredCompany, RegisterCompanyError> {
        let account = self.new_account(&command.owner).await?;
        let now = account.created_at;
        let id: CompanyId = self.new_id(now);
        let (key, kept) = self.new_data_key(id.into());
        let mut decision = decide(&command, id, account.id, now);
        decision.rows.push(kept);

        let act = Act::own(account.id, origin, now).with_key(account.key.clone());
        let mut commit = Commit::default();
        let user = self.stage_account(&mut commit, &account, &act)?;
        let company = self.stage_company(&mut commit, id, None, &key, &act, decision);
        let company = company.ok_or_else(|| StoreError::corrupt("a new company that is none"))?;
        self.ports().events.commit(commit).await.map_err(refused)?;

        let (role, status) = (MemberRole::Owner, MemberStatus::Active);
        let member = Member { user: user.id, company: id, role, status, joined_at: now };
        let membership = Some(Membership { member, company_name: company.name.clone() });
        Ok(RegisteredCompany { company, owner: Account { user, membership } })
    }
}

fn refused(error: CommitError) -> RegisterCompanyError {
    match error {
        CommitError::Taken { key } if key.space() == ClaimSpace::BusinessNumber => {
            RegisterCompanyError::BusinessNumberTaken
        }
        error => RegisterCompanyError::Owner(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{commit::RowChange, testing::person, value::PasswordRule};

    fn input() -> RegisterCompanyInput {
        RegisterCompanyInput {
            email: "office@example.com".to_owned(),
            password: Password::new("Tr4vel-light"),
            name: "Smith & Sons, Inc.".to_owned(),
            contact_name: None,
            phone: None,
            business_number: Some("123-45-67890".to_owned()),
            industry: None,
            region: Some("North".to_owned()),
            language: Language::En,
        }
    }

    #[test]
    fn a_company_begins_with_its_owner() {
        let command = RegisterCompany::parse(input()).expect("valid");
        let company_id = CompanyId::new(Uuid::from_u128(5));
        let decision = decide(&command, company_id, person(1), DateTime::UNIX_EPOCH);
        let [CompanyEvent::Created(created), CompanyEvent::MemberJoined { user_id, role, status, .. }] =
            &decision.events[..]
        else {
            panic!("{decision:?}")
        };
        assert_eq!((created.company_id, created.name.as_str()), (company_id, "Smith & Sons, Inc."));
        assert_eq!((*user_id, *role, *status), (person(1), MemberRole::Owner, MemberStatus::Active));
        assert!(matches!(&decision.rows[..], [RowChange::PutMember(member)] if member.is_owner()));
    }

    #[test]
    fn the_owner_is_called_what_the_contact_is_and_else_what_the_company_is() {
        let name = |contact: Option<&str>| {
            let input = RegisterCompanyInput { contact_name: contact.map(str::to_owned), ..input() };
            RegisterCompany::parse(input).expect("valid").owner.profile.name.into_string()
        };
        assert_eq!(name(Some("Jane Doe")), "Jane Doe");
        assert_eq!(name(None), "Smith & Sons, Inc.");
    }

    #[test]
    fn what_is_the_company_s_is_no_part_of_its_owner_s_profile() {
        let profile = RegisterCompany::parse(input()).expect("valid").owner.profile;
        assert_eq!((profile.business_number, profile.region), (None, None));
    }

    #[test]
    fn every_invalid_field_is_named_at_once() {
        let text = || Some(String::new());
        let refused = RegisterCompany::parse(RegisterCompanyInput {
            email: "no address".to_owned(),
            password: Password::new("short"),
            name: "x".to_owned(),
            contact_name: Some("<Jane>".to_owned()),
            phone: text(),
            business_number: Some("-".to_owned()),
            industry: text(),
            region: text(),
            language: Language::En,
        })
        .expect_err("invalid");
        let names: Vec<_> = refused.fields().keys().copied().collect();
        assert_eq!(
            names,
            ["business_number", "contact_name", "email", "industry", "name", "password", "phone", "region"]
        );
    }

    #[test]
    fn a_password_with_the_company_s_or_the_contact_s_name_is_refused() {
        for password in ["Xx1!smith & sons, inc.", "Xx1!jane doe", "Xx1!office"] {
            let input = RegisterCompanyInput {
                password: Password::new(password),
                contact_name: Some("Jane Doe".to_owned()),
                ..input()
            };
            let refused = RegisterCompany::parse(input).expect_err("too easy to guess");
            assert!(refused.password_rules().contains(&PasswordRule::Personal), "{password}");
        }
    }
}
