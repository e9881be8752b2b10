use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard},
};

use async_trait::async_trait;
use portcullis_domain::{
    commit::{ClaimKey, ClaimSpace},
    company::{Company, Member},
    feature::Feature,
    id::{CompanyId, FeatureId, StreamId, SubjectId, UserId},
    port::{FeedCursor, Replays, Shadow, StoreError},
    replay::{DerivedRows, Mark, TableComparison, Wanted},
    stream::StreamState,
    user::User,
};
use tokio::sync::{OwnedRwLockWriteGuard, RwLock};
use uuid::Uuid;

use crate::{Memory, State};

/// Derived rows beside those in use.
#[derive(Clone, Default)]
pub(crate) struct Derived {
    mark: Option<Mark>,
    users: BTreeMap<UserId, User>,
    companies: BTreeMap<CompanyId, Company>,
    members: BTreeMap<UserId, Member>,
    states: BTreeMap<StreamId, StreamState>,
    features: BTreeMap<FeatureId, Feature>,
    claims: BTreeMap<ClaimKey, Uuid>,
}

impl Derived {
    /// Somebody's key was destroyed.
    pub(crate) fn shred(&mut self, subject: SubjectId) {
        let id = UserId::new(subject.into());
        self.users.remove(&id);
        self.states.remove(&id.into());
        self.claims.retain(|_, owner| UserId::new(*owner) != id);
    }
}

struct MemoryShadow {
    state: Arc<Mutex<State>>,
    gate: Arc<RwLock<()>>,
    turn: Option<OwnedRwLockWriteGuard<()>>,
}

#[async_trait]
impl Replays for Memory {
    async fn open(&self) -> Result<Box<dyn Shadow>, StoreError> {
        let (state, gate) = (Arc::clone(&self.state), Arc::clone(&self.gate));
        Ok(Box::new(MemoryShadow { state, gate, turn: None }))
    }
}

impl MemoryShadow {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it is held")
    }
}

#[async_trait]
impl Shadow for MemoryShadow {
    async fn mark(&mut self) -> Result<Mark, StoreError> {
        Ok(self.state().derived.mark.unwrap_or(Mark::START))
    }

    async fn find(&mut self, wanted: &Wanted) -> Result<DerivedRows, StoreError> {
        let Derived { users, companies, members, states, features, .. } = &self.state().derived;
        let mut rows = DerivedRows::absent(wanted);
        rows.users.iter_mut().for_each(|(id, user)| *user = users.get(id).cloned());
        rows.companies.iter_mut().for_each(|(id, company)| *company = companies.get(id).cloned());
        rows.members.iter_mut().for_each(|(id, member)| *member = members.get(id).cloned());
        rows.states.iter_mut().for_each(|(stream, state)| *state = states.get(stream).cloned());
        rows.features.iter_mut().for_each(|(id, feature)| *feature = features.get(id).cloned());
        Ok(rows)
    }

    async fn write(&mut self, rows: &DerivedRows, mark: Mark) -> Result<(), StoreError> {
        let state = &mut *self.state();
        let has_no_key = |id: &&UserId| !state.rows.has_key((**id).into());
        let erased: BTreeSet<_> = rows.users.keys().filter(has_no_key).copied().collect();
        let (rows, derived) = (rows.clone().without(&erased), &mut state.derived);
        put(&mut derived.users, &rows.users);
        put(&mut derived.companies, &rows.companies);
        put(&mut derived.members, &rows.members);
        put(&mut derived.states, &rows.states);
        put(&mut derived.features, &rows.features);
        put(&mut derived.claims, &rows.holders());
        derived.mark = Some(mark);
        Ok(())
    }

    async fn lock(&mut self) -> Result<FeedCursor, StoreError> {
        self.turn = Some(Arc::clone(&self.gate).write_owned().await);
        Ok(FeedCursor { transaction: 0, position: self.state().newest() })
    }

    async fn compare(&mut self) -> Result<Vec<TableComparison>, StoreError> {
        let state = self.state();
        let Derived { users, companies, members, states, features, claims, .. } = &state.derived;
        let (in_use, claims_in_use) = (&state.rows, &state.claims);
        let states_in_use = in_use.streams.states();
        let features_in_use = in_use.features.by_id();
        Ok(vec![
            compared("users", users, |id| in_use.users.get(id), in_use.users.len()),
            compared("companies", companies, |id| in_use.companies.get(id), in_use.companies.len()),
            compared("members", members, |id| in_use.members.get(id), in_use.members.len()),
            compared("stream_states", states, |stream| states_in_use.get(stream), states_in_use.len()),
            compared("features", features, |id| features_in_use.get(id), features_in_use.len()),
            compared(
                "claims",
                claims,
                |key| claims_in_use.get(key),
                claims_in_use.keys().filter(|key| is_derived(key)).count(),
            ),
        ])
    }

    async fn swap(self: Box<Self>) -> Result<(), StoreError> {
        let state = &mut *self.state();
        let Derived { users, companies, members, states, features, claims, .. } =
            std::mem::take(&mut state.derived);
        state.rows.features.replace(features.into_values());
        state.rows.replace(users, companies.into_iter().collect(), members);
        state.rows.streams.replace_states(states.into_iter().collect::<HashMap<_, _>>());
        state.claims.retain(|key, _| !is_derived(key));
        state.claims.extend(claims);
        Ok(())
    }

    async fn discard(self: Box<Self>) -> Result<(), StoreError> {
        self.state().derived = Derived::default();
        Ok(())
    }
}

/// Requests that a client may send again are told by no event.
fn is_derived(key: &ClaimKey) -> bool {
    key.space() != ClaimSpace::IdempotencyKey
}

fn put<K: Ord + Clone, V: Clone>(table: &mut BTreeMap<K, V>, rows: &BTreeMap<K, Option<V>>) {
    for (key, row) in rows {
        match row {
            Some(row) => drop(table.insert(key.clone(), row.clone())),
            None => drop(table.remove(key)),
        }
    }
}

/// Of a table that is to be, how many of those in use are like it.
fn compared<'a, K, V: PartialEq + 'a>(
    table: &'static str,
    wanted: &'a BTreeMap<K, V>,
    in_use: impl Fn(&K) -> Option<&'a V>,
    count: usize,
) -> TableComparison {
    let alike = wanted.iter().filter(|(key, row)| in_use(key) == Some(row)).count();
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    TableComparison {
        table,
        rows: number(wanted.len()),
        wrong: number(count - alike),
        lacking: number(wanted.len() - alike),
    }
}
