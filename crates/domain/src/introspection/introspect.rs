use chrono::{DateTime, Utc};
use thiserror::Error;

use crate::{
    api_key::{ApiKeyCaller, ApiKeyPrefix, ApiKeySecret, AuthenticateApiKeyError, Principal},
    caller::{Caller, Permission, PermissionDenied, Role, named},
    feature::FeatureName,
    id::{CompanyId, SessionId, TokenId},
    identity::Identity,
    port::{AccessClaims, RefreshClaims, StoreError},
    session::Session,
    user::User,
    value::{Secret, Username},
};

/// Who asks what a token is.
#[derive(Clone, Copy, Debug)]
pub enum Inquirer<'a> {
    /// Somebody who is signed in, and may.
    Person(&'a Caller),
    /// A program with a key: any may, of a token that it holds.
    Key(&'a ApiKeyCaller),
}

named! {
    /// What kind of token it is.
    TokenKind {
        /// For requests.
        Access = "access_token",
        /// For the next pair of tokens.
        Refresh = "refresh_token",
        /// For programs.
        ApiKey = "api_key",
    }
}

/// A token that is good now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introspection {
    /// What kind.
    pub kind: TokenKind,
    /// In whose name it is used.
    pub subject: Principal,
    /// What that person is called, where they chose a name that is public.
    pub username: Option<Username>,
    /// Which token, where each has an id.
    pub token: Option<TokenId>,
    /// Of which session.
    pub session: Option<SessionId>,
    /// Of which key.
    pub api_key: Option<ApiKeyPrefix>,
    /// The company that the subject belongs to now, or is.
    pub company: Option<CompanyId>,
    /// What the person is to the service now, whatever the token says.
    pub role: Option<Role>,
    /// What that allows.
    pub permissions: Vec<Permission>,
    /// What a key is good for.
    pub features: Vec<FeatureName>,
    /// When it was made.
    pub issued_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

/// Why the question was not answered.
#[derive(Debug, Error)]
pub enum IntrospectError {
    /// The caller may not ask.
    #[error(transparent)]
    Denied(#[from] PermissionDenied),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Inquirer<'_> {
    fn require(self) -> Result<(), PermissionDenied> {
        match self {
            Self::Person(caller) => caller.require(Permission::TokenIntrospect),
            Self::Key(_) => Ok(()),
        }
    }
}

impl Introspection {
    fn of_person(kind: TokenKind, user: User, session: &Session) -> Self {
        Self {
            kind,
            subject: Principal::User(user.id),
            username: user.profile.username,
            token: None,
            session: Some(session.id),
            api_key: None,
            company: None,
            role: Some(user.role),
            permissions: user.role.permissions().to_vec(),
            features: Vec::new(),
            issued_at: session.rotated_at,
            expires_at: session.expires_at,
        }
    }
}

impl Identity {
    /// What a token is, if it is good now: authentic, within its time, and its session or key alive as the store knows it. Nothing is told
    /// of any other, and that it was asked for is no use of it.
    pub async fn introspect(
        &self,
        inquirer: Inquirer<'_>,
        token: &Secret,
    ) -> Result<Option<Introspection>, IntrospectError> {
        inquirer.require()?;
        if ApiKeySecret::is_meant_by(token) {
            return Ok(self.introspect_api_key(token).await?);
        }
        let now = self.now();
        if let Ok(claims) = self.verify_access(token, now).await? {
            return Ok(self.introspect_access(&claims, now).await?);
        }
        match self.verify_refresh(token, now).await? {
            Ok(claims) => Ok(self.introspect_refresh(&claims, now).await?),
            Err(_) => Ok(None),
        }
    }

    async fn introspect_access(
        &self,
        claims: &AccessClaims,
        now: DateTime<Utc>,
    ) -> Result<Option<Introspection>, StoreError> {
        let Some((session, user)) = self.live_session_of(claims.session, now).await? else { return Ok(None) };
        if user.id != claims.user {
            return Ok(None);
        }
        let company = self.account_of(user.clone()).await?.active_company();
        let found = Introspection::of_person(TokenKind::Access, user, &session);
        let (issued_at, expires_at) = (claims.issued_at, claims.expires_at);
        Ok(Some(Introspection { token: Some(claims.token), company, issued_at, expires_at, ..found }))
    }

    /// Only the newest generation of a session's refresh tokens is good.
    async fn introspect_refresh(
        &self,
        claims: &RefreshClaims,
        now: DateTime<Utc>,
    ) -> Result<Option<Introspection>, StoreError> {
        let Some((session, user)) = self.live_session_of(claims.session, now).await? else { return Ok(None) };
        if session.generation != claims.generation {
            return Ok(None);
        }
        let company = self.account_of(user.clone()).await?.active_company();
        let found = Introspection::of_person(TokenKind::Refresh, user, &session);
        let expires_at = claims.expires_at.min(session.expires_at);
        Ok(Some(Introspection { company, issued_at: claims.issued_at, expires_at, ..found }))
    }

    async fn introspect_api_key(&self, text: &Secret) -> Result<Option<Introspection>, StoreError> {
        let Ok(text) = ApiKeySecret::parse(text) else { return Ok(None) };
        let key = match self.open_api_key(&text).await {
            Ok(key) => key,
            Err(AuthenticateApiKeyError::Store(error)) => return Err(error),
            Err(
                AuthenticateApiKeyError::Mistyped(_)
                | AuthenticateApiKeyError::Unknown
                | AuthenticateApiKeyError::Expired
                | AuthenticateApiKeyError::OwnerInactive,
            ) => return Ok(None),
        };
        let company = match key.owner {
            Principal::Company(company) => Some(company),
            Principal::User(_) => None,
        };
        // The secret before a rotation ends with the overlap.
        let overlap = key.previous.as_ref().filter(|_| key.secret != text.hash());
        let expires_at = overlap.map_or(key.expires_at, |previous| previous.good_until.min(key.expires_at));
        Ok(Some(Introspection {
            kind: TokenKind::ApiKey,
            subject: key.owner,
            username: None,
            token: None,
            session: None,
            api_key: Some(key.prefix),
            company,
            role: None,
            permissions: Vec::new(),
            features: key.features,
            issued_at: key.created_at,
            expires_at,
        }))
    }

    /// A session that lives and its account, as the store knows them, without a note that it is used.
    async fn live_session_of(
        &self,
        id: SessionId,
        now: DateTime<Utc>,
    ) -> Result<Option<(Session, User)>, StoreError> {
        let session = self.ports().sessions.find(id).await?;
        let Some(session) = session.filter(|session| session.is_live(now)) else { return Ok(None) };
        let user = self.ports().users.find(session.user).await?;
        Ok(user.filter(|user| user.is_active).map(|user| (session, user)))
    }
}
