use chrono::{DateTime, Utc};
use thiserror::Error;

use super::{Account, Credential, Profile, User, UserCreated, UserEvent};
use crate::{
    caller::{Caller, Origin, Role},
    commit::{ClaimSpace, Commit, CommitError, RowChange},
    id::{OneTimeCodeId, UserId},
    identity::{Act, Decision, Identity, Policy},
    port::{HashError, StoreError},
    seal::DataKey,
    value::{Language, Password, PasswordHash, PersonName, Phone, ShortText, Username, Violations},
    verification::{self, OneTimeCode, Purpose},
};

/// What a person sends to register, as text.
#[derive(Debug)]
pub struct RegisterInput {
    /// `email`
    pub email: String,
    /// `password`
    pub password: Password,
    /// `name`
    pub name: String,
    /// `username`
    pub username: Option<String>,
    /// `phone`
    pub phone: Option<String>,
    /// `business_type`
    pub business_type: Option<String>,
    /// `business_number`
    pub business_number: Option<String>,
    /// `industry`
    pub industry: Option<String>,
    /// `region`
    pub region: Option<String>,
    /// The language of the mails that follow.
    pub language: Language,
}

/// A registration whose every field is valid.
#[derive(Debug)]
pub struct Register {
    /// The new account's profile.
    pub profile: Profile,
    /// The new account's password.
    pub password: Password,
    /// What the account will be.
    pub role: Role,
    /// The address needs no proof.
    pub is_verified: bool,
    /// The language of the mails that follow.
    pub language: Language,
}

/// Why nobody was registered.
#[derive(Debug, Error)]
pub enum RegisterError {
    /// Fields are invalid.
    #[error(transparent)]
    Invalid(#[from] Violations),
    /// The address has an account.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// The username has an account.
    #[error("the username is taken")]
    UsernameTaken,
    /// The password could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Register {
    /// Parses what a person sent; all violations at once.
    pub fn parse(input: RegisterInput) -> Result<Self, Violations> {
        let mut violations = Violations::default();
        let register = Self::parse_fields(&mut violations, input);
        violations.into_result(register)
    }

    /// As [`parse`](Self::parse), for an input of which this is a part.
    pub(crate) fn parse_fields(violations: &mut Violations, input: RegisterInput) -> Option<Self> {
        let profile = parse_profile(violations, &(&input).into());
        violations.new_password("password", &input.password, &[local_part(&input.email), input.name.trim()]);
        Some(Self::of_anybody(profile?, input.password, input.language))
    }

    /// A person who registers by themself.
    pub(crate) const fn of_anybody(profile: Profile, password: Password, language: Language) -> Self {
        Self { profile, password, role: Role::User, is_verified: false, language }
    }

    /// An account made by an operator: its address needs no proof.
    #[must_use]
    pub fn by_operator(self, role: Role) -> Self {
        Self { role, is_verified: true, ..self }
    }
}

/// What of an address its owner may have made a password of.
pub(crate) fn local_part(email: &str) -> &str {
    email.rsplit_once('@').map_or("", |(local, _)| local)
}

/// A profile as text.
pub(super) struct ProfileTexts<'a> {
    pub(super) email: &'a str,
    pub(super) name: &'a str,
    pub(super) username: Option<&'a str>,
    pub(super) phone: Option<&'a str>,
    pub(super) business_type: Option<&'a str>,
    pub(super) business_number: Option<&'a str>,
    pub(super) industry: Option<&'a str>,
    pub(super) region: Option<&'a str>,
}

impl<'a> From<&'a RegisterInput> for ProfileTexts<'a> {
    fn from(input: &'a RegisterInput) -> Self {
        Self {
            email: &input.email,
            name: &input.name,
            username: input.username.as_deref(),
            phone: input.phone.as_deref(),
            business_type: input.business_type.as_deref(),
            business_number: input.business_number.as_deref(),
            industry: input.industry.as_deref(),
            region: input.region.as_deref(),
        }
    }
}

