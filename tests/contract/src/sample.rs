//! Things to store: each call makes another one, later than those before it.

use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use portcullis_domain::{
    api_key::{ApiKey, ApiKeySecret, PreviousSecret, Principal},
    audit::{Access, Accessed},
    caller::{Origin, Role},
    commit::{Append, Claim, ClaimKey, Commit, CommitError, Committed, Expected, RowChange},
    company::{Company, Invitation, Member, MemberRole, MemberStatus},
    event::{Actor, Event, EventData, EventType, NewEvent, StreamKind},
    feature::{Feature, FeatureDescription, FeatureName, FeatureSettings, FeatureUsage},
    id::{ApiKeyId, CompanyId, FeatureId, OneTimeCodeId, StreamId, SubjectId, UserId},
    port::{Clock, FeedCursor, FeedItem},
    seal::{DataKey, MasterKey, Sealed, SubjectKey},
    session::{LoginAttempt, Session},
    stream::{IdempotentRequest, RequestDigest, Snapshot, StreamState},
    testing::{ManualClock, SeededEntropy},
    user::{Credential, Profile, User},
    value::{CompanyName, Email, Language, PasswordHash, PersonName, Phone, ShortText, Username},
    verification::{OneTimeCode, Purpose},
};
use uuid::Uuid;

use crate::StorePorts;

/// More than any case writes, and far from what a database cannot count.
pub(crate) const ALL: usize = 1_000_000;
/// More than any case puts into a list that it pages through.
const ENOUGH: usize = 10_000;

