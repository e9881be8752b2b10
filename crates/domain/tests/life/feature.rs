//! Features: registered by those who may, asked for, and counted.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use async_trait::async_trait;
use portcullis_domain::{
    api_key::{ApiKeyCaller, IssueApiKey, IssueApiKeyInput},
    caller::{Caller, Role},
    commit::CommitError,
    event::StreamKind,
    feature::{
        AccessFeatureError, AccessRefused, FeatureEvent, FeatureUpdate, RegisterFeature,
        RegisterFeatureError, RegisterFeatureInput, UsageTotal, Verdict,
    },
    port::StoreError,
    value::Secret,
};

use crate::{
    relay::{Change, world_with},
    world::World,
};

/// Counts commits, and lets none pass while it is told so.
#[derive(Default)]
struct Counting {
    commits: AtomicUsize,
    is_away: AtomicBool,
}

#[async_trait]
impl Change for Counting {
    async fn before_commit(&self) -> Result<(), CommitError> {
        self.commits.fetch_add(1, Ordering::SeqCst);
        if self.is_away.load(Ordering::SeqCst) {
            return Err(StoreError::unavailable("it is away").into());
        }
        Ok(())
    }
}

struct Place {
    world: World,
    store: Arc<Counting>,
    admin: Caller,
    jane: Caller,
    key: ApiKeyCaller,
}

impl Place {
    /// With the feature `reports`, and somebody who has a key for it.
    async fn new() -> Self {
        let (world, store) = world_with(World::trusting(), Counting::default());
        let admin = world.official("root@example.com", Role::Admin).await;
        let (_, jane) = world.signed_in().await;
        let input = IssueApiKeyInput {
            name: "ci".to_owned(),
            features: vec!["reports".to_owned()],
            ..IssueApiKeyInput::default()
        };
        let command = IssueApiKey::parse(&input).expect("valid");
        let issued = world.identity.issue_api_key(&jane, &command, &world.origin).await.expect("issues");
        let shown = Secret::new(issued.text.expose());
        let key = world.identity.authenticate_api_key(&shown).await.expect("is good");
        let place = Self { world, store, admin, jane, key };
        place.register("reports").await.expect("registers");
        place.world.identity.flush_usage().await.expect("flushes");
        place
    }

    async fn register(&self, name: &str) -> Result<(), RegisterFeatureError> {
        let input = RegisterFeatureInput { name: name.to_owned(), ..RegisterFeatureInput::default() };
        let command = RegisterFeature::parse(&input)?;
        self.world.identity.register_feature(&self.admin, &command, &self.world.origin).await.map(drop)
    }

    async fn disable(&self) {
        let update = FeatureUpdate { enabled: Some(false), ..FeatureUpdate::default() };
        let changed = self.world.identity.update_feature(&self.admin, "reports", &update, &self.world.origin);
        assert!(!changed.await.expect("changes").settings.enabled);
    }

    async fn ask(&self, name: &str) -> Result<(), Option<Verdict>> {
        match self.world.identity.access_feature(&self.jane, &self.key, name).await {
            Ok(granted) => {
                assert_eq!((granted.principal, granted.api_key), (self.key.principal(), self.key.id()));
                Ok(())
            }
            Err(AccessFeatureError::Refused(AccessRefused(verdict))) => Err(Some(verdict)),
            Err(AccessFeatureError::NotFound) => Err(None),
            Err(error) => panic!("{error}"),
        }
    }

    fn commits(&self) -> usize {
        self.store.commits.load(Ordering::SeqCst)
    }

    async fn total(&self) -> UsageTotal {
        let usage = self.world.identity.feature_usage(&self.admin, "reports", None, 10).await;
        usage.expect("reads").total
    }

    /// What the feature's stream says of who asked.
    async fn accesses(&self) -> Vec<FeatureEvent> {
        let log = self.world.log().await.into_iter();
        let of_features = log.filter(|event| event.stream_kind == StreamKind::Feature);
        let events = of_features.map(|event| FeatureEvent::read(&event.event).expect("reads"));
        events.filter(|event| matches!(event, FeatureEvent::Accessed { .. })).collect()
    }
}

#[tokio::test]
async fn letting_somebody_in_writes_nothing_on_the_way() {
    let place = Place::new().await;
    let before = place.commits();
    for _ in 0..1_000 {
        assert_eq!(place.ask("reports").await, Ok(()));
    }
    assert_eq!(place.commits(), before);
    place.world.identity.flush_usage().await.expect("flushes");
    assert_eq!(place.commits(), before + 1, "one event for all of them");
    assert_eq!(place.accesses().await.len(), 1);
    assert_eq!(place.total().await, UsageTotal { granted: 1_000, refused: 0 });
    place.world.identity.flush_usage().await.expect("flushes");
    assert_eq!(place.commits(), before + 1, "nothing is written where nothing happened");
}

