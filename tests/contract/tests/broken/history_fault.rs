//! Faults in what is noted of an account's use, and the cases that catch them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use async_trait::async_trait;
use chrono::{DateTime, Datelike, Months, NaiveTime, TimeDelta, Utc};
use portcullis_domain::{
    audit::Access,
    commit::{Commit, CommitError, Committed, RowChange},
    id::{AccessId, LoginAttemptId, StreamId, UserId},
    port::{Accesses, EventStore, LoginHistory, StoreError, Users},
    session::LoginAttempt,
};
use portcullis_memory::Memory;
use tokio::time::sleep;

use crate::store::{A_MOMENT, Fault, Sound, Store};

/// Of one instant, the lesser id first: `ORDER BY at DESC, id`.
#[derive(Default)]
struct EqualTimesUpward;

#[async_trait]
impl Fault for EqualTimesUpward {
    async fn list_attempts(
        &self,
        memory: &Memory,
        user: UserId,
        after: Option<LoginAttemptId>,
        limit: usize,
    ) -> Result<Vec<LoginAttempt>, StoreError> {
        let mut attempts = LoginHistory::list_by_user(memory, user, after, limit).await?;
        attempts.sort_by_key(|attempt| (std::cmp::Reverse(attempt.at), attempt.id));
        Ok(attempts)
    }

    async fn list_accesses(
        &self,
        memory: &Memory,
        stream: StreamId,
        after: Option<AccessId>,
        limit: usize,
    ) -> Result<Vec<Access>, StoreError> {
        let mut looks = memory.list_by_stream(stream, after, limit).await?;
        looks.sort_by_key(|look| (std::cmp::Reverse(look.at), look.id));
        Ok(looks)
    }
}

/// A page goes on before the time, and so before all of that time.
#[derive(Default)]
struct EqualTimesSkipped;

#[async_trait]
impl Fault for EqualTimesSkipped {
    async fn list_attempts(
        &self,
        memory: &Memory,
        user: UserId,
        after: Option<LoginAttemptId>,
        limit: usize,
    ) -> Result<Vec<LoginAttempt>, StoreError> {
        let mut all = LoginHistory::list_by_user(memory, user, None, usize::MAX).await?;
        if let Some(before) = all.iter().find(|attempt| Some(attempt.id) == after).map(|attempt| attempt.at) {
            all.retain(|attempt| attempt.at < before);
        }
        all.truncate(limit);
        Ok(all)
    }

    async fn list_accesses(
        &self,
        memory: &Memory,
        stream: StreamId,
        after: Option<AccessId>,
        limit: usize,
    ) -> Result<Vec<Access>, StoreError> {
        let mut all = memory.list_by_stream(stream, None, usize::MAX).await?;
        if let Some(before) = all.iter().find(|look| Some(look.id) == after).map(|look| look.at) {
            all.retain(|look| look.at < before);
        }
        all.truncate(limit);
        Ok(all)
    }

    async fn list_accesses_since(
        &self,
        memory: &Memory,
        stream: StreamId,
        after: Option<(DateTime<Utc>, AccessId)>,
        limit: usize,
    ) -> Result<Vec<Access>, StoreError> {
        let mut all = memory.list_since(stream, None, usize::MAX).await?;
        all.retain(|look| after.is_none_or(|(at, _)| look.at > at));
        all.truncate(limit);
        Ok(all)
    }
}

/// A page goes on after as many as there were before it: `OFFSET`.
#[derive(Default)]
struct PagesByCount(Mutex<HashMap<LoginAttemptId, usize>>);

#[async_trait]
impl Fault for PagesByCount {
    async fn list_attempts(
        &self,
        memory: &Memory,
        user: UserId,
        after: Option<LoginAttemptId>,
        limit: usize,
    ) -> Result<Vec<LoginAttempt>, StoreError> {
        let all = LoginHistory::list_by_user(memory, user, None, usize::MAX).await?;
        let mut places = self.0.lock().expect("nothing panics while it is held");
        let start = after.and_then(|after| places.get(&after)).map_or(0, |place| place + 1);
        for (place, attempt) in all.iter().enumerate() {
            places.entry(attempt.id).or_insert(place);
        }
        Ok(all.into_iter().skip(start).take(limit).collect())
    }
}

/// One account that is gone fails the attempts of all.
#[derive(Default)]
struct ForeignKeyFails;

#[async_trait]
impl Fault for ForeignKeyFails {
    async fn record(&self, memory: &Memory, attempts: Vec<LoginAttempt>) -> Result<(), StoreError> {
        for attempt in &attempts {
            if Users::find(memory, attempt.user).await?.is_none() {
                return Err(StoreError::corrupt("violates a foreign key constraint"));
            }
        }
        memory.record(attempts).await
    }
}

/// The account is looked for, then the lock is let go, then the attempt is written.
#[derive(Default)]
struct CheckThenRecord(Mutex<Vec<LoginAttempt>>);

impl CheckThenRecord {
    fn recorded(&self) -> MutexGuard<'_, Vec<LoginAttempt>> {
        self.0.lock().expect("nothing panics while it is held")
    }
}

#[async_trait]
impl Fault for CheckThenRecord {
    async fn commit(&self, memory: &Arc<Memory>, commit: Commit) -> Result<Committed, CommitError> {
        for row in &commit.rows {
            if let RowChange::DeleteLoginAttemptsOf(user) = row {
                self.recorded().retain(|attempt| attempt.user != *user);
            }
        }
        memory.commit(commit).await
    }