/// A number that no other call gives in this process.
pub(crate) fn number() -> u64 {
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

/// A moment with a fraction that only microseconds can say.
pub(crate) fn now() -> DateTime<Utc> {
    ManualClock::new().now() + TimeDelta::microseconds(123_457)
}

/// A new id, larger than those before it.
pub(crate) fn id<I: From<Uuid>>() -> I {
    let number = number();
    numbered_id(now().timestamp_millis().unsigned_abs() + number, number)
}

/// A new id of a moment, larger than those before it of the same millisecond.
pub(crate) fn id_at<I: From<Uuid>>(at: DateTime<Utc>) -> I {
    numbered_id(at.timestamp_millis().unsigned_abs(), number())
}

fn numbered_id<I: From<Uuid>>(millis: u64, number: u64) -> I {
    let mut random = [0xa5; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().into()
}

/// An event of a kind that every store knows.
pub(crate) fn event() -> NewEvent {
    NewEvent {
        id: id(),
        event_type: EventType::new("user.updated"),
        schema_version: 1,
        actor: Actor::User(id()),
        data: EventData::of(&std::collections::BTreeMap::from([("number", number())])),
        personal: Some(Sealed::new(vec![0, 255, 10, 13, 34, 39])),
        recorded_at: now(),
    }
}

/// `count` events for a stream.
pub(crate) fn append(stream: StreamId, expected: Expected, count: usize) -> Append {
    append_events(stream, expected, (0..count).map(|_| event()).collect())
}

/// These events for a stream.
pub(crate) fn append_events(stream: StreamId, expected: Expected, events: Vec<NewEvent>) -> Append {
    Append { stream, kind: StreamKind::User, expected, events }
}

/// A commit of appends alone.
pub(crate) fn appends(appends: impl IntoIterator<Item = Append>) -> Commit {
    Commit { appends: appends.into_iter().collect(), ..Commit::default() }
}

/// A commit of claims alone.
pub(crate) fn claims(claims: impl IntoIterator<Item = Claim>) -> Commit {
    Commit { claims: claims.into_iter().collect(), ..Commit::default() }
}

/// A commit of rows alone.
pub(crate) fn rows(rows: impl IntoIterator<Item = RowChange>) -> Commit {
    Commit { rows: rows.into_iter().collect(), ..Commit::default() }
}

/// Keys that an engine may take for one another, or for something else than a key.
pub(crate) fn hostile_keys() -> Vec<String> {
    let long = "k".repeat(100_000);
    let mut keys: Vec<_> = [
        "",
        " ",
        "*",
        "?",
        "a",
        "A",
        "a ",
        "a:b",
        "a:",
        ":a",
        "{a}b",
        "{a}c",
        "a\0",
        "a\0b",
        "a\r\nFLUSHALL\r\n",
        "$1",
        "é",
        "e\u{301}",
        "\u{202e}키 😀",
        "\u{1}\u{7f}\u{ffff}",
        "../a",
        "'; DROP TABLE counters --",
    ]
    .map(str::to_owned)
    .into();
    keys.extend([format!("{long}1"), format!("{long}2"), long]);
    keys
}

/// A key that nobody holds.
pub(crate) fn key() -> ClaimKey {
    ClaimKey::email(&email())
}

/// An address that nobody has.
pub(crate) fn email() -> Email {
    Email::new(format!("Jane.Doe+{}@Example.com", number()))
}

/// A username that nobody has.
pub(crate) fn username() -> Username {
    Username::new(format!("jane.doe-{}", number()))
}

/// An account whose every field says something.
pub(crate) fn user() -> User {
    let profile = Profile {
        email: email(),
        username: Some(username()),
        name: PersonName::new("Jane Doe"),
        phone: Some(Phone::new("+82 10-1234-5678")),
        business_type: Some(ShortText::new("Retail; DROP TABLE users --")),
        business_number: Some(ShortText::new("123-45-67890")),
        industry: Some(ShortText::new("Ship building, \"large\" 'n' small")),
        region: Some(ShortText::new("100 % Seoul_")),
    };
    User {
        id: id(),
        version: 7,
        profile,
        role: Role::Moderator,
        is_active: true,
        is_verified: false,
        unlocks: 3,
        created_at: now(),
        updated_at: now() + TimeDelta::microseconds(1),
        last_login_at: Some(now() + TimeDelta::microseconds(2)),
    }
}

/// A put of a user.
pub(crate) fn put_user(user: &User) -> RowChange {
    RowChange::PutUser(Box::new(user.clone()))
}

/// A user's credential, after two changes of the password.
pub(crate) fn credential(user: UserId) -> Credential {
    Credential {
        user,
        password: password_hash(),
        changed_at: now(),
        history: vec![password_hash(), password_hash()],
    }
}

/// A hash of no password.
pub(crate) fn password_hash() -> PasswordHash {
    PasswordHash::new(format!("$scrypt$ln=15,r=8,p=3$salt$hash{}", number()))
}

/// A user's session at generation 1, which ends in a minute.
pub(crate) fn session(user: UserId) -> Session {
    let ip_address = Some("2001:db8::7".parse().expect("an address"));
    Session {
        id: id(),
        user,
        generation: 1,
        created_at: now(),
        rotated_at: now(),
        last_seen_at: now(),
        expires_at: now() + TimeDelta::minutes(1),
        ends_at: now() + TimeDelta::days(90),
        origin: Origin::new(ip_address, Some("Mozilla/5.0 (\"test\"; 'x')")),
    }
}

/// A user's code, not tried yet.
pub(crate) fn one_time_code(user: UserId, purpose: Purpose) -> OneTimeCode {
    let id: OneTimeCodeId = id();
    let expires_at =
        now() + TimeDelta::microseconds(i64::try_from(number()).expect("a case makes few things"));
    OneTimeCode { id, user, purpose, attempts: 0, expires_at }
}

/// Every purpose there is.
pub(crate) const fn purposes() -> [Purpose; 2] {
    let all = [Purpose::VerifyEmail, Purpose::ResetPassword];
    // A purpose that is new must be added above: this match stops compiling.
    match all[0] {
        Purpose::VerifyEmail | Purpose::ResetPassword => all,
    }
}

/// A company whose every field says something.
pub(crate) fn company() -> Company {
    Company {
        id: id(),
        version: 7,
        name: CompanyName::new(format!("Smith & Söhne \"{}\", 'Inc.'", number())),
        business_number: Some(ShortText::new("123-45-67890")),
        industry: Some(ShortText::new("Ship building; DROP TABLE companies --")),
        region: Some(ShortText::new("100 % Seoul_")),
        is_active: true,
        created_at: now(),
        updated_at: now() + TimeDelta::microseconds(1),
    }
}

/// A put of a company.
pub(crate) fn put_company(company: &Company) -> RowChange {
    RowChange::PutCompany(Box::new(company.clone()))
}

/// A user's membership of a company, as an active manager.
pub(crate) fn member(user: UserId, company: CompanyId) -> Member {
    let (role, status) = (MemberRole::Manager, MemberStatus::Active);
    Member { user, company, role, status, joined_at: now() }
}

/// An invitation to a company, mailed to an address, good for a minute.
pub(crate) fn invitation(company: CompanyId, invited_by: UserId) -> Invitation {
    Invitation {
        id: id(),
        company,
        role: MemberRole::Member,
        email: Some(email()),
        language: Language::Ko,
        invited_by,
        created_at: now(),
        expires_at: now() + TimeDelta::minutes(1),
    }
}

/// A successful attempt to sign in to a user's account.
pub(crate) fn login_attempt(user: UserId, at: DateTime<Utc>) -> LoginAttempt {
    let ip_address = Some("2001:db8::7".parse().expect("an address"));
    let origin = Origin::new(ip_address, Some("Mozilla/5.0 (\"test\"; 'x')"));
    LoginAttempt { id: id_at(at), user, at, origin, failure: None }
}

/// A look at a stream's data.
pub(crate) fn access(stream: StreamId, at: DateTime<Utc>) -> Access {
    Access { id: id_at(at), stream, actor: Actor::User(id()), what: Accessed::Profile, at }
}

/// A stream's state that is not as it began.
pub(crate) fn stream_state(stream: StreamId) -> StreamState {
    let metadata = serde_json::json!({"label": "a \"b\" \u{0} é 😀", "number": number(), "nested": {"a": [1, 2.5, null]}});
    let serde_json::Value::Object(metadata) = metadata else { unreachable!("it is one") };
    StreamState { stream, kind: StreamKind::User, is_active: false, metadata, last_snapshot: Some(number()) }
}

/// A stream's snapshot, of a version that no other has.
pub(crate) fn snapshot(stream: StreamId) -> Snapshot {
    let state = Sealed::new(vec![0, 255, 10, 13, 34, 39]);
    Snapshot { id: id(), stream, version: number(), state, created_at: now() }
}

/// What was done under a key that no other request has.
pub(crate) fn idempotent_request(at: DateTime<Utc>) -> IdempotentRequest {
    let digest = || {
        let mut bytes = [0xff; 32];
        bytes[..8].copy_from_slice(&number().to_be_bytes());
        RequestDigest::new(bytes)
    };
    IdempotentRequest {
        key: digest(),
        request: digest(),
        stream: id(),
        version: number(),
        claimed_by: id(),
        created_at: at,
    }
}

/// An owner's API key, rotated once, never used, good for a minute.
pub(crate) fn api_key(owner: Principal) -> ApiKey {
    let entropy = SeededEntropy::new(number());
    let text = ApiKeySecret::generate(&entropy);
    let before = ApiKeySecret::generate_under(text.prefix().clone(), &entropy);
    ApiKey {
        id: id(),
        owner,
        name: ShortText::new("Jane's \"ci\"; DROP TABLE api_keys --"),
        prefix: text.prefix().clone(),
        secret: text.hash(),
        previous: Some(PreviousSecret {
            secret: before.hash(),
            good_until: now() + TimeDelta::microseconds(7),
        }),
        features: vec![FeatureName::new("reports.export"), FeatureName::new("reports")],
        created_at: now(),
        expires_at: now() + TimeDelta::minutes(1),
        last_used_at: None,
    }
}

/// A feature of a name that no other has, whose every field says something.
pub(crate) fn feature() -> Feature {
    Feature {
        id: id(),
        name: FeatureName::new(format!("feature-{}", number())),
        settings: FeatureSettings {
            description: FeatureDescription::new("100 % 보고서 \"of\" it; DROP TABLE features --"),
            enabled: true,
            required_role: Some(Role::Moderator),
            company_id: Some(id()),
        },
        created_at: now(),
        updated_at: now() + TimeDelta::microseconds(1),
    }
}

/// A put of a feature.
pub(crate) fn put_feature(feature: &Feature) -> RowChange {
    RowChange::PutFeature(Box::new(feature.clone()))
}

/// So often a feature was asked for with a key.
pub(crate) fn feature_usage(
    feature: FeatureId,
    api_key: ApiKeyId,
    granted: u64,
    refused: u64,
) -> FeatureUsage {
    FeatureUsage { feature, api_key, granted, refused, last_at: now() }
}

/// A subject's wrapped data key.
pub(crate) fn subject_key(subject: SubjectId) -> SubjectKey {
    let entropy = SeededEntropy::new(number());
    MasterKey::generate(&entropy).wrap(subject, &DataKey::generate(&entropy), &entropy)
}

/// The stream, the expected and the actual version that a conflict names.
pub(crate) fn conflict(outcome: &Result<Committed, CommitError>) -> Option<(StreamId, u64, u64)> {
    match outcome {
        Err(CommitError::Conflict { stream, expected, actual }) => Some((*stream, *expected, *actual)),
        _ => None,
    }
}

/// The key that a commit found taken.
pub(crate) fn taken(outcome: Result<Committed, CommitError>) -> Option<ClaimKey> {
    match outcome {
        Err(CommitError::Taken { key }) => Some(key),
        _ => None,
    }
}

/// A whole list, read in pages of a size, each of which goes on after the last item of the one before it.
pub(crate) async fn paged<T: Clone, F: Future<Output = Vec<T>>>(
    size: usize,
    read: impl Fn(Option<T>) -> F,
) -> Vec<T> {
    let mut items: Vec<T> = Vec::new();
    loop {
        let page = read(items.last().cloned()).await;
        assert!(page.len() <= size, "{} items where at most {size} were asked for", page.len());
        let is_last = page.len() < size;
        items.extend(page);
        if is_last {
            return items;
        }
        assert!(items.len() < ENOUGH, "the pages do not end");
    }
}

impl StorePorts {
    /// Commits what must succeed.
    pub(crate) async fn commit(&self, commit: Commit) -> Vec<Event> {
        self.events.commit(commit).await.expect("the commit applies").events
    }

    /// Puts rows that must go in.
    pub(crate) async fn put(&self, changes: impl IntoIterator<Item = RowChange>) {
        self.commit(rows(changes)).await;
    }

    /// Puts a new user.
    pub(crate) async fn put_new_user(&self) -> User {
        let user = user();
        self.put([put_user(&user)]).await;
        user
    }

    /// Puts a new company.
    pub(crate) async fn put_new_company(&self) -> Company {
        let company = company();
        self.put([put_company(&company)]).await;
        company
    }

    /// Puts a new feature.
    pub(crate) async fn put_new_feature(&self) -> Feature {
        let feature = feature();
        self.put([put_feature(&feature)]).await;
        feature
    }

    /// All events of a stream.
    pub(crate) async fn stream(&self, stream: StreamId) -> Vec<Event> {
        self.events.read_stream(stream, 0, ALL).await.expect("the stream reads")
    }

    /// The whole feed.
    pub(crate) async fn feed(&self) -> Vec<FeedItem> {
        self.events.read_feed(FeedCursor::START, ALL).await.expect("the feed reads")
    }
}
