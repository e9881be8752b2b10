//! Whose a key is, and the commit of what was decided about it on that owner's stream.

use super::{ApiKey, ApiKeyEvent};
use crate::{
    caller::{Caller, Origin, named},
    commit::{Commit, CommitError, RowChange},
    company::{Company, CompanyEvent, CompanyRight, MembershipError},
    id::{ApiKeyId, CompanyId, UserId},
    identity::{Act, CompanyDecision, Decision, Identity},
    port::StoreError,
    user::{User, UserEvent},
};

/// Somebody in whose name a key may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Principal {
    /// A person.
    User(UserId),
    /// A company: all of its members.
    Company(CompanyId),
}

named! {
    /// What a principal is.
    PrincipalKind {
        /// A person.
        User = "user",
        /// A company.
        Company = "company",
    }
}

impl Principal {
    /// What it is.
    pub const fn kind(self) -> PrincipalKind {
        match self {
            Self::User(_) => PrincipalKind::User,
            Self::Company(_) => PrincipalKind::Company,
        }
    }

    /// Its id.
    pub fn id(self) -> uuid::Uuid {
        match self {
            Self::User(id) => id.into(),
            Self::Company(id) => id.into(),
        }
    }

    /// Reads a stored principal.
    pub fn from_stored(kind: &str, id: uuid::Uuid) -> Option<Self> {
        Some(match PrincipalKind::from_name(kind)? {
            PrincipalKind::User => Self::User(id.into()),
            PrincipalKind::Company => Self::Company(id.into()),
        })
    }
}

/// An owner as it was read: its version guards what is decided about its keys, for every change of them appends to its stream.
pub(crate) enum Held {
    User(Box<User>),
    Company(Box<Company>),
}

impl Held {
    pub(crate) fn principal(&self) -> Principal {
        match self {
            Self::User(user) => Principal::User(user.id),
            Self::Company(company) => Principal::Company(company.id),
        }
    }

    /// Whether what it owns may be used.
    pub(crate) fn is_active(&self) -> bool {
        match self {
            Self::User(user) => user.is_active,
            Self::Company(company) => company.is_active,
        }
    }
}

/// What was decided about one key of an owner's.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ApiKeyDecision {
    pub(crate) event: ApiKeyEvent,
    pub(crate) rows: Vec<RowChange>,
}

impl Identity {
    /// The company whose keys the caller deals with; the membership is read after it, so that its version guards it.
    pub(super) async fn held_by_company<E>(&self, caller: &Caller) -> Result<Held, E>
    where
        E: From<MembershipError> + From<StoreError>,
    {
        let standing = self.standing_in_company::<E>(caller).await?;
        standing.member.require(CompanyRight::Manage)?;
        Ok(Held::Company(Box::new(standing.company)))
    }

    /// An owner, whatever its standing; `None` when it is gone.
    pub(super) async fn held(&self, principal: Principal) -> Result<Option<Held>, StoreError> {
        Ok(match principal {
            Principal::User(id) => self.ports().users.find(id).await?.map(|user| Held::User(Box::new(user))),
            Principal::Company(id) => {
                self.ports().companies.find(id).await?.map(|company| Held::Company(Box::new(company)))
            }
        })
    }

    /// A key that the caller deals with, and its owner, which is read first: one's own, or one's company's, for those who manage it.
    pub(super) async fn key_of(
        &self,
        caller: &Caller,
        id: ApiKeyId,
    ) -> Result<Option<(Held, ApiKey)>, StoreError> {
        let user = self.held(Principal::User(caller.user)).await?;
        let company = match self.held_by_company::<KeyOwnerError>(caller).await {
            Ok(company) => Some(company),
            Err(KeyOwnerError::Membership) => None,
            Err(KeyOwnerError::Store(error)) => return Err(error),
        };
        for held in user.into_iter().chain(company) {
            let keys = self.ports().api_keys.list_by_owner(held.principal()).await?;
            if let Some(key) = keys.into_iter().find(|key| key.id == id) {
                return Ok(Some((held, key)));
            }
        }
        Ok(None)
    }

    /// Commits what was decided about a key.
    pub(super) async fn record_api_key(
        &self,
        held: &Held,
        act: &Act<'_>,
        decision: ApiKeyDecision,
    ) -> Result<(), CommitError> {
        let ApiKeyDecision { event, rows } = decision;
        let mut commit = Commit::default();
        match held {
            Held::User(user) => {
                let key = self.data_key_of(user).await?;
                let decision = Decision { events: vec![UserEvent::ApiKey(event)], rows };
                self.stage(&mut commit, user.id, Some(user), &key, act, decision);
            }
            Held::Company(company) => {
                let key = self.company_key(company.id).await?;
                let decision = CompanyDecision { events: vec![CompanyEvent::ApiKey(event)], rows };
                self.stage_company(&mut commit, company.id, Some(company), &key, act, decision);
            }
        }
        self.ports().events.commit(commit).await?;
        Ok(())
    }

    /// The act of a caller on an owner's stream.
    pub(super) async fn act_on<'a>(
        &self,
        held: &Held,
        caller: &Caller,
        origin: &'a Origin,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Result<Act<'a>, StoreError> {
        match held {
            Held::User(user) => Ok(Act::own(user.id, origin, now)),
            Held::Company(_) => self.act_of(caller, origin, now).await,
        }
    }
}

/// Why the caller deals with no keys of a company.
enum KeyOwnerError {
    Membership,
    Store(StoreError),
}

impl From<MembershipError> for KeyOwnerError {
    fn from(_: MembershipError) -> Self {
        Self::Membership
    }
}

impl From<StoreError> for KeyOwnerError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
