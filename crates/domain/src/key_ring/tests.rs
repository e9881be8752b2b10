use super::*;
use crate::testing::SeededEntropy;

const LIFETIMES: Lifetimes =
    Lifetimes { access: Duration::from_secs(30 * 60), refresh: Duration::from_secs(7 * 24 * 60 * 60) };
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn day(number: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(number)
}

/// Keys of epochs 1, 2, 3, …, made on these days.
fn ring(days: &[i64]) -> KeyRing {
    let entropy = SeededEntropy::new(1);
    let keys = (1..).zip(days).map(|(epoch, number)| (SigningKey::generate(epoch, &entropy), day(*number)));
    KeyRing::new(keys, LIFETIMES)
}

fn states(ring: &KeyRing) -> Vec<KeyState> {
    ring.keys().iter().map(|key| key.state).collect()
}

#[test]
fn the_newest_key_is_next_the_one_before_signs_and_the_rest_are_retired() {
    use KeyState::{Active, Next, Retired};
    assert_eq!(states(&ring(&[])), []);
    assert_eq!(states(&ring(&[0])), [Active]);
    assert_eq!(states(&ring(&[0, 0])), [Active, Next]);
    assert_eq!(states(&ring(&[0, 0, 90])), [Retired, Active, Next]);
    assert_eq!(states(&ring(&[0, 0, 90, 180])), [Retired, Retired, Active, Next]);
    let epoch_of = |ring: &KeyRing| ring.active().map(|key| key.key.epoch());
    assert_eq!(epoch_of(&ring(&[])), None);
    assert_eq!(epoch_of(&ring(&[0, 0, 90])), Some(2));
}

#[test]
fn a_retired_key_verifies_until_the_last_token_that_it_can_have_signed_has_expired() {
    let ring = ring(&[0, 0, 90, 180]);
    let [first, second, active, next] = ring.keys() else { panic!("four keys") };
    let access = TimeDelta::minutes(30) + NEWS_TAKES;
    let refresh = TimeDelta::days(7) + NEWS_TAKES;
    assert_eq!((first.access_until, first.refresh_until), (Some(day(90) + access), Some(day(90) + refresh)));
    assert_eq!(
        (second.access_until, second.refresh_until),
        (Some(day(180) + access), Some(day(180) + refresh))
    );
    for key in [active, next] {
        assert_eq!((key.access_until, key.refresh_until), (None, None));
    }
}

#[test]
fn a_key_signs_from_when_the_one_after_it_was_made() {
    let since: Vec<_> = ring(&[0, 1, 90, 180]).keys().iter().map(|key| key.active_since).collect();
    assert_eq!(since, [Some(day(0)), Some(day(90)), Some(day(180)), None]);
}

#[test]
fn a_ring_is_due_once_its_active_key_is_old_and_its_next_one_is_known() {
    assert!(!ring(&[0, 0]).is_due(DAY * 90, day(89)));
    assert!(ring(&[0, 0]).is_due(DAY * 90, day(90)));
    assert!(!ring(&[0, 0, 90]).is_due(DAY * 90, day(179)), "the second signs since day 90");
    assert!(ring(&[0, 0, 90]).is_due(DAY * 90, day(180)));
    // A database of an earlier version had one key, however old; its next one was made a moment ago.
    assert!(!ring(&[0]).is_due(DAY * 90, day(1000)));
    assert!(!ring(&[0, 1000]).is_due(DAY * 90, day(1000)));
    assert!(ring(&[0, 1000]).is_due(DAY * 90, day(1000) + PUBLISHED_AHEAD));
    assert!(!ring(&[]).is_due(DAY, day(1000)));
}

#[test]
fn what_cannot_be_said_in_time_is_the_end_of_time() {
    let forever = Lifetimes { access: Duration::MAX, refresh: Duration::MAX };
    let entropy = SeededEntropy::new(1);
    let keys = (1..=3).map(|epoch| (SigningKey::generate(epoch, &entropy), day(0)));
    let ring = KeyRing::new(keys, forever);
    assert_eq!(ring.keys()[0].access_until, Some(DateTime::<Utc>::MAX_UTC));
    assert!(!ring.is_due(Duration::MAX, day(1000)));
}

#[test]
fn keys_of_two_master_keys_are_a_change_that_was_not_finished() {
    let entropy = SeededEntropy::new(1);
    let (one, other) = (MasterKey::generate(&entropy), MasterKey::generate(&entropy));
    let sealed = |epoch, master| SigningKey::generate(epoch, &entropy).seal(master, &entropy, day(0));
    let read = |keys: &[SealedSigningKey], master: &MasterKey| {
        read_key_ring(keys, master, LIFETIMES).map(|ring| ring.epoch())
    };
    let mixed = [sealed(1, &one), sealed(2, &other)];
    for master in [&one, &other] {
        assert!(matches!(read(&mixed, master), Err(KeyRingError::HalfRewrapped)));
    }
    assert!(matches!(read(&mixed, &one.clone().with_previous(&other)), Ok(2)));
    let foreign = [sealed(1, &other), sealed(2, &other)];
    assert!(matches!(read(&foreign, &one), Err(KeyRingError::WrongMasterKey(_))));
}
