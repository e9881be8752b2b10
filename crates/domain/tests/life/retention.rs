//! Months of the log that are moved into an archive, and what is left.

use std::{slice, time::Duration};

use async_trait::async_trait;
use portcullis_domain::{
    audit::{
        AuditError, AuditReport, Evidence,
        document::{DocumentAuditor, DocumentFinding, Header},
        export_log, verify_log,
    },
    checkpoint::{Cadence, Notary, SignedCheckpoint, Tip},
    event::EventType,
    id::{EventId, StreamId},
    port::{Checkpoints, Clock, DeadLetter, EventStore, FeedCursor, Retention, StoreError, Subscriptions},
    replay::{ReplayError, Swap},
    retention::{
        ArchivePlan, BasesSum, Horizon, HorizonFault, PlanError, StreamBase, oldest_kept, plan_archive,
    },
    seal::Sealed,
    stream::CHECKED,
    testing::PlainKeys,
    value::Password,
};
use uuid::Uuid;

use crate::world::{PASSWORD, World};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn keys() -> PlainKeys {
    PlainKeys::new(1)
}

impl World {
    /// Everything that there is, signed; where the log ends then.
    async fn checkpoint(&self) -> Tip {
        let cadence = Cadence { events: 1_000, time: Duration::from_secs(60) };
        let memory = self.memory.clone();
        let newest = Notary::new(memory.clone(), memory, self.clock.clone(), cadence).catch_up(&keys()).await;
        newest.expect("signs").as_ref().map_or(Tip::START, SignedCheckpoint::tip)
    }

    async fn plan(&self) -> Result<Option<ArchivePlan>, PlanError> {
        let memory = self.memory.as_ref();
        plan_archive(memory, memory, memory, oldest_kept(self.clock.now(), 1)).await
    }

    /// Moves away whatever is older than a month; the archive.
    async fn archive(&self) -> Vec<String> {
        let plan = self.plan().await.expect("nothing hinders it").expect("something is old enough");
        let header = Header::sign(&keys(), plan.horizon.clone(), &plan.tip, self.clock.now());
        let archive = self.written(&header).await;
        let new = self.identity.draw_horizon(&plan, &keys()).await.expect("draws");
        assert!(self.memory.put_horizon(&new.horizon, &new.bases).await.expect("writes"));
        let dropped = self.memory.drop_archived(usize::MAX).await.expect("drops");
        assert_eq!(dropped, plan.events());
        archive
    }

    async fn written(&self, header: &Header) -> Vec<String> {
        let (memory, mut lines) = (self.memory.as_ref(), Vec::new());
        let mut write = |line: &str| {
            lines.push(line.trim_end().to_owned());
            Ok(())
        };
        export_log(memory, memory, memory, header, &mut write).await.expect("exports");
        lines
    }

    async fn audit(&self, retention: &dyn Retention) -> Result<AuditReport, AuditError> {
        let (memory, keys) = (self.memory.as_ref(), keys());
        let evidence = Evidence {
            checkpoints: Some(memory),
            keys: Some(&keys),
            retention: Some(retention),
            copies: &[],
        };
        verify_log(memory, evidence).await
    }

    /// A person who signed in long ago and has been quiet since, and one who is here now.
    async fn of_long_ago_and_of_now(&self) {
        self.signed_in().await;
        self.checkpoint().await;
        self.clock.advance(70 * DAY);
        self.register("joe@example.com", None).await.expect("registers");
        self.checkpoint().await;
    }
}

fn check(lines: &[String]) -> Result<AuditReport, DocumentFinding> {
    let keys = keys();
    let mut auditor = DocumentAuditor::new(&keys);
    lines.iter().try_for_each(|line| auditor.check(line))?;
    auditor.finish().map(|(_, report)| report)
}

