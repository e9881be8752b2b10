use std::time::{Duration, Instant};

use futures::future::join_all;
use portcullis_domain::{
    port::{HashError, PasswordHasher, Verdict},
    value::{Password, PasswordHash},
};

use crate::{PasswordHasherHarness, race::race};

/// What overflows every queue the harness was asked for.
const CROWD: usize = 200;
const RIGHT: &str = "Tr4vel-light";
/// Checks timed of each kind; the median of so many stands still where a single one is blurred by the machine.
const TRIES: usize = 61;

async fn hash(hasher: &dyn PasswordHasher, password: &str) -> PasswordHash {
    hasher.hash(&Password::new(password)).await.expect("the hasher hashes")
}

async fn verify(hasher: &dyn PasswordHasher, password: &str, hash: Option<&PasswordHash>) -> Verdict {
    hasher.verify(&Password::new(password), hash).await.expect("the hasher answers")
}

/// And against no other's, however near.
pub async fn a_password_verifies_against_its_own_hash_alone<H: PasswordHasherHarness>() {
    let harness = H::start().await;
    let hasher = harness.hasher();
    let stored = hash(hasher.as_ref(), RIGHT).await;
    assert_eq!(verify(hasher.as_ref(), RIGHT, Some(&stored)).await, Verdict::Match);
    for wrong in [
        "",
        "tr4vel-light",
        "Tr4vel-ligh",
        "Tr4vel-lightt",
        " Tr4vel-light",
        "Tr4vel-light\0",
        "Tr4vel-light ",
    ] {
        assert_eq!(verify(hasher.as_ref(), wrong, Some(&stored)).await, Verdict::Mismatch, "{wrong:?}");
    }
}

/// Each has a salt of its own, and does not hold what it hides.
pub async fn two_hashes_of_one_password_differ<H: PasswordHasherHarness>() {
    let harness = H::start().await;
    let hasher = harness.hasher();
    let both = [hash(hasher.as_ref(), RIGHT).await, hash(hasher.as_ref(), RIGHT).await];
    assert_ne!(both[0].expose(), both[1].expose());
    for stored in &both {
        assert!(!stored.expose().contains(RIGHT), "the hash holds the password");
        assert!(stored.expose().starts_with('$'), "a hash is a PHC string");
        assert_eq!(verify(hasher.as_ref(), RIGHT, Some(stored)).await, Verdict::Match);
    }
}

/// No byte is dropped: some hashers stop at NUL, others after 72 bytes.
pub async fn passwords_of_any_script_and_length_count_whole<H: PasswordHasherHarness>() {
    let harness = H::start().await;
    let hasher = harness.hasher();
    let longest = "Aa1!".repeat(32);
    let widest = "😀".repeat(127);
    let pairs = [
        (longest.clone(), format!("{}x", &longest[..127])),
        (format!("{widest}a"), format!("{widest}b")),
        ("비밀번호-Пароль-1".to_owned(), "비밀번호-Пароль-2".to_owned()),
        ("before\0after".to_owned(), "before\0other".to_owned()),
        (String::new(), " ".to_owned()),
    ];
    for (right, wrong) in pairs {
        let stored = hash(hasher.as_ref(), &right).await;
        assert_eq!(verify(hasher.as_ref(), &right, Some(&stored)).await, Verdict::Match, "{right:?}");
        assert_eq!(verify(hasher.as_ref(), &wrong, Some(&stored)).await, Verdict::Mismatch, "{wrong:?}");
    }
}

/// Many at once, each its own answer.
pub async fn checks_that_run_together_are_not_mixed_up<H: PasswordHasherHarness>() {
    let harness = H::start().await;
    let hasher = harness.hasher();
    let stored = hash(hasher.as_ref(), RIGHT).await;
    let verdicts = race(16, |number| {
        let (hasher, stored) = (hasher.clone(), stored.clone());
        let password = if number % 3 == 0 { RIGHT } else { "wrong" };
        async move { verify(hasher.as_ref(), password, (number % 4 != 1).then_some(&stored)).await }
    })
    .await;
    for (number, verdict) in verdicts.into_iter().enumerate() {
        let is_right = number % 3 == 0 && number % 4 != 1;
        let expected = if is_right { Verdict::Match } else { Verdict::Mismatch };
        assert_eq!(verdict, expected, "check {number}");
    }
}

/// Whatever is tried.
pub async fn nothing_verifies_against_no_hash<H: PasswordHasherHarness>() {
    let harness = H::start().await;
    let hasher = harness.hasher();
    for password in [RIGHT, "", "\0", "dummy", "password"] {
        assert_eq!(verify(hasher.as_ref(), password, None).await, Verdict::Mismatch, "{password:?}");
    }
}

/// Medians of many tries, taken in turns, within a factor of two: a missing check is a thousand times faster.
pub async fn a_check_against_no_hash_takes_as_long_as_one_against_a_hash<H: PasswordHasherHarness>() {
    let harness = H::start().await;
    let hasher = harness.hasher();
    let stored = hash(hasher.as_ref(), RIGHT).await;
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..TRIES {
        for (times, stored) in times.iter_mut().zip([None, Some(&stored)]) {
            let start = Instant::now();
            assert_eq!(verify(hasher.as_ref(), "wrong", stored).await, Verdict::Mismatch);
            times.push(start.elapsed());
        }
    }
    let [none, some] = times.map(|mut times| {
        times.sort();
        times[TRIES / 2]
    });
    assert!(none < 2 * some && some < 2 * none, "{none:?} against no hash, {some:?} against one");
}

