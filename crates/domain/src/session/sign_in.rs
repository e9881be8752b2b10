use chrono::{DateTime, Utc};
use thiserror::Error;

use super::{
    IssuedTokens, LoginFailure, Session, TooManySessions,
    limit::make_room,
    lockout::{AccountLocked, GuessError, Lockout},
};
use crate::{
    caller::Origin,
    commit::RowChange,
    id::SessionId,
    identity::{Act, Decision, Identity, Policy, Tries},
    port::{AccessClaims, HashError, RefreshClaims, StoreError, Verdict},
    user::{Credential, SessionEnd, User, UserEvent},
    value::{Email, Password, PasswordHash, Username, Violations},
};

/// What a person signs in with.
#[derive(Debug)]
pub struct SignIn {
    /// Who they say they are.
    pub name: SignInName,
    /// Their password.
    pub password: Password,
}

/// Who a person says they are, as text: what is no valid address or username belongs to nobody.
#[derive(Clone)]
pub enum SignInName {
    /// By address.
    Email(String),
    /// By username.
    Username(String),
}

impl std::fmt::Debug for SignInName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Email(_) => "Email(***)",
            Self::Username(_) => "Username(***)",
        })
    }
}

impl SignIn {
    /// Takes what a person sent: exactly one of address and username.
    pub fn parse(
        email: Option<String>,
        username: Option<String>,
        password: Password,
    ) -> Result<Self, Violations> {
        let mut violations = Violations::default();
        let name = match (email, username) {
            (Some(email), None) => Some(SignInName::Email(email)),
            (None, Some(username)) => Some(SignInName::Username(username)),
            _ => {
                for field in ["email", "username"] {
                    violations.field(field).refuse("exactly one of email and username is required");
                }
                None
            }
        };
        violations.into_result(name.map(|name| Self { name, password }))
    }
}