#[tokio::test]
async fn what_is_left_verifies_and_goes_on_and_so_does_each_archive() {
    let world = World::open();
    world.of_long_ago_and_of_now().await;
    let first = world.archive().await;
    let report = world.audit(world.memory.as_ref()).await.expect("intact");
    let expected = AuditReport { archived: 2, events: 1, streams: 2, checkpoints: 2, covered: 1, ..report };
    assert_eq!(report, expected);
    let archived = check(&first).expect("the archive is intact");
    assert_eq!((archived.archived, archived.events), (0, 2));

    // Everybody goes on, and the next archive follows the first.
    world.sign_in("jane@example.com", PASSWORD).await.expect("signs in");
    world.checkpoint().await;
    world.clock.advance(70 * DAY);
    world.sign_in("joe@example.com", PASSWORD).await.expect("signs in");
    let tip = world.checkpoint().await;
    let second = world.archive().await;
    let archived = check(&second).expect("the archive is intact");
    assert_eq!((archived.archived, archived.events, archived.covered), (2, 2, 2));
    let report = world.audit(world.memory.as_ref()).await.expect("intact");
    assert_eq!((report.archived, report.events, report.streams), (4, 1, 2));

    // And what an auditor takes along of the rest.
    let horizon = world.memory.horizon().await.expect("reads");
    let export = world.written(&Header::sign(&keys(), horizon, &tip, world.clock.now())).await;
    let exported = check(&export).expect("the export is intact");
    assert_eq!((exported.archived, exported.events), (4, 1));

    // Rows cannot be made anew from half a log, and are left as they are.
    let replayed = world.identity.replay(world.memory.as_ref(), Swap::In, &mut |_| {}).await;
    assert!(matches!(replayed, Err(ReplayError::Archived)), "{replayed:?}");
    world.sign_in("jane@example.com", PASSWORD).await.expect("is there");
}

#[tokio::test]
async fn no_line_of_an_archive_that_follows_another_can_be_changed_or_left_out() {
    let world = World::open();
    world.of_long_ago_and_of_now().await;
    world.archive().await;
    world.clock.advance(70 * DAY);
    world.sign_in("jane@example.com", PASSWORD).await.expect("signs in");
    world.checkpoint().await;
    let lines = world.archive().await;
    check(&lines).expect("intact");
    for number in 0..lines.len() {
        let mut fewer = lines.clone();
        fewer.remove(number);
        assert!(check(&fewer).is_err(), "without line {number}");
        assert!(check(&lines[..number]).is_err(), "cut at {number}");
        let place = lines[number].len() / 2;
        for at in [place, place + 7, lines[number].len() - 4] {
            let mut bytes = lines[number].clone().into_bytes();
            bytes[at] ^= 1;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            let mut lines = lines.clone();
            lines[number] = changed;
            assert!(check(&lines).is_err(), "line {number}, byte {at}");
        }
    }
}

#[tokio::test]
async fn a_stream_whose_events_are_gone_is_what_it_was() {
    let world = World::open();
    let (_, jane) = world.signed_in().await;
    let stream = jane.user.into();
    world.identity.take_snapshot(&jane, stream, &world.origin).await.expect("taken");
    world.checkpoint().await;
    let before = world.identity.stream_status(&jane, stream).await.expect("there");
    let key = world.identity.data_key(jane.user.into()).await.expect("reads");
    let load = || world.identity.load_stream(&before.head, key.as_ref());
    let fold = load().await.expect("loads").fold;
    world.clock.advance(70 * DAY);
    world.register("joe@example.com", None).await.expect("registers");
    world.checkpoint().await;
    world.archive().await;

    assert!(world.history(jane.user).await.is_empty());
    let loaded = load().await.expect("loads");
    assert_eq!((&loaded.fold, loaded.snapshot, loaded.rejected), (&fold, None, vec![]));
    let jane = world.caller("jane@example.com").await;
    let status = world.identity.stream_status(&jane, stream).await.expect("there");
    assert_eq!(status.head.version, before.head.version + 1, "signed in");
    let check = world
        .identity
        .check_stream(&status.head, key.as_ref(), (1, CHECKED), Evidence::default())
        .await
        .expect("checks");
    assert_eq!((check.archived, check.events), (before.head.version, 1));
    assert_eq!((check.finding, check.rejected), (None, vec![]));

    // A snapshot begins from what was archived.
    world.identity.take_snapshot(&jane, stream, &world.origin).await.expect("taken");
    let shown = world.identity.latest_snapshot(&jane, stream).await.expect("there");
    assert_eq!(shown.snapshot.version, status.head.version);
    let head = world.memory.head(stream).await.expect("reads").expect("there");
    let check = world
        .identity
        .check_stream(&head, key.as_ref(), (1, CHECKED), Evidence::default())
        .await
        .expect("checks");
    assert_eq!((check.snapshots, check.rejected), (1, vec![]));
}

