use portcullis_domain::{
    caller::{Caller, Origin, Role},
    id::SessionId,
    port::LoginHistory,
    privacy::ExportedEvent,
};

use super::{JANE, attempt, region};
use crate::world::World;

/// All of a person's events, as their copy has them.
async fn exported_events(world: &World, caller: &Caller) -> Vec<ExportedEvent> {
    let mut events: Vec<ExportedEvent> = Vec::new();
    loop {
        let after = events.last().map_or(0, |last| last.event.version);
        let page = world.identity.export_events(caller, after).await.expect("exports");
        if page.is_empty() {
            return events;
        }
        events.extend(page);
    }
}

#[tokio::test]
async fn a_copy_holds_everything_on_the_person_and_nothing_on_others() {
    let world = World::open();
    let admin = world.official("admin@example.com", Role::Admin).await;
    let (_, jane) = world.signed_in().await;
    let other = world.register("other@example.com", None).await.expect("registers").id;
    let identity = &world.identity;
    let elsewhere = Origin::new(Some("198.51.100.9".parse().expect("an address")), Some("admin/1"));
    identity.change_role(&admin, jane.user, Role::Moderator, &elsewhere).await.expect("changes");
    identity.get_user(&admin, jane.user).await.expect("shows");
    identity.get_user(&admin, other).await.expect("shows");
    let attempts = [attempt(&world, 1, jane.user), attempt(&world, 2, other)];
    world.memory.record(attempts.to_vec()).await.expect("recorded");

    let export = identity.export(&jane).await.expect("exports");
    assert_eq!(export.user.profile.email.as_str(), JANE);
    assert_eq!(export.membership, None);
    let sessions: Vec<SessionId> = export.sessions.iter().map(|session| session.id).collect();
    assert_eq!(sessions, [jane.session]);
    assert!(export.login_history.contains(&attempts[0]) && !export.login_history.contains(&attempts[1]));
    assert!(!export.accesses.is_empty());
    assert!(export.accesses.iter().all(|access| access.stream == jane.user.into()));

    let events = exported_events(&world, &jane).await;
    let history = world.history(jane.user).await;
    assert!(events.iter().map(|exported| &exported.event).eq(&history));
    let created = events.first().expect("events");
    assert_eq!(created.facts.as_ref().expect("facts")["email"], JANE);
    assert_eq!(created.origin.as_ref(), Some(&world.origin));
    let changed = events.last().expect("events");
    assert_eq!(changed.event.event.actor, admin.actor());
    assert_eq!(changed.origin, None, "where the administrator was is theirs");
}

#[tokio::test]
async fn a_copy_of_a_long_history_is_whole() {
    let world = World::open();
    let (_, jane) = world.signed_in().await;
    for number in 0..1_100 {
        let update = region(if number % 2 == 0 { "Seoul" } else { "Busan" });
        world.identity.update_profile(&jane, &update, &world.origin).await.expect("updates");
        let attempt = attempt(&world, number + 1, jane.user);
        world.memory.record(vec![attempt]).await.expect("recorded");
    }
    let events = exported_events(&world, &jane).await;
    let versions: Vec<_> = events.iter().map(|exported| exported.event.version).collect();
    assert_eq!(versions, (1..=events.len() as u64).collect::<Vec<_>>());
    assert!(events.len() > 1_100);
    let export = world.identity.export(&jane).await.expect("exports");
    let failed = export.login_history.iter().filter(|attempt| attempt.failure.is_some()).count();
    assert_eq!(failed, 1_100);
}