/// Why nobody was signed in.
#[derive(Debug, Error)]
pub enum SignInError {
    /// Not exactly one of address and username.
    #[error(transparent)]
    Invalid(#[from] Violations),
    /// Unknown account or wrong password; which, is not said.
    #[error("invalid credentials")]
    InvalidCredentials,
    /// The password was right, and the account is deactivated.
    #[error("the account is disabled")]
    AccountDisabled,
    /// The password was right, and the address is not verified yet.
    #[error("the e-mail address is not verified")]
    EmailNotVerified,
    /// The password was right, and the account has as many sessions as it may.
    #[error(transparent)]
    TooManySessions(#[from] TooManySessions),
    /// Too many passwords were wrong, whether there is such an account or not; this one was not looked at.
    #[error(transparent)]
    AccountLocked(#[from] AccountLocked),
    /// The password could not be checked.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<GuessError> for SignInError {
    fn from(error: GuessError) -> Self {
        match error {
            GuessError::Locked(locked) => locked.into(),
            GuessError::Hash(error) => error.into(),
            GuessError::Store(error) => error.into(),
        }
    }
}

impl SignInError {
    /// What the account's history says of it; `None` for what says nothing of the account.
    pub(super) const fn in_history(&self) -> Option<LoginFailure> {
        match self {
            Self::InvalidCredentials => Some(LoginFailure::InvalidPassword),
            Self::AccountDisabled => Some(LoginFailure::AccountDisabled),
            Self::EmailNotVerified => Some(LoginFailure::EmailNotVerified),
            Self::AccountLocked(_) => Some(LoginFailure::AccountLocked),
            Self::TooManySessions(_) => Some(LoginFailure::TooManySessions),
            Self::Invalid(_) | Self::Hash(_) | Self::Store(_) => None,
        }
    }
}

/// Decides a sign-in whose password was right. `others` are the account's sessions so far: those that ended by themselves go, since
/// nobody else would ever delete them, and those beyond the limit end.
pub(crate) fn decide(
    user: &User,
    policy: &Policy,
    session: Session,
    others: &[Session],
    rehashed: Option<PasswordHash>,
    credential: &Credential,
) -> Result<Decision, SignInError> {
    if !user.is_active {
        return Err(SignInError::AccountDisabled);
    }
    if policy.email_verification && !user.is_verified {
        return Err(SignInError::EmailNotVerified);
    }
    let now = session.created_at;
    let evicted = make_room(others, policy, now)?;
    let gone = others.iter().filter(|other| !other.is_live(now)).map(|other| other.id);
    let mut rows: Vec<_> = gone.chain(evicted.iter().copied()).map(RowChange::DeleteSession).collect();
    rows.extend(
        rehashed.map(|password| RowChange::PutCredential(Credential { password, ..credential.clone() })),
    );
    let mut events = Vec::new();
    if !evicted.is_empty() {
        events.push(UserEvent::SessionRevoked { session_ids: evicted, reason: SessionEnd::Evicted });
    }
    events.push(UserEvent::LoggedIn { session_id: session.id });
    rows.push(RowChange::PutSession(session));
    Ok(Decision { events, rows })
}

impl Identity {
    /// Signs a person in and opens a session. An unknown account takes as long as a wrong password.
    pub async fn sign_in(&self, command: SignIn, origin: &Origin) -> Result<IssuedTokens, SignInError> {
        let known = self.find_by_sign_in_name(&command.name).await?;
        let id = known.as_ref().map(|user| user.id);
        let lockout = self.lockout_of_name(known.as_ref(), &command.name, origin);
        let outcome = self.sign_in_to(known, &lockout, &command.password, origin).await;
        if let Err(error) = &outcome {
            self.note_failed_sign_in(id, &lockout, error, origin).await?;
        }
        outcome
    }

    async fn sign_in_to(
        &self,
        known: Option<User>,
        lockout: &Lockout<'_>,
        password: &Password,
        origin: &Origin,
    ) -> Result<IssuedTokens, SignInError> {
        let credential = match &known {
            Some(user) => self.ports().credentials.find(user.id).await?,
            None => None,
        };
        let Some((mut user, mut credential, mut rehashed)) =
            self.check_password(known, credential, lockout, password).await?
        else {
            return Err(SignInError::InvalidCredentials);
        };

        let mut tries = Tries::many();
        loop {
            let now = self.now();
            let session = self.new_session(&user, origin, now);
            let others = self.ports().sessions.list_by_user(user.id).await?;
            let mut decision =
                decide(&user, self.policy(), session.clone(), &others, rehashed.clone(), &credential)?;
            decision.rows.push(RowChange::PutLoginAttempt(self.login_attempt(user.id, origin, None, now)));
            let evicted = decision.revoked_sessions();
            let key = self.data_key_of(&user).await?;
            let act = Act::own(user.id, origin, now);
            match self.record(user.id, Some(&user), &key, &act, decision).await {
                Ok(_) => {
                    self.forget_ended(&evicted).await;
                    return Ok(self.issue_tokens(user, &session, now).await?);
                }
                Err(error) => tries.again(error)?,
            }
            // Somebody changed the account meanwhile. If that was its password, the check above is void.
            let fresh = self.ports().users.find(user.id).await?;
            let current = self.ports().credentials.find(user.id).await?;
            let current = current.filter(|current| current.changed_at == credential.changed_at);
            let (Some(fresh), Some(current)) = (fresh, current) else {
                return Err(SignInError::InvalidCredentials);
            };
            // The same password, hashed anew by a sign-in that was quicker.
            if current.password != credential.password {
                rehashed = None;
            }
            (user, credential) = (fresh, current);
        }
    }

    async fn find_by_sign_in_name(&self, name: &SignInName) -> Result<Option<User>, StoreError> {
        let users = &self.ports().users;
        match name {
            SignInName::Email(text) => match Email::parse(text) {
                Ok(email) => users.find_by_email(&email).await,
                Err(_) => Ok(None),
            },
            SignInName::Username(text) => match Username::parse(text) {
                Ok(username) => users.find_by_username(&username).await,
                Err(_) => Ok(None),
            },
        }
    }

    /// The account and its credential when the password is right, with a new hash where the stored one is outdated.
    async fn check_password(
        &self,
        user: Option<User>,
        credential: Option<Credential>,
        lockout: &Lockout<'_>,
        password: &Password,
    ) -> Result<Option<(User, Credential, Option<PasswordHash>)>, GuessError> {
        let hasher = &self.ports().password_hasher;
        let id = user.as_ref().map(|user| user.id);
        let verdict = self.guess(lockout, id, credential.as_ref(), password).await?;
        let (Some(user), Some(credential)) = (user, credential) else { return Ok(None) };
        Ok(match verdict {
            Verdict::Mismatch => None,
            Verdict::Match => Some((user, credential, None)),
            Verdict::MatchOutdated => Some((user, credential, Some(hasher.hash(password).await?))),
        })
    }

    fn new_session(&self, user: &User, origin: &Origin, now: DateTime<Utc>) -> Session {
        let ends_at = now + self.policy().session_max_age;
        Session {
            id: self.new_id::<SessionId>(now),
            user: user.id,
            generation: 1,
            created_at: now,
            rotated_at: now,
            last_seen_at: now,
            expires_at: ends_at.min(now + self.policy().refresh_token_lifetime),
            ends_at,
            origin: origin.clone(),
        }
    }

    /// A pair of tokens for a session at its generation; neither outlives it.
    pub(super) async fn issue_tokens(
        &self,
        user: User,
        session: &Session,
        now: DateTime<Utc>,
    ) -> Result<IssuedTokens, StoreError> {
        let account = self.account_of(user).await?;
        let user = &account.user;
        let access_expires_at = session.expires_at.min(now + self.policy().access_token_lifetime);
        let access = AccessClaims {
            token: self.new_id(now),
            user: user.id,
            session: session.id,
            company: account.active_company(),
            role: user.role,
            permissions: user.role.permissions().to_vec(),
            issued_at: now,
            expires_at: access_expires_at,
        };
        let refresh = RefreshClaims {
            session: session.id,
            generation: session.generation,
            issued_at: now,
            expires_at: session.expires_at,
        };
        Ok(IssuedTokens {
            access: self.ports().tokens.issue_access(&access),
            access_expires_in: (access_expires_at - now).to_std().unwrap_or_default(),
            refresh: self.ports().tokens.issue_refresh(&refresh),
            refresh_expires_in: (session.expires_at - now).to_std().unwrap_or_default(),
            session: session.id,
        })
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::testing::{created, given};

    fn decide_for(user: &User, policy: Policy, rehashed: Option<&str>) -> Result<Decision, SignInError> {
        let now = DateTime::UNIX_EPOCH;
        let session = Session {
            id: SessionId::new(Uuid::from_u128(7)),
            user: user.id,
            generation: 1,
            created_at: now,
            rotated_at: now,
            last_seen_at: now,
            expires_at: now,
            ends_at: now,
            origin: Origin::default(),
        };
        let credential = Credential {
            user: user.id,
            password: PasswordHash::new("$old"),
            changed_at: now,
            history: Vec::new(),
        };
        decide(user, &policy, session, &[], rehashed.map(PasswordHash::new), &credential)
    }

    #[test]
    fn a_verified_user_opens_a_session() {
        let session_id = SessionId::new(Uuid::from_u128(7));
        let rows = given([created(), UserEvent::EmailVerified])
            .when(|user| decide_for(user, Policy::default(), None))
            .then([UserEvent::LoggedIn { session_id }]);
        assert!(matches!(&rows[..], [RowChange::PutSession(session)] if session.id == session_id));
    }

    #[test]
    fn an_unverified_user_cannot_open_a_session() {
        let refused =
            given([created()]).when(|user| decide_for(user, Policy::default(), None)).then_refused();
        assert!(matches!(refused, SignInError::EmailNotVerified));
    }

    #[test]
    fn an_unverified_user_can_where_verification_is_off() {
        let policy = Policy { email_verification: false, ..Policy::default() };
        let session_id = SessionId::new(Uuid::from_u128(7));
        given([created()])
            .when(|user| decide_for(user, policy, None))
            .then([UserEvent::LoggedIn { session_id }]);
    }

    #[test]
    fn a_deactivated_user_cannot_open_a_session_verified_or_not() {
        let mut user = given([created()]).user();
        user.is_active = false;
        assert!(matches!(decide_for(&user, Policy::default(), None), Err(SignInError::AccountDisabled)));
    }

    #[test]
    fn an_outdated_hash_is_replaced_with_the_sign_in() {
        let mut user = given([created()]).user();
        user.is_verified = true;
        let decision = decide_for(&user, Policy::default(), Some("$new")).expect("signs in");
        let upgraded = decision.rows.iter().any(
            |row| matches!(row, RowChange::PutCredential(credential) if credential.password.expose() == "$new"),
        );
        assert!(upgraded);
    }

    #[test]
    fn exactly_one_of_address_and_username_is_needed() {
        let parse = |email: Option<&str>, username: Option<&str>| {
            SignIn::parse(email.map(str::to_owned), username.map(str::to_owned), Password::new("x"))
        };
        assert!(parse(Some("a"), None).is_ok());
        assert!(parse(None, Some("a")).is_ok());
        assert!(parse(None, None).is_err());
        assert!(parse(Some("a"), Some("a")).is_err());
    }
}
