use chrono::TimeDelta;
use portcullis_domain::{
    commit::RowChange,
    id::UserId,
    port::OneTimeCodes,
    verification::{OneTimeCode, Purpose},
};

use crate::{StoreHarness, StorePorts, race::race, sample};

const RACERS: usize = 64;
const LIMIT: u32 = 5;

async fn put_code(store: &StorePorts, user: UserId, purpose: Purpose) -> OneTimeCode {
    let code = sample::one_time_code(user, purpose);
    store.put([RowChange::PutOneTimeCode(code.clone())]).await;
    code
}

async fn find(codes: &dyn OneTimeCodes, code: &OneTimeCode) -> Option<OneTimeCode> {
    codes.find(code.user, code.purpose).await.expect("reads")
}

/// By no other user, and for no other purpose.
pub async fn a_put_code_is_found_by_user_and_purpose<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    for purpose in sample::purposes() {
        let (user, other) = (store.put_new_user().await.id, store.put_new_user().await.id);
        let code = put_code(&store, user, purpose).await;
        assert_eq!(find(store.one_time_codes.as_ref(), &code).await, Some(code));
        for another in sample::purposes() {
            assert_eq!(store.one_time_codes.find(other, another).await.expect("reads"), None);
            let found = store.one_time_codes.find(user, another).await.expect("reads");
            assert_eq!(found.is_some(), another == purpose);
        }
    }
}

/// A code sent again is the one that counts.
pub async fn of_several_codes_the_newest_is_found<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let user = store.put_new_user().await.id;
    for _ in 0..3 {
        let code = put_code(&store, user, Purpose::VerifyEmail).await;
        assert_eq!(find(store.one_time_codes.as_ref(), &code).await, Some(code));
    }
}

/// Nor another user's.
pub async fn deleting_codes_of_one_purpose_leaves_the_others<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    for purpose in sample::purposes() {
        let (user, other) = (store.put_new_user().await.id, store.put_new_user().await.id);
        put_code(&store, user, purpose).await;
        let mut kept = vec![put_code(&store, other, purpose).await];
        for another in sample::purposes().into_iter().filter(|another| *another != purpose) {
            kept.push(put_code(&store, user, another).await);
        }
        let gone = put_code(&store, user, purpose).await;
        store.put([RowChange::DeleteOneTimeCodesOf(user, purpose)]).await;
        assert_eq!(find(store.one_time_codes.as_ref(), &gone).await, None, "older ones are deleted as well");
        for code in kept {
            assert_eq!(find(store.one_time_codes.as_ref(), &code).await.as_ref(), Some(&code));
        }
    }
}

/// Sixty-four guess at once; five guesses count.
pub async fn of_racing_attempts_exactly_the_limit_succeed<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let user = store.put_new_user().await.id;
    let code = put_code(&store, user, Purpose::VerifyEmail).await;
    for round in 0..2 {
        let outcomes = race(RACERS, |_| {
            let (store, id) = (store.clone(), code.id);
            async move { store.one_time_codes.take_attempt(id, LIMIT).await.expect("counts") }
        })
        .await;
        let expected = if round == 0 { LIMIT as usize } else { 0 };
        assert_eq!(outcomes.into_iter().filter(|taken| *taken).count(), expected, "round {round}");
    }
    let found = find(store.one_time_codes.as_ref(), &code).await.expect("the code is there");
    assert_eq!(found, OneTimeCode { attempts: LIMIT, ..code });
}

/// Attempts made before count, however they came into the row.
pub async fn attempts_count_over_the_codes_life<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let user = store.put_new_user().await.id;
    let code = OneTimeCode { attempts: 3, ..sample::one_time_code(user, Purpose::VerifyEmail) };
    let other = put_code(&store, store.put_new_user().await.id, Purpose::VerifyEmail).await;
    store.put([RowChange::PutOneTimeCode(code.clone())]).await;
    let codes = store.one_time_codes.as_ref();
    assert!(!codes.take_attempt(code.id, 0).await.expect("counts"), "a limit of none");
    assert!(!codes.take_attempt(code.id, 3).await.expect("counts"), "a limit that is reached");
    assert!(codes.take_attempt(code.id, LIMIT).await.expect("counts"));
    assert!(codes.take_attempt(code.id, LIMIT).await.expect("counts"));
    assert!(!codes.take_attempt(code.id, LIMIT).await.expect("counts"));
    assert_eq!(find(codes, &code).await.map(|code| code.attempts), Some(LIMIT));
    assert_eq!(find(codes, &other).await, Some(other), "another code's attempts");
}

/// Deleted, or never there.
pub async fn a_code_that_is_gone_takes_no_attempt<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let user = store.put_new_user().await.id;
    let code = put_code(&store, user, Purpose::VerifyEmail).await;
    store.put([RowChange::DeleteOneTimeCodesOf(user, Purpose::VerifyEmail)]).await;
    for id in [code.id, sample::id()] {
        assert!(!store.one_time_codes.take_attempt(id, LIMIT).await.expect("counts"));
    }
    assert_eq!(find(store.one_time_codes.as_ref(), &code).await, None);
}

/// To the microsecond, of every purpose; what runs out at the time stays.
pub async fn codes_that_have_run_out_are_pruned_and_nothing_else<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let mut codes = Vec::new();
    for days in [-400, 0, 1] {
        for purpose in sample::purposes() {
            for microseconds in [0, 1] {
                let code = sample::one_time_code(store.put_new_user().await.id, purpose);
                let end = TimeDelta::days(days) + TimeDelta::microseconds(microseconds);
                codes.push(OneTimeCode { expires_at: sample::now() + end, ..code });
            }
        }
    }
    store.put(codes.iter().cloned().map(RowChange::PutOneTimeCode)).await;
    let mut times: Vec<_> = codes.iter().map(|code| code.expires_at).collect();
    times.sort_unstable();
    times.push(sample::now() + TimeDelta::days(4000));
    let mut left = codes.clone();
    for before in times {
        let count = left.len();
        left.retain(|code| code.expires_at >= before);
        let pruned = async || store.one_time_codes.prune(before).await.expect("prunes");
        assert_eq!(pruned().await, (count - left.len()) as u64, "before {before}");
        assert_eq!(pruned().await, 0, "before {before} again");
        for code in &codes {
            let found = find(store.one_time_codes.as_ref(), code).await;
            assert_eq!(found.is_some(), left.contains(code), "before {before}");
        }
    }
}