/// The profile of a new account, or what is wrong with it.
pub(super) fn parse_profile(violations: &mut Violations, texts: &ProfileTexts<'_>) -> Option<Profile> {
    let email = violations.email(texts.email);
    let name = violations.field("name").parse(PersonName::parse(texts.name));
    let username = violations.field("username").parse_optional(texts.username.map(Username::parse));
    let phone = violations.field("phone").parse_optional(texts.phone.map(Phone::parse));
    let mut short_text =
        |field, text: Option<&str>| violations.field(field).parse_optional(text.map(ShortText::parse));
    let business_type = short_text("business_type", texts.business_type);
    let business_number = short_text("business_number", texts.business_number);
    let industry = short_text("industry", texts.industry);
    let region = short_text("region", texts.region);
    Some(Profile {
        email: email?,
        username: username?,
        name: name?,
        phone: phone?,
        business_type: business_type?,
        business_number: business_number?,
        industry: industry?,
        region: region?,
    })
}

/// What a new account needs that is drawn or computed outside the decision.
pub(crate) struct Prepared {
    pub(crate) user_id: UserId,
    pub(crate) code_id: OneTimeCodeId,
    pub(crate) password: PasswordHash,
}

/// Decides a registration: always granted; that address and username are free is what the commit's claims see to.
pub(crate) fn decide(
    command: &Register,
    policy: &Policy,
    prepared: Prepared,
    now: DateTime<Utc>,
) -> Decision {
    let Prepared { user_id, code_id, password } = prepared;
    let facts = UserCreated {
        user_id,
        role: command.role,
        is_active: true,
        is_verified: command.is_verified,
        created_at: None,
    };
    let created = UserEvent::Created { facts, profile: Some(command.profile.clone()) };
    let credential = Credential { user: user_id, password, changed_at: now, history: Vec::new() };
    let mut decision = Decision { events: vec![created], rows: vec![RowChange::PutCredential(credential)] };
    if policy.email_verification && !command.is_verified {
        let code = OneTimeCode::new(code_id, user_id, Purpose::VerifyEmail, now);
        decision.events.push(verification::requested(&code, &command.profile.email, command.language));
        decision.rows.push(RowChange::PutOneTimeCode(code));
    }
    decision
}

/// An account to be made, with all that was drawn and computed for it: it may be tried to commit more than once.
pub(crate) struct NewAccount {
    pub(crate) id: UserId,
    pub(crate) key: DataKey,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) decision: Decision,
}

impl Identity {
    /// Registers a person. Unless the address needs no proof, a code is mailed to it.
    pub async fn register(&self, command: Register, origin: &Origin) -> Result<Account, RegisterError> {
        self.open_account(command, None, origin).await
    }

    /// Makes an account: for oneself, by the operator, or by the caller who administers.
    pub(crate) async fn open_account(
        &self,
        command: Register,
        by: Option<&Caller>,
        origin: &Origin,
    ) -> Result<Account, RegisterError> {
        let account = self.new_account(&command).await?;
        let now = account.created_at;
        let act = match by {
            Some(caller) => self.act_of(caller, origin, now).await?,
            None if command.is_verified => Act::system(origin, now),
            None => Act::own(account.id, origin, now),
        };
        let mut commit = Commit::default();
        let user = self.stage_account(&mut commit, &account, &act)?;
        self.ports().events.commit(commit).await?;
        Ok(Account { user, membership: None })
    }

    /// Prepares an account: the password hashed, ids and data key drawn, and what happens decided.
    pub(crate) async fn new_account(&self, command: &Register) -> Result<NewAccount, RegisterError> {
        // The claims decide; asking first spares a taken address or name the cost of a hash.
        self.refuse_taken(&command.profile).await?;
        let password = self.ports().password_hasher.hash(&command.password).await?;
        let now = self.now();
        let prepared = Prepared { user_id: self.new_id(now), code_id: self.new_id(now), password };
        let id = prepared.user_id;
        let (key, kept) = self.new_data_key(id.into());
        let mut decision = decide(command, self.policy(), prepared, now);
        decision.rows.push(kept);
        Ok(NewAccount { id, key, created_at: now, decision })
    }

    /// Adds a prepared account to a commit; returns it as it will be.
    pub(crate) fn stage_account(
        &self,
        commit: &mut Commit,
        account: &NewAccount,
        act: &Act<'_>,
    ) -> Result<User, StoreError> {
        let NewAccount { id, key, decision, .. } = account;
        let user = self.stage(commit, *id, None, key, act, decision.clone());
        user.ok_or_else(|| StoreError::corrupt("a new account that is none"))
    }

