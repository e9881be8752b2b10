use std::{
    collections::{BTreeMap, HashMap},
    hash::Hash,
};

use async_trait::async_trait;
use portcullis_domain::{
    commit::RowChange,
    id::{OneTimeCodeId, SessionId, SubjectId, UserId},
    key_ring::SealedSigningKey,
    port::{
        Credentials, OneTimeCodes, RotateOutcome, Rotation, Sessions, SigningKeys, StoreError, SubjectKeys,
        Users,
    },
    seal::SubjectKey,
    session::Session,
    user::{Credential, User},
    value::{Email, Username},
    verification::{OneTimeCode, Purpose},
};

use crate::Memory;

/// The rows that commits write, and the signing keys.
#[derive(Default)]
pub(crate) struct Rows {
    users: HashMap<UserId, User>,
    users_by_email: HashMap<String, UserId>,
    users_by_username: HashMap<Username, UserId>,
    credentials: HashMap<UserId, Credential>,
    sessions: HashMap<SessionId, Session>,
    /// In the order in which they were put.
    one_time_codes: Vec<OneTimeCode>,
    subject_keys: HashMap<SubjectId, SubjectKey>,
    signing_keys: BTreeMap<u32, SealedSigningKey>,
}

impl Rows {
    pub(crate) fn apply(&mut self, change: RowChange) {
        match change {
            RowChange::PutUser(user) => self.put_user(*user),
            RowChange::PutCredential(credential) => {
                self.credentials.insert(credential.user, credential);
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
        }
    }

    pub(crate) fn shred(&mut self, subject: SubjectId) {
        self.subject_keys.remove(&subject);
    }

    fn put_user(&mut self, user: User) {
        if let Some(before) = self.users.remove(&user.id) {
            release(&mut self.users_by_email, &before.profile.email.folded(), user.id);
            if let Some(username) = &before.profile.username {
                release(&mut self.users_by_username, username, user.id);
            }
        }
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
        session.expires_at = rotation.expires_at;
        session.origin = rotation.origin.clone();
        RotateOutcome::Rotated(session.clone())
    }

    fn take_attempt(&mut self, id: OneTimeCodeId, limit: u32) -> bool {
        let code = self.one_time_codes.iter_mut().find(|code| code.id == id && code.attempts < limit);
        code.map(|code| code.attempts += 1).is_some()
    }
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
}

#[async_trait]
impl SubjectKeys for Memory {
    async fn find(&self, subject: SubjectId) -> Result<Option<SubjectKey>, StoreError> {
        Ok(self.state().rows.subject_keys.get(&subject).cloned())
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
}