#[tokio::test]
async fn a_quiet_stream_tells_when_its_last_event_was() {
    let world = World::open();
    let admin = world.official("root@example.com", portcullis_domain::caller::Role::Admin).await;
    let (_, jane) = world.signed_in().await;
    let before = world.identity.stream_status(&jane, jane.user.into()).await.expect("there");
    world.checkpoint().await;
    world.clock.advance(70 * DAY);
    world.register("joe@example.com", None).await.expect("registers");
    world.checkpoint().await;
    world.archive().await;
    let status = world.identity.stream_status(&admin, jane.user.into()).await.expect("there");
    assert_eq!(status, before);
}

#[tokio::test]
async fn an_erasure_leaves_nothing_of_a_person_whose_events_are_archived() {
    let world = World::open();
    let (_, jane) = world.signed_in().await;
    world.checkpoint().await;
    world.clock.advance(70 * DAY);
    let jane_again = world.caller("jane@example.com").await;
    world.register("joe@example.com", None).await.expect("registers");
    world.checkpoint().await;
    world.archive().await;
    let key = world.identity.data_key(jane.user.into()).await.expect("reads");
    let head = world.memory.head(jane.user.into()).await.expect("reads").expect("there");
    assert!(world.identity.load_stream(&head, key.as_ref()).await.expect("loads").fold.subject.is_some());

    let password = Password::new(PASSWORD);
    world.identity.erase_self(&jane_again, Some(&password), &world.origin).await.expect("erased");
    let head = world.memory.head(jane.user.into()).await.expect("reads").expect("there");
    assert!(world.identity.data_key(jane.user.into()).await.expect("reads").is_none());
    let fold = world.identity.load_stream(&head, None).await.expect("loads").fold;
    assert_eq!((fold.subject, fold.state), (None, None));
    world.audit(world.memory.as_ref()).await.expect("an erasure changes nothing that is signed");
    // An archive of what is left finds nobody either.
    world.clock.advance(70 * DAY);
    world.sign_in("joe@example.com", PASSWORD).await.expect("signs in");
    world.checkpoint().await;
    check(&world.archive().await).expect("intact");
    let base = world.memory.find_base(jane.user.into()).await.expect("reads").expect("there");
    assert_eq!(base.state, None);
}

#[tokio::test]
async fn only_what_is_old_and_read_by_everybody_goes() {
    let world = World::open();
    world.signed_in().await;
    world.checkpoint().await;
    assert_eq!(world.plan().await.expect("plans"), None, "nothing is old");
    world.clock.advance(70 * DAY);
    assert_eq!(world.plan().await.expect("plans"), None, "the events of the newest checkpoint stay");
    world.register("joe@example.com", None).await.expect("registers");
    world.checkpoint().await;
    let plan = world.plan().await.expect("plans").expect("old enough");
    assert_eq!((plan.tip.number, plan.events()), (1, 2));

    let (memory, holder) = (world.memory.as_ref(), Uuid::from_u128(1));
    memory.lease("mails", holder, DAY).await.expect("leases");
    assert!(matches!(world.plan().await, Err(PlanError::Behind(name)) if name == "mails"));
    memory.advance("mails", holder, plan.tip.cursor).await.expect("advances");
    assert_eq!(world.plan().await.expect("plans").as_ref(), Some(&plan));
    let letter = DeadLetter {
        event: EventId::new(Uuid::from_u128(2)),
        cursor: FeedCursor { position: 1, ..plan.tip.cursor },
        event_type: EventType::new("user.created"),
        error: "refused".to_owned(),
    };
    memory.bury("mails", letter).await.expect("buries");
    let refused = world.plan().await;
    assert!(matches!(refused, Err(PlanError::PutAside { subscription, .. }) if subscription == "mails"));
}

/// What somebody makes of a horizon and its bases who can write to the database.
struct Tampered<'a> {
    world: &'a World,
    horizon: fn(&mut Option<Horizon>),
    bases: fn(&mut Vec<StreamBase>),
}

#[async_trait]
impl Retention for Tampered<'_> {
    async fn horizon(&self) -> Result<Option<Horizon>, StoreError> {
        let mut horizon = self.world.memory.horizon().await?;
        (self.horizon)(&mut horizon);
        Ok(horizon)
    }

    async fn find_base(&self, stream: StreamId) -> Result<Option<StreamBase>, StoreError> {
        self.world.memory.find_base(stream).await
    }

    async fn list_bases(&self, after: Option<StreamId>, limit: usize) -> Result<Vec<StreamBase>, StoreError> {
        let mut bases = self.world.memory.list_bases(after, limit).await?;
        (self.bases)(&mut bases);
        Ok(bases)
    }

    async fn put_horizon(&self, horizon: &Horizon, bases: &[StreamBase]) -> Result<bool, StoreError> {
        self.world.memory.put_horizon(horizon, bases).await
    }

    async fn drop_archived(&self, limit: usize) -> Result<u64, StoreError> {
        self.world.memory.drop_archived(limit).await
    }
}