    /// Adds a decision about an account that begins with it to a commit, and the data key that the account's life is sealed with.
    pub(super) fn stage_new(
        &self,
        commit: &mut Commit,
        id: UserId,
        act: &Act<'_>,
        mut decision: Decision,
    ) -> Option<User> {
        let (key, kept) = self.new_data_key(id.into());
        decision.rows.push(kept);
        self.stage(commit, id, None, &key, act, decision)
    }

    async fn refuse_taken(&self, profile: &Profile) -> Result<(), RegisterError> {
        let users = &self.ports().users;
        if users.find_by_email(&profile.email).await?.is_some() {
            return Err(RegisterError::EmailTaken);
        }
        if let Some(username) = &profile.username
            && users.find_by_username(username).await?.is_some()
        {
            return Err(RegisterError::UsernameTaken);
        }
        Ok(())
    }
}

/// Why the commit of a new account was refused.
impl From<CommitError> for RegisterError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Taken { key } => match key.space() {
                ClaimSpace::Email => Self::EmailTaken,
                ClaimSpace::Username
                | ClaimSpace::BusinessNumber
                | ClaimSpace::IdempotencyKey
                | ClaimSpace::Feature => Self::UsernameTaken,
            },
            CommitError::Conflict { .. } => StoreError::Contention.into(),
            CommitError::Store(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn input() -> RegisterInput {
        RegisterInput {
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
        }
    }

    fn decided(command: &Register) -> Decision {
        decided_under(&Policy::default(), command)
    }

    fn decided_under(policy: &Policy, command: &Register) -> Decision {
        let prepared = Prepared {
            user_id: UserId::new(Uuid::from_u128(1)),
            code_id: OneTimeCodeId::new(Uuid::from_u128(2)),
            password: PasswordHash::new("$x"),
        };
        decide(command, policy, prepared, DateTime::UNIX_EPOCH)
    }

    #[test]
    fn nobody_is_sent_a_code_where_verification_is_off() {
        let policy = Policy { email_verification: false, ..Policy::default() };
        let decision = decided_under(&policy, &Register::parse(input()).expect("valid"));
        assert!(matches!(decision.events[..], [UserEvent::Created { .. }]));
        assert!(matches!(decision.rows[..], [RowChange::PutCredential(_)]));
    }

    #[test]
    fn a_person_who_registers_is_sent_a_code() {
        let decision = decided(&Register::parse(input()).expect("valid"));
        let types: Vec<_> = decision.events.iter().map(UserEvent::event_type).collect();
        assert_eq!(types, ["user.created", "user.verification_requested"]);
        assert!(matches!(
            decision.rows[..],
            [RowChange::PutCredential(_), RowChange::PutOneTimeCode(OneTimeCode { attempts: 0, .. })]
        ));
    }

    #[test]
    fn an_account_made_by_an_operator_needs_no_code() {
        let decision = decided(&Register::parse(input()).expect("valid").by_operator(Role::Admin));
        let [UserEvent::Created { facts, .. }] = &decision.events[..] else { panic!("{decision:?}") };
        assert_eq!((facts.role, facts.is_active, facts.is_verified), (Role::Admin, true, true));
    }

    #[test]
    fn every_invalid_field_is_named_at_once() {
        let input = RegisterInput {
            email: "no address".to_owned(),
            password: Password::new("short"),
            name: "x".to_owned(),
            username: Some("?".to_owned()),
            phone: Some("?".to_owned()),
            business_type: Some(String::new()),
            business_number: Some(String::new()),
            industry: Some(String::new()),
            region: Some(String::new()),
            language: Language::En,
        };
        let violations = Register::parse(input).expect_err("invalid");
        let names: Vec<_> = violations.fields().keys().copied().collect();
        assert_eq!(
            names,
            [
                "business_number",
                "business_type",
                "email",
                "industry",
                "name",
                "password",
                "phone",
                "region",
                "username"
            ]
        );
        assert!(violations.email_error().is_some());
        assert!(!violations.password_rules().is_empty());
    }

    #[test]
    fn a_password_with_the_local_part_or_the_name_is_refused() {
        for password in ["Xx1!jane!xX", "Xx1!JANE DOE"] {
            let violations = Register::parse(RegisterInput { password: Password::new(password), ..input() });
            let violations = violations.expect_err("too easy to guess");
            assert_eq!(violations.password_rules(), [crate::value::PasswordRule::Personal], "{password}");
        }
    }
}
