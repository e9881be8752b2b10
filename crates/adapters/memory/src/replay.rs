use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard},
};

use async_trait::async_trait;
use portcullis_domain::{
    commit::{Claim, ClaimKey},
    company::{Company, Member},
    id::{CompanyId, UserId},
    port::{FeedCursor, Replays, Shadow, StoreError},
    replay::{DerivedRows, Mark, TableComparison, Wanted},
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
    claims: BTreeMap<ClaimKey, Uuid>,
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
        let Derived { users, companies, members, .. } = &self.state().derived;
        let mut rows = DerivedRows::absent(wanted);
        rows.users.iter_mut().for_each(|(id, user)| *user = users.get(id).cloned());
        rows.companies.iter_mut().for_each(|(id, company)| *company = companies.get(id).cloned());
        rows.members.iter_mut().for_each(|(id, member)| *member = members.get(id).cloned());
        Ok(rows)
    }

    async fn write(&mut self, rows: &DerivedRows, mark: Mark) -> Result<(), StoreError> {
        let derived = &mut self.state().derived;
        put(&mut derived.users, &rows.users);
        put(&mut derived.companies, &rows.companies);
        put(&mut derived.members, &rows.members);
        for claim in &rows.claims {
            match claim {
                Claim::Take { key, owner } => drop(derived.claims.insert(key.clone(), *owner)),
                Claim::Release { key, owner } if derived.claims.get(key) == Some(owner) => {
                    derived.claims.remove(key);
                }
                Claim::Release { .. } => {}
            }
        }
        derived.mark = Some(mark);
        Ok(())
    }

    async fn lock(&mut self) -> Result<FeedCursor, StoreError> {
        self.turn = Some(Arc::clone(&self.gate).write_owned().await);
        Ok(FeedCursor { transaction: 0, position: self.state().newest() })
    }

    async fn compare(&mut self) -> Result<Vec<TableComparison>, StoreError> {
        let state = self.state();
        let Derived { users, companies, members, claims, .. } = &state.derived;
        let (in_use, claims_in_use) = (&state.rows, &state.claims);
        Ok(vec![
            compared("users", users, |id| in_use.users.get(id), in_use.users.len()),
            compared("companies", companies, |id| in_use.companies.get(id), in_use.companies.len()),
            compared("members", members, |id| in_use.members.get(id), in_use.members.len()),
            compared("claims", claims, |key| claims_in_use.get(key), claims_in_use.len()),
        ])
    }

    async fn swap(self: Box<Self>) -> Result<(), StoreError> {
        let state = &mut *self.state();
        let Derived { users, companies, members, claims, .. } = std::mem::take(&mut state.derived);
        state.rows.replace(users, companies.into_iter().collect(), members);
        state.claims = claims.into_iter().collect::<HashMap<_, _>>();
        Ok(())
    }

    async fn discard(self: Box<Self>) -> Result<(), StoreError> {
        self.state().derived = Derived::default();
        Ok(())
    }
}

fn put<K: Ord + Copy, V: Clone>(table: &mut BTreeMap<K, V>, rows: &BTreeMap<K, Option<V>>) {
    for (key, row) in rows {
        match row {
            Some(row) => drop(table.insert(*key, row.clone())),
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