#[tokio::test]
async fn what_is_kept_of_archived_events_cannot_be_changed_unnoticed() {
    let world = World::open();
    world.of_long_ago_and_of_now().await;
    world.archive().await;
    let whole = |_: &mut Option<Horizon>| {};
    let all = |_: &mut Vec<StreamBase>| {};
    world.audit(&Tampered { world: &world, horizon: whole, bases: all }).await.expect("intact");
    let horizons: [fn(&mut Option<Horizon>); 4] = [
        |horizon| *horizon = None,
        |horizon| horizon.as_mut().expect("there").tip.number += 1,
        |horizon| horizon.as_mut().expect("there").streams += 1,
        |horizon| {
            let horizon = horizon.as_mut().expect("there");
            *horizon = Horizon::sign(
                &PlainKeys::new(2),
                &horizon.tip,
                BasesSum { streams: 1, ..horizon.sum() },
                horizon.made_at,
            );
        },
    ];
    for (number, horizon) in horizons.into_iter().enumerate() {
        let verdict = world.audit(&Tampered { world: &world, horizon, bases: all }).await;
        assert!(verdict.is_err(), "horizon {number}: {verdict:?}");
    }
    let bases: [fn(&mut Vec<StreamBase>); 5] = [
        Vec::clear,
        |bases| bases.iter_mut().for_each(|base| base.version += 1),
        |bases| bases.iter_mut().for_each(|base| base.position -= 1),
        |bases| bases.iter_mut().for_each(|base| base.state = None),
        |bases| bases.iter_mut().for_each(|base| base.state = Some(Sealed::new(vec![1]))),
    ];
    for (number, bases) in bases.into_iter().enumerate() {
        let verdict = world.audit(&Tampered { world: &world, horizon: whole, bases }).await;
        assert!(
            matches!(verdict, Err(AuditError::Horizon(HorizonFault::Bases))),
            "bases {number}: {verdict:?}"
        );
    }
}

#[tokio::test]
async fn what_an_interrupted_archive_left_is_told_of() {
    let world = World::open();
    world.of_long_ago_and_of_now().await;
    let plan = world.plan().await.expect("plans").expect("old enough");
    let new = world.identity.draw_horizon(&plan, &keys()).await.expect("draws");
    assert!(world.memory.put_horizon(&new.horizon, &new.bases).await.expect("writes"));
    let verdict = world.audit(world.memory.as_ref()).await;
    assert!(matches!(verdict, Err(AuditError::Archived { version: 1, .. })), "{verdict:?}");
    assert!(!world.memory.put_horizon(&new.horizon, &[]).await.expect("runs"), "it is put once");
    world.memory.drop_archived(1).await.expect("drops");
    let verdict = world.audit(world.memory.as_ref()).await;
    assert!(matches!(verdict, Err(AuditError::Archived { version: 2, .. })), "{verdict:?}");
    world.memory.drop_archived(usize::MAX).await.expect("drops");
    world.audit(world.memory.as_ref()).await.expect("finished");
}

/// A checkpoint that was put in the place of the one that the horizon names is another one.
#[tokio::test]
async fn the_horizon_names_its_checkpoint() {
    let world = World::open();
    world.of_long_ago_and_of_now().await;
    let plan = world.plan().await.expect("plans").expect("old enough");
    let new = world.identity.draw_horizon(&plan, &keys()).await.expect("draws");
    let tip = Tip {
        hash: Checkpoints::list(world.memory.as_ref(), 1, 1).await.expect("reads")[0].hash(),
        ..plan.tip
    };
    let false_one = Horizon::sign(&keys(), &tip, new.horizon.sum(), world.clock.now());
    assert!(world.memory.put_horizon(&false_one, slice::from_ref(&new.bases[0])).await.expect("writes"));
    world.memory.drop_archived(usize::MAX).await.expect("drops");
    let verdict = world.audit(world.memory.as_ref()).await;
    assert!(matches!(verdict, Err(AuditError::Horizon(HorizonFault::Checkpoint))), "{verdict:?}");
}