/// In both directions: weaker and stronger.
pub async fn a_hash_made_with_other_parameters_verifies_and_is_outdated<H: PasswordHasherHarness>() {
    let harness = H::start().await;
    let (one, other) = (harness.hasher(), harness.other_parameters());
    for (maker, reader) in [(&one, &other), (&other, &one)] {
        let stored = hash(maker.as_ref(), RIGHT).await;
        assert_eq!(verify(reader.as_ref(), RIGHT, Some(&stored)).await, Verdict::MatchOutdated);
        assert_eq!(verify(reader.as_ref(), "wrong", Some(&stored)).await, Verdict::Mismatch);
        assert_eq!(verify(maker.as_ref(), RIGHT, Some(&stored)).await, Verdict::Match);
    }
}

/// It fails; it neither matches nor panics.
pub async fn a_stored_hash_that_does_not_read_fails<H: PasswordHasherHarness>() {
    let harness = H::start().await;
    let hasher = harness.hasher();
    let whole = hash(hasher.as_ref(), RIGHT).await;
    let cut = &whole.expose()[..whole.expose().len() / 3];
    for text in ["", "$", "$$$$", RIGHT, "plain", "$no-such-function$x=1$c2FsdA$aGFzaA", "\0", cut] {
        let stored = PasswordHash::new(text);
        let outcome = hasher.verify(&Password::new(RIGHT), Some(&stored)).await;
        assert!(matches!(outcome, Err(HashError::Failed(_))), "{text:?}: {outcome:?}");
    }
}

/// Whatever its parameters are.
pub async fn a_hash_that_reads_is_checked<H: PasswordHasherHarness>() {
    let harness = H::start().await;
    let hasher = harness.hasher();
    for maker in [hasher.clone(), harness.other_parameters()] {
        let stored = hash(maker.as_ref(), RIGHT).await;
        assert_eq!(hasher.reads(&stored), Ok(()));
        assert_ne!(verify(hasher.as_ref(), RIGHT, Some(&stored)).await, Verdict::Mismatch);
    }
}

/// Neither more nor less: whoever asks before storing is not told otherwise afterwards.
pub async fn a_hash_that_does_not_read_is_said_not_to<H: PasswordHasherHarness>() {
    let harness = H::start().await;
    let hasher = harness.hasher();
    let whole = hash(hasher.as_ref(), RIGHT).await;
    let text = whole.expose();
    let cuts = (0..text.len()).filter_map(|at| text.get(..at)).map(ToOwned::to_owned);
    let others = ["$no-such-function$x=1$c2FsdA$aGFzaA", "plain", "\0", "$$$$$"].map(ToOwned::to_owned);
    let mut unreadable = 0;
    for text in cuts.chain(others) {
        let stored = PasswordHash::new(text.as_str());
        let outcome = hasher.verify(&Password::new(RIGHT), Some(&stored)).await;
        let fails = matches!(outcome, Err(HashError::Failed(_)));
        assert_eq!(hasher.reads(&stored).is_err(), fails, "{text:?}: {outcome:?}");
        unreadable += usize::from(fails);
    }
    assert!(unreadable > 4, "a hash cut short reads");
}

/// Some are served, the others are told so and when to come back, and when the crowd is gone all is as before.
pub async fn more_than_the_queue_holds_is_told_busy<H: PasswordHasherHarness>() {
    let harness = H::start().await;
    let hasher = harness.short_queue();
    let stored = hash(hasher.as_ref(), RIGHT).await;
    let right = Password::new(RIGHT);
    let outcomes = join_all((0..CROWD).map(|_| async {
        let start = Instant::now();
        (hasher.verify(&right, Some(&stored)).await, start.elapsed())
    }))
    .await;
    let (mut served, mut busy) = (Vec::new(), Vec::new());
    for (outcome, took) in outcomes {
        match outcome {
            Ok(verdict) => {
                assert_eq!(verdict, Verdict::Match);
                served.push(took);
            }
            Err(HashError::Busy { retry_after }) => {
                assert!(retry_after > Duration::ZERO, "when to come back");
                busy.push(took);
            }
            Err(HashError::Failed(error)) => panic!("a check failed: {error}"),
        }
    }
    assert!(!served.is_empty(), "nobody was served");
    assert!(!busy.is_empty(), "{CROWD} at once, and nobody was told `Busy`");
    busy.sort();
    let usual = busy[busy.len() / 2];
    assert!(Some(&usual) <= served.iter().max(), "whoever was told `Busy` had waited {usual:?} for it");
    assert_eq!(verify(hasher.as_ref(), RIGHT, Some(&stored)).await, Verdict::Match, "after the crowd");
}

/// Who gives up waiting gives back their place.
pub async fn checks_that_are_given_up_leave_their_places_free<H: PasswordHasherHarness>() {
    let harness = H::start().await;
    let hasher = harness.short_queue();
    let stored = hash(hasher.as_ref(), RIGHT).await;
    let right = Password::new(RIGHT);
    for _ in 0..CROWD {
        let check = hasher.verify(&right, Some(&stored));
        // Whether it is done within the moment or dropped in the middle is all the same.
        let _ = tokio::time::timeout(Duration::from_micros(50), check).await;
    }
    let mut last = None;
    for _ in 0..100 {
        last = Some(hasher.verify(&right, Some(&stored)).await);
        if matches!(last, Some(Ok(Verdict::Match))) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("ten seconds after the last one was given up: {last:?}");
}