#[tokio::test]
async fn a_refusal_is_recorded_before_it_is_answered() {
    let place = Place::new().await;
    place.disable().await;
    let before = place.commits();
    assert_eq!(place.ask("reports").await, Err(Some(Verdict::Disabled)));
    assert_eq!(place.commits(), before + 1);
    let [FeatureEvent::Accessed { counts, .. }] = &place.accesses().await[..] else { panic!("one event") };
    assert_eq!((counts[0].verdict, counts[0].count), (Verdict::Disabled, 1));
    assert_eq!(place.total().await, UsageTotal { granted: 0, refused: 1 });
}

#[tokio::test]
async fn a_refusal_that_cannot_be_recorded_is_not_answered_as_one() {
    let place = Place::new().await;
    place.disable().await;
    place.store.is_away.store(true, Ordering::SeqCst);
    let answer = place.world.identity.access_feature(&place.jane, &place.key, "reports").await;
    assert!(matches!(answer, Err(AccessFeatureError::Store(StoreError::Unavailable(_)))));
}

#[tokio::test]
async fn what_a_store_would_not_take_is_kept_for_the_next_time() {
    let place = Place::new().await;
    place.register("exports").await.expect("registers");
    place.store.is_away.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        assert_eq!(place.ask("reports").await, Ok(()), "who is let in does not wait for it");
        assert!(place.world.identity.flush_usage().await.is_err());
    }
    place.store.is_away.store(false, Ordering::SeqCst);
    assert_eq!(place.total().await, UsageTotal { granted: 3, refused: 0 });
}

#[tokio::test]
async fn a_feature_that_is_not_there_is_not_found_and_neither_is_one_that_was_removed() {
    let place = Place::new().await;
    assert_eq!(place.ask("nothing").await, Err(None));
    assert_eq!(place.ask("no such/name").await, Err(None));
    assert_eq!(place.ask("REPORTS").await, Ok(()));
    place.world.identity.remove_feature(&place.admin, "reports", &place.world.origin).await.expect("removes");
    assert_eq!(place.ask("reports").await, Err(None));
    // What was granted until then is in its history, and counts for nothing that comes after it.
    place.world.identity.flush_usage().await.expect("flushes");
    assert_eq!(place.accesses().await.len(), 1);
    place.register("reports").await.expect("the name is free again");
    assert_eq!(place.total().await, UsageTotal::default());
}

#[tokio::test]
async fn a_name_is_one_features_however_many_register_it_at_once() {
    let place = Arc::new(Place::new().await);
    assert!(matches!(place.register("Reports").await, Err(RegisterFeatureError::NameTaken)));
    let racers: Vec<_> = (0..8)
        .map(|_| {
            let place = place.clone();
            tokio::spawn(async move { place.register("exports").await.is_ok() })
        })
        .collect();
    let mut registered = 0;
    for racer in racers {
        registered += usize::from(racer.await.expect("ends"));
    }
    assert_eq!(registered, 1);
}

#[tokio::test]
async fn only_who_manages_features_changes_them_and_sees_their_usage() {
    let place = Place::new().await;
    let (identity, origin) = (&place.world.identity, &place.world.origin);
    let input = RegisterFeatureInput { name: "exports".to_owned(), ..RegisterFeatureInput::default() };
    let command = RegisterFeature::parse(&input).expect("valid");
    let moderator = place.world.official("mod@example.com", Role::Moderator).await;
    for caller in [&place.jane, &moderator] {
        let registered = identity.register_feature(caller, &command, origin).await;
        assert!(matches!(registered, Err(RegisterFeatureError::Denied(_))));
        assert!(identity.update_feature(caller, "reports", &FeatureUpdate::default(), origin).await.is_err());
        assert!(identity.remove_feature(caller, "reports", origin).await.is_err());
        assert!(identity.feature_usage(caller, "reports", None, 10).await.is_err());
        assert_eq!(identity.list_features(caller, None, 10).await.expect("reads").features.len(), 1);
        assert!(identity.get_feature(caller, "reports").await.is_ok());
    }
}

#[tokio::test]
async fn a_change_beside_counts_that_come_meanwhile_applies() {
    let place = Place::new().await;
    for number in 0..20 {
        assert_eq!(place.ask("reports").await, Ok(()));
        place.world.identity.flush_usage().await.expect("flushes");
        let update = FeatureUpdate {
            description: portcullis_domain::user::Patch::Set(format!("number {number}")),
            ..FeatureUpdate::default()
        };
        let changed =
            place.world.identity.update_feature(&place.admin, "reports", &update, &place.world.origin).await;
        assert_eq!(changed.expect("changes").settings.description.as_str(), format!("number {number}"));
    }
    assert_eq!(place.total().await, UsageTotal { granted: 20, refused: 0 });
}