    async fn record(&self, memory: &Memory, attempts: Vec<LoginAttempt>) -> Result<(), StoreError> {
        let mut known = Vec::new();
        for attempt in attempts {
            known.extend(Users::find(memory, attempt.user).await?.map(|_| attempt));
        }
        sleep(A_MOMENT).await;
        self.recorded().extend(known);
        Ok(())
    }

    async fn list_attempts(
        &self,
        _: &Memory,
        user: UserId,
        _: Option<LoginAttemptId>,
        _: usize,
    ) -> Result<Vec<LoginAttempt>, StoreError> {
        let mut own: Vec<_> =
            self.recorded().iter().filter(|attempt| attempt.user == user).cloned().collect();
        own.sort_by_key(|attempt| std::cmp::Reverse((attempt.at, attempt.id)));
        Ok(own)
    }
}

/// What was to be deleted stays.
#[derive(Default)]
struct NotesStay;

#[async_trait]
impl Fault for NotesStay {
    async fn commit(&self, memory: &Arc<Memory>, mut commit: Commit) -> Result<Committed, CommitError> {
        commit.rows.retain(|row| {
            !matches!(row, RowChange::DeleteLoginAttemptsOf(_) | RowChange::DeleteAccessesTo(_))
        });
        memory.commit(commit).await
    }
}

/// What is as old as the time goes too.
#[derive(Default)]
struct PrunesTooMuch;

#[async_trait]
impl Fault for PrunesTooMuch {
    async fn prune_attempts(&self, memory: &Memory, before: DateTime<Utc>) -> Result<u64, StoreError> {
        LoginHistory::prune(memory, before + TimeDelta::microseconds(1)).await
    }

    async fn prune_accesses(&self, memory: &Memory, before: DateTime<Utc>) -> Result<u64, StoreError> {
        Accesses::prune(memory, before + TimeDelta::microseconds(1)).await
    }
}

/// Months go whole: the first days of the month of the time stay.
#[derive(Default)]
struct PrunesMonths;

fn month_of(time: DateTime<Utc>) -> DateTime<Utc> {
    let first = time.date_naive().with_day(1).expect("every month has one");
    first.and_time(NaiveTime::MIN).and_utc()
}

#[async_trait]
impl Fault for PrunesMonths {
    async fn prune_attempts(&self, memory: &Memory, before: DateTime<Utc>) -> Result<u64, StoreError> {
        LoginHistory::prune(memory, month_of(before)).await
    }

    async fn prune_accesses(&self, memory: &Memory, before: DateTime<Utc>) -> Result<u64, StoreError> {
        Accesses::prune(memory, month_of(before) + Months::new(1)).await
    }
}

/// Nobody counts what goes.
#[derive(Default)]
struct PrunesUncounted;

#[async_trait]
impl Fault for PrunesUncounted {
    async fn prune_attempts(&self, memory: &Memory, before: DateTime<Utc>) -> Result<u64, StoreError> {
        LoginHistory::prune(memory, before).await.map(|_| 0)
    }

    async fn prune_accesses(&self, memory: &Memory, before: DateTime<Utc>) -> Result<u64, StoreError> {
        Accesses::prune(memory, before).await.map(|_| 0)
    }
}

crate::caught! {
    equal_times_in_the_other_order_are_caught: Store<EqualTimesUpward>, Store<Sound> => [
        login_history::attempts_of_both_kinds_are_listed_newest_first,
        login_history::attempts_are_paged_without_a_gap_or_a_repeat,
        accesses::looks_are_listed_newest_first,
    ]
    a_page_that_skips_equal_times_is_caught: Store<EqualTimesSkipped>, Store<Sound> => [
        login_history::attempts_are_paged_without_a_gap_or_a_repeat,
        accesses::looks_are_paged_without_a_gap_or_a_repeat,
        accesses::looks_are_listed_oldest_first_from_anywhere,
    ]
    pages_by_count_are_caught: Store<PagesByCount>, Store<Sound> => [
        login_history::a_page_goes_on_beside_new_attempts,
    ]
    a_foreign_key_that_fails_a_call_is_caught: Store<ForeignKeyFails>, Store<Sound> => [
        login_history::attempts_on_an_account_that_is_gone_are_passed_over,
        login_history::an_account_that_goes_meanwhile_is_passed_over,
    ]
    an_account_looked_for_before_the_write_is_caught: Store<CheckThenRecord>, Store<Sound> => [
        login_history::an_account_that_goes_meanwhile_is_passed_over,
    ]
    notes_that_stay_are_caught: Store<NotesStay>, Store<Sound> => [
        login_history::each_users_attempts_are_apart,
        accesses::deleting_those_of_a_stream_leaves_the_others,
    ]
    pruning_that_takes_too_much_is_caught: Store<PrunesTooMuch>, Store<Sound> => [
        login_history::what_is_older_than_a_time_is_pruned_and_nothing_else,
        accesses::looks_older_than_a_time_are_pruned_and_nothing_else,
    ]
    pruning_by_the_month_is_caught: Store<PrunesMonths>, Store<Sound> => [
        login_history::what_is_older_than_a_time_is_pruned_and_nothing_else,
        accesses::looks_older_than_a_time_are_pruned_and_nothing_else,
    ]
    pruning_that_nobody_counts_is_caught: Store<PrunesUncounted>, Store<Sound> => [
        login_history::what_is_older_than_a_time_is_pruned_and_nothing_else,
        accesses::looks_older_than_a_time_are_pruned_and_nothing_else,
    ]
}

/// What makes this fault dangerous: the case that does not race lets it pass.
#[test]
fn an_account_looked_for_before_the_write_passes_without_a_race() {
    use portcullis_contract::{login_history, run};

    run(
        "accounts",
        login_history::attempts_on_an_account_that_is_gone_are_passed_over::<Store<CheckThenRecord>>(),
    );
}
