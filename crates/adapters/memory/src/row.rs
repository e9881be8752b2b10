use std::{
    cmp::Ordering,
    collections::{BTreeMap, HashMap},
    hash::Hash,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use portcullis_domain::{
    audit::Access,
    commit::RowChange,
    company::{Company, Invitation, Member, Membership},
    id::{
        AccessId, CompanyId, InvitationId, LoginAttemptId, OneTimeCodeId, SessionId, StreamId, SubjectId,
        UserId,
    },
    key_ring::SealedSigningKey,
    port::{
        Accesses, Companies, Credentials, Invitations, KeyReplacement, LoginHistory, Members, OneTimeCodes,
        RotateOutcome, Rotation, Sessions, SigningKeys, StoreError, SubjectKeys, UserCount, UserCursor,
        UserQuery, Users,
    },
    seal::{Sealed, SubjectKey},
    session::{LoginAttempt, Session},
    user::{Credential, User},
    value::{Email, Username},
    verification::{OneTimeCode, Purpose},
};

use crate::{Memory, api_key::KeyRows, feature::FeatureRows, stream::StreamRows};

/// The rows that commits write, and the signing keys.
#[derive(Default)]
pub(crate) struct Rows {
    pub(crate) users: HashMap<UserId, User>,
    users_by_email: HashMap<String, UserId>,
    users_by_username: HashMap<Username, UserId>,
    credentials: HashMap<UserId, Credential>,
    sessions: HashMap<SessionId, Session>,
    /// In the order in which they were put.
    one_time_codes: Vec<OneTimeCode>,
    pub(crate) companies: HashMap<CompanyId, Company>,
    pub(crate) members: BTreeMap<UserId, Member>,
    invitations: HashMap<InvitationId, Invitation>,
    login_attempts: Vec<LoginAttempt>,
    accesses: Vec<Access>,
    pub(crate) streams: StreamRows,
    subject_keys: BTreeMap<SubjectId, SubjectKey>,
    signing_keys: BTreeMap<u32, SealedSigningKey>,
    pub(crate) api_keys: KeyRows,
    pub(crate) features: FeatureRows,
}

impl Rows {
    pub(crate) fn apply(&mut self, change: RowChange) {
        match change {
            RowChange::PutUser(user) => self.put_user(*user),
            RowChange::DeleteUser(id) => self.delete_user(id),
            RowChange::PutCredential(credential) => {
                self.credentials.insert(credential.user, credential);
            }
            RowChange::DeleteCredential(user) => {
                self.credentials.remove(&user);
            }
            RowChange::PutSubjectKey(key) => {
                self.subject_keys.insert(key.subject, key);
            }
            RowChange::PutSession(session) => {
                self.sessions.insert(session.id, session);
            }
            RowChange::DeleteSession(id) => {
                self.sessions.remove(&id);
            }
            RowChange::DeleteSessionsOf(user) => self.sessions.retain(|_, session| session.user != user),
            RowChange::PutOneTimeCode(code) => self.put_one_time_code(code),
            RowChange::DeleteOneTimeCodesOf(user, purpose) => {
                self.one_time_codes.retain(|code| code.user != user || code.purpose != purpose);
            }
            change => self.apply_around(change),
        }
    }

    /// Changes of what is around an account: its company, and what is noted of its use.
    fn apply_around(&mut self, change: RowChange) {
        match change {
            RowChange::PutCompany(company) => {
                self.companies.insert(company.id, *company);
            }
            RowChange::PutMember(member) => {
                self.members.insert(member.user, member);
            }
            RowChange::DeleteMember(user) => {
                self.members.remove(&user);
            }
            RowChange::PutInvitation(invitation) => {
                self.invitations.insert(invitation.id, invitation);
            }
            RowChange::DeleteInvitation(id) => {
                self.invitations.remove(&id);
            }
            RowChange::DeleteInvitationsTo(email) => self.invitations.retain(|_, invitation| {
                invitation.email.as_ref().is_none_or(|invited| invited.folded() != email.folded())
            }),
            RowChange::PutLoginAttempt(attempt) => self.login_attempts.push(attempt),
            RowChange::DeleteLoginAttemptsOf(user) => {
                self.login_attempts.retain(|attempt| attempt.user != user);
            }
            RowChange::PutAccess(access) => self.accesses.push(access),
            RowChange::DeleteAccessesTo(stream) => self.accesses.retain(|access| access.stream != stream),
            change => self.apply_to_keys(change),
        }
    }

    /// Changes of API keys and of what they are for.
    fn apply_to_keys(&mut self, change: RowChange) {
        match change {
            RowChange::PutApiKey(key) => self.api_keys.put(*key),
            RowChange::TouchApiKey(key, at) => self.api_keys.touch(key, at),
            RowChange::DeleteApiKey(key) => self.api_keys.delete(key),
            RowChange::DeleteApiKeysOf(owner) => self.api_keys.delete_of(owner),
            RowChange::PutFeature(feature) => self.features.put(*feature),
            RowChange::DeleteFeature(feature) => self.features.delete(feature),
            RowChange::AddFeatureUsage(usage) => self.features.add_usage(usage),
            RowChange::DeleteFeatureUsagesOf(feature) => self.features.delete_usages_of(feature),
            change => self.streams.apply(change),
        }
    }

    /// Puts rows in the place of those of their tables.
    pub(crate) fn replace(
        &mut self,
        users: BTreeMap<UserId, User>,
        companies: HashMap<CompanyId, Company>,
        members: BTreeMap<UserId, Member>,
    ) {
        self.users_by_email.clear();
        self.users_by_username.clear();
        self.users.clear();
        for user in users.into_values() {
            self.put_user(user);
        }
        self.companies = companies;
        self.members = members;
    }

    pub(crate) fn has_key(&self, subject: SubjectId) -> bool {
        self.subject_keys.contains_key(&subject)
    }

    pub(crate) fn shred(&mut self, subject: SubjectId) {
        self.subject_keys.remove(&subject);
    }

    fn delete_user(&mut self, id: UserId) {
        let Some(before) = self.users.remove(&id) else { return };
        release(&mut self.users_by_email, &before.profile.email.folded(), id);
        if let Some(username) = &before.profile.username {
            release(&mut self.users_by_username, username, id);
        }
    }

    fn put_user(&mut self, user: User) {
        self.delete_user(user.id);
        self.users_by_email.insert(user.profile.email.folded(), user.id);
        if let Some(username) = &user.profile.username {
            self.users_by_username.insert(username.clone(), user.id);
        }
        self.users.insert(user.id, user);
    }

    fn put_one_time_code(&mut self, code: OneTimeCode) {
        match self.one_time_codes.iter_mut().find(|known| known.id == code.id) {
            Some(known) => *known = code,
            None => self.one_time_codes.push(code),
        }
    }

    fn rotate(&mut self, rotation: &Rotation) -> RotateOutcome {
        let live = self.sessions.get_mut(&rotation.session).filter(|session| session.is_live(rotation.at));
        let Some(session) = live else { return RotateOutcome::Gone };
        if session.generation != rotation.from_generation {
            return RotateOutcome::Stale(session.clone());
        }
        session.generation += 1;
        session.rotated_at = rotation.at;
        session.last_seen_at = rotation.at;
        session.expires_at = rotation.expires_at.min(session.ends_at);
        session.origin = rotation.origin.clone();
        RotateOutcome::Rotated(session.clone())
    }

    fn find_users(&self, query: &UserQuery, after: Option<&UserCursor>, limit: usize) -> Vec<User> {
        let is_found = |user: &&User| {
            let company = || self.members.get(&user.id).map(|member| member.company);
            (query.prefix.is_none() || query.term_of(user).is_some())
                && query.role.is_none_or(|role| role == user.role)
                && query.is_active.is_none_or(|is_active| is_active == user.is_active)
                && query.company.is_none_or(|wanted| company() == Some(wanted))
        };
        let mut found: Vec<_> =
            self.users.values().filter(is_found).map(|user| (query.cursor_after(user), user)).collect();
        found.sort_by(|(one, _), (other, _)| order(one, other));
        let beyond =
            |cursor: &UserCursor| after.is_none_or(|after| order(cursor, after) == Ordering::Greater);
        let page = found.into_iter().filter(|(cursor, _)| beyond(cursor)).take(limit);
        page.map(|(_, user)| user.clone()).collect()
    }

    fn membership(&self, user: UserId) -> Option<Membership> {
        let member = self.members.get(&user)?.clone();
        let company_name = self.companies.get(&member.company)?.name.clone();
        Some(Membership { member, company_name })
    }

    fn take_attempt(&mut self, id: OneTimeCodeId, limit: u32) -> bool {
        let code = self.one_time_codes.iter_mut().find(|code| code.id == id && code.attempts < limit);
        code.map(|code| code.attempts += 1).is_some()
    }
}

/// By term, then id; without terms the newest, whose ids are the greatest, first.
fn order(one: &UserCursor, other: &UserCursor) -> Ordering {
    match (&one.term, &other.term) {
        (None, None) => other.id.cmp(&one.id),
        (term, other_term) => (term, one.id).cmp(&(other_term, other.id)),
    }
}

/// Of notes in the order of their times and ids, the newest before `after`.
fn newest_first<T: Clone, I: Ord>(
    notes: impl Iterator<Item = T>,
    key: impl Fn(&T) -> (DateTime<Utc>, I),
    after: Option<I>,
    limit: usize,
) -> Vec<T> {
    let mut notes: Vec<_> = notes.collect();
    notes.sort_by_key(|note| std::cmp::Reverse(key(note)));
    let start = after.map_or(0, |after| {
        notes.iter().position(|note| key(note).1 == after).map_or(notes.len(), |place| place + 1)
    });
    notes.into_iter().skip(start).take(limit).collect()
}

/// Takes a name out of an index, unless somebody whose row came first in the same commit has taken it over.
fn release<K: Eq + Hash>(index: &mut HashMap<K, UserId>, name: &K, owner: UserId) {
    if index.get(name) == Some(&owner) {
        index.remove(name);
    }
}

#[async_trait]
impl Users for Memory {
    async fn find(&self, id: UserId) -> Result<Option<User>, StoreError> {
        Ok(self.state().rows.users.get(&id).cloned())
    }

    async fn find_by_email(&self, email: &Email) -> Result<Option<User>, StoreError> {
        let rows = &self.state().rows;
        Ok(rows.users_by_email.get(&email.folded()).and_then(|id| rows.users.get(id)).cloned())
    }

    async fn find_by_username(&self, username: &Username) -> Result<Option<User>, StoreError> {
        let rows = &self.state().rows;
        Ok(rows.users_by_username.get(username).and_then(|id| rows.users.get(id)).cloned())
    }

    async fn list(
        &self,
        query: &UserQuery,
        after: Option<&UserCursor>,
        limit: usize,
    ) -> Result<Vec<User>, StoreError> {
        Ok(self.state().rows.find_users(query, after, limit))
    }

    async fn count(&self) -> Result<UserCount, StoreError> {
        let users = &self.state().rows.users;
        let active = users.values().filter(|user| user.is_active);
        Ok(UserCount { all: count(users.len()), active: count(active.count()) })
    }
}

#[async_trait]
impl Credentials for Memory {
    async fn find(&self, user: UserId) -> Result<Option<Credential>, StoreError> {
        Ok(self.state().rows.credentials.get(&user).cloned())
    }
}

#[async_trait]
impl Sessions for Memory {
    async fn find(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        Ok(self.state().rows.sessions.get(&id).cloned())
    }

    async fn list_by_user(&self, user: UserId) -> Result<Vec<Session>, StoreError> {
        let state = self.state();
        let own = state.rows.sessions.values().filter(|session| session.user == user);
        let mut sessions: Vec<_> = own.cloned().collect();
        sessions.sort_by_key(|session| std::cmp::Reverse((session.created_at, session.id)));
        Ok(sessions)
    }

    async fn rotate(&self, rotation: Rotation) -> Result<RotateOutcome, StoreError> {
        Ok(self.state().rows.rotate(&rotation))
    }

    async fn touch(&self, id: SessionId, at: DateTime<Utc>) -> Result<(), StoreError> {
        if let Some(session) = self.state().rows.sessions.get_mut(&id) {
            session.last_seen_at = session.last_seen_at.max(at);
        }
        Ok(())
    }

    async fn count_live(&self, at: DateTime<Utc>) -> Result<u64, StoreError> {
        Ok(count(self.state().rows.sessions.values().filter(|session| session.is_live(at)).count()))
    }

    async fn prune(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        let sessions = &mut self.state().rows.sessions;
        let all = sessions.len();
        sessions.retain(|_, session| session.expires_at >= before);
        Ok(count(all - sessions.len()))
    }
}

#[async_trait]
impl Companies for Memory {
    async fn find(&self, id: CompanyId) -> Result<Option<Company>, StoreError> {
        Ok(self.state().rows.companies.get(&id).cloned())
    }
}

#[async_trait]
impl Members for Memory {
    async fn find(&self, user: UserId) -> Result<Option<Membership>, StoreError> {
        Ok(self.state().rows.membership(user))
    }

    async fn find_many(&self, users: &[UserId]) -> Result<Vec<Membership>, StoreError> {
        let state = self.state();
        Ok(users.iter().filter_map(|user| state.rows.membership(*user)).collect())
    }

    async fn list_by_company(
        &self,
        company: CompanyId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Member>, StoreError> {
        let state = self.state();
        let beyond =
            state.rows.members.values().filter(|member| after.is_none_or(|after| member.user > after));
        Ok(beyond.filter(|member| member.company == company).take(limit).cloned().collect())
    }

    async fn list_owners(&self, company: CompanyId, limit: usize) -> Result<Vec<Member>, StoreError> {
        let state = self.state();
        let owners = state.rows.members.values().filter(|member| member.is_owner());
        Ok(owners.filter(|member| member.company == company).take(limit).cloned().collect())
    }
}

#[async_trait]
impl Invitations for Memory {
    async fn find(&self, id: InvitationId) -> Result<Option<Invitation>, StoreError> {
        Ok(self.state().rows.invitations.get(&id).cloned())
    }

    async fn prune(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        let invitations = &mut self.state().rows.invitations;
        let all = invitations.len();
        invitations.retain(|_, invitation| invitation.expires_at >= before);
        Ok(count(all - invitations.len()))
    }
}

#[async_trait]
impl LoginHistory for Memory {
    async fn record(&self, attempts: Vec<LoginAttempt>) -> Result<(), StoreError> {
        let mut state = self.state();
        let Rows { users, login_attempts, .. } = &mut state.rows;
        login_attempts.extend(attempts.into_iter().filter(|attempt| users.contains_key(&attempt.user)));
        Ok(())
    }

    async fn list_by_user(
        &self,
        user: UserId,
        after: Option<LoginAttemptId>,
        limit: usize,
    ) -> Result<Vec<LoginAttempt>, StoreError> {
        let state = self.state();
        let own = state.rows.login_attempts.iter().filter(|attempt| attempt.user == user).cloned();
        Ok(newest_first(own, |attempt| (attempt.at, attempt.id), after, limit))
    }

    async fn prune(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        Ok(prune(&mut self.state().rows.login_attempts, |attempt| attempt.at < before))
    }
}

#[async_trait]
impl Accesses for Memory {
    async fn list_by_stream(
        &self,
        stream: StreamId,
        after: Option<AccessId>,
        limit: usize,
    ) -> Result<Vec<Access>, StoreError> {
        let state = self.state();
        let own = state.rows.accesses.iter().filter(|access| access.stream == stream).cloned();
        Ok(newest_first(own, |access| (access.at, access.id), after, limit))
    }

    async fn list_since(
        &self,
        stream: StreamId,
        after: Option<(DateTime<Utc>, AccessId)>,
        limit: usize,
    ) -> Result<Vec<Access>, StoreError> {
        let state = self.state();
        let own = state.rows.accesses.iter().filter(|access| access.stream == stream);
        let mut beyond: Vec<_> =
            own.filter(|access| after.is_none_or(|after| (access.at, access.id) > after)).cloned().collect();
        beyond.sort_by_key(|access| (access.at, access.id));
        beyond.truncate(limit);
        Ok(beyond)
    }

    async fn prune(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        Ok(prune(&mut self.state().rows.accesses, |access| access.at < before))
    }
}

fn prune<T>(notes: &mut Vec<T>, is_old: impl Fn(&T) -> bool) -> u64 {
    let before = notes.len();
    notes.retain(|note| !is_old(note));
    count(before - notes.len())
}

fn count(things: usize) -> u64 {
    u64::try_from(things).unwrap_or(u64::MAX)
}

#[async_trait]
impl OneTimeCodes for Memory {
    async fn find(&self, user: UserId, purpose: Purpose) -> Result<Option<OneTimeCode>, StoreError> {
        let state = self.state();
        let mut newest_first = state.rows.one_time_codes.iter().rev();
        Ok(newest_first.find(|code| code.user == user && code.purpose == purpose).cloned())
    }

    async fn take_attempt(&self, code: OneTimeCodeId, limit: u32) -> Result<bool, StoreError> {
        Ok(self.state().rows.take_attempt(code, limit))
    }

    async fn prune(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        Ok(prune(&mut self.state().rows.one_time_codes, |code| code.expires_at < before))
    }
}

#[async_trait]
impl SubjectKeys for Memory {
    async fn find(&self, subject: SubjectId) -> Result<Option<SubjectKey>, StoreError> {
        Ok(self.state().rows.subject_keys.get(&subject).cloned())
    }

    async fn list(&self, after: Option<SubjectId>, limit: usize) -> Result<Vec<SubjectKey>, StoreError> {
        let state = self.state();
        let keys =
            state.rows.subject_keys.values().filter(|key| after.is_none_or(|after| key.subject > after));
        Ok(keys.take(limit).cloned().collect())
    }

    async fn replace(&self, replacements: Vec<KeyReplacement>) -> Result<u64, StoreError> {
        let keys = &mut self.state().rows.subject_keys;
        let mut count = 0;
        for KeyReplacement { from, to } in replacements {
            if let Some(key) = keys.get_mut(&from.subject).filter(|key| **key == from) {
                key.wrapped = to;
                count += 1;
            }
        }
        Ok(count)
    }
}

#[async_trait]
impl SigningKeys for Memory {
    async fn list(&self) -> Result<Vec<SealedSigningKey>, StoreError> {
        Ok(self.state().rows.signing_keys.values().cloned().collect())
    }

    async fn insert(&self, key: SealedSigningKey) -> Result<bool, StoreError> {
        let signing_keys = &mut self.state().rows.signing_keys;
        let is_first = !signing_keys.contains_key(&key.epoch);
        signing_keys.entry(key.epoch).or_insert(key);
        Ok(is_first)
    }

    async fn replace(&self, from: SealedSigningKey, to: Sealed) -> Result<bool, StoreError> {
        let signing_keys = &mut self.state().rows.signing_keys;
        let Some(key) = signing_keys.get_mut(&from.epoch) else { return Ok(false) };
        let is_same = key.material == from.material;
        if is_same {
            key.material = to;
        }
        Ok(is_same)
    }
}
