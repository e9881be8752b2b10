use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Metadata, StreamEvent, StreamState};
use crate::{
    caller::Role,
    company::{Company, CompanyEvent},
    event::{Event, EventReadError, StreamKind, Version},
    id::{CompanyId, StreamId, UserId},
    seal::DataKey,
    user::{Profile, User, UserEvent},
    value::{CompanyName, ShortText},
};

/// What a stream's events add up to, as far as they were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fold {
    /// Which stream.
    pub stream: StreamId,
    /// How many events were read.
    pub version: Version,
    /// Whom or what it is of; nobody before they were created and after they were erased.
    pub subject: Option<Subject>,
    /// What the stream is of.
    pub kind: StreamKind,
    /// What the stream itself is, once something happened to it; nothing after an erasure.
    pub state: Option<StreamState>,
}

/// Whom or what a stream is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A person's account.
    User(Box<User>),
    /// A company.
    Company(Box<Company>),
}

impl Subject {
    /// The version of its stream that it is of.
    pub fn version(&self) -> Version {
        match self {
            Self::User(user) => user.version,
            Self::Company(company) => company.version,
        }
    }
}

impl Fold {
    /// Before the first event.
    pub fn empty(stream: StreamId, kind: StreamKind) -> Self {
        Self { stream, version: 0, kind, subject: None, state: None }
    }

    /// After one more event. Without the key of a person who was erased there is nobody. An event of a type that this version does not
    /// know counts, and changes nothing.
    pub fn apply(self, stored: &Event, key: Option<&DataKey>) -> Result<Self, EventReadError> {
        let Self { stream, version, kind, subject, mut state } = self;
        let (event, at) = (&stored.event, stored.event.recorded_at);
        if let Some(own) = StreamEvent::read(event, key)?.filter(StreamEvent::changes_state) {
            state = Some(state.unwrap_or_else(|| StreamState::new(stream, kind)).apply(&own));
        }
        let subject = match kind {
            StreamKind::User => {
                let before = subject.and_then(Subject::into_user);
                let after = match UserEvent::read(event, key) {
                    Ok(event) => {
                        state.take_if(|_| event == UserEvent::Deleted);
                        User::apply(before, &event, at)
                    }
                    Err(EventReadError::Unknown { .. }) => before.map(User::after_unknown),
                    Err(error) => return Err(error),
                };
                after.map(|user| Subject::User(Box::new(user)))
            }
            StreamKind::Company => {
                let before = subject.and_then(Subject::into_company);
                let after = match CompanyEvent::read(event) {
                    Ok(event) => Company::apply(before, &event, at),
                    Err(EventReadError::Unknown { .. }) => before.map(Company::after_unknown),
                    Err(error) => return Err(error),
                };
                after.map(|company| Subject::Company(Box::new(company)))
            }
            // What it adds up to is its row, and no snapshot is taken of it.
            StreamKind::Feature => None,
        };
        Ok(Self { stream, version: version + 1, kind, subject, state })
    }

    /// The state as JSON, as a snapshot keeps and shows it; `None` of nobody.
    #[expect(clippy::missing_panics_doc, reason = "the expectation cannot fail")]
    pub fn to_json(&self) -> Option<Value> {
        let subject = match self.subject.as_ref()? {
            Subject::User(user) => StoredSubject::User(user.as_ref().into()),
            Subject::Company(company) => StoredSubject::Company(company.as_ref().into()),
        };
        let stream = self.state.as_ref().map(|state| StoredStream {
            is_active: state.is_active,
            metadata: state.metadata.clone(),
            last_snapshot_version: state.last_snapshot,
        });
        let stored = Stored { subject, stream };
        Some(serde_json::to_value(stored).expect("a state is plain structs with text keys"))
    }

    /// Reads what [`to_json`](Self::to_json) wrote of a stream at a version; `None` where it is of another stream, kind or shape.
    pub fn from_json(json: Value, stream: StreamId, kind: StreamKind, version: Version) -> Option<Self> {
        let Stored { subject, stream: own } = serde_json::from_value(json).ok()?;
        let subject = match (subject, kind) {
            (StoredSubject::User(user), StreamKind::User) => {
                Subject::User(Box::new(user.into_user(stream, version)))
            }
            (StoredSubject::Company(company), StreamKind::Company) => {
                Subject::Company(Box::new(company.into_company(stream, version)))
            }
            _ => return None,
        };
        let state = own.map(|own| StreamState {
            stream,
            kind,
            is_active: own.is_active,
            metadata: own.metadata,
            last_snapshot: own.last_snapshot_version,
        });
        Some(Self { stream, version, kind, subject: Some(subject), state })
    }
}

impl Subject {
    fn into_user(self) -> Option<User> {
        match self {
            Self::User(user) => Some(*user),
            Self::Company(_) => None,
        }
    }

    fn into_company(self) -> Option<Company> {
        match self {
            Self::Company(company) => Some(*company),
            Self::User(_) => None,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    subject: StoredSubject,
    stream: Option<StoredStream>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredSubject {
    User(StoredUser),
    Company(StoredCompany),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredStream {
    is_active: bool,
    metadata: Metadata,
    last_snapshot_version: Option<Version>,
}

/// Without id and version, which are the snapshot's.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredUser {
    profile: Profile,
    role: Role,
    is_active: bool,
    is_verified: bool,
    unlocks: u32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    last_login_at: Option<DateTime<Utc>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredCompany {
    name: CompanyName,
    business_number: Option<ShortText>,
    industry: Option<ShortText>,
    region: Option<ShortText>,
    is_active: bool,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<&User> for StoredUser {
    fn from(user: &User) -> Self {
        // Whole, so that a new field cannot be left out of snapshots unnoticed.
        let User {
            id: _,
            version: _,
            profile,
            role,
            is_active,
            is_verified,
            unlocks,
            created_at,
            updated_at,
            last_login_at,
        } = user;
        Self {
            profile: profile.clone(),
            role: *role,
            is_active: *is_active,
            is_verified: *is_verified,
            unlocks: *unlocks,
            created_at: *created_at,
            updated_at: *updated_at,
            last_login_at: *last_login_at,
        }
    }
}

impl StoredUser {
    fn into_user(self, stream: StreamId, version: Version) -> User {
        User {
            id: UserId::new(stream.into()),
            version,
            profile: self.profile,
            role: self.role,
            is_active: self.is_active,
            is_verified: self.is_verified,
            unlocks: self.unlocks,
            created_at: self.created_at,
            updated_at: self.updated_at,
            last_login_at: self.last_login_at,
        }
    }
}

impl From<&Company> for StoredCompany {
    fn from(company: &Company) -> Self {
        let Company {
            id: _,
            version: _,
            name,
            business_number,
            industry,
            region,
            is_active,
            created_at,
            updated_at,
        } = company;
        Self {
            name: name.clone(),
            business_number: business_number.clone(),
            industry: industry.clone(),
            region: region.clone(),
            is_active: *is_active,
            created_at: *created_at,
            updated_at: *updated_at,
        }
    }
}

impl StoredCompany {
    fn into_company(self, stream: StreamId, version: Version) -> Company {
        Company {
            id: CompanyId::new(stream.into()),
            version,
            name: self.name,
            business_number: self.business_number,
            industry: self.industry,
            region: self.region,
            is_active: self.is_active,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}
