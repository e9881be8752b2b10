use portcullis_domain::{
    audit::{Accessed, AuditReport, Evidence, verify_log},
    company::{
        Company, CompanyEvent, CompanyRight, Invite, InviteInput, ListMembersError, Member, MemberRole,
        MembershipError,
    },
    port::{Accesses, EventStore, FeedCursor, Members, Tokens},
    session::SignIn,
    value::Password,
};

use crate::world::{OWNER, PASSWORD, World};

#[tokio::test]
async fn owners_and_managers_see_the_members_and_it_is_recorded() {
    let (world, company, owner) = World::with_company().await;
    let manager = world.member(&owner, "manager@example.com", MemberRole::Manager).await;
    let member = world.member(&owner, "member@example.com", MemberRole::Member).await;
    let asking = world.asking(&company, "jane@example.com").await;
    world.register_company("other@example.com", None).await.expect("registers");

    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = world.identity.list_members(&manager, after, 3).await.expect("lists");
        seen.extend(page.members.iter().map(|account| account.user.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, [asking.user, member.user, manager.user, owner.user]);
    let accesses = world.memory.list_by_stream(member.user.into(), None, 10).await.expect("reads");
    let [access] = &accesses[..] else { panic!("{accesses:?}") };
    assert_eq!((access.actor, access.what), (manager.actor(), Accessed::Listing));
    let own = world.memory.list_by_stream(manager.user.into(), None, 10).await.expect("reads");
    assert_eq!(own, [], "a look at oneself is none");

    let refused = world.identity.list_members(&member, None, 3).await;
    let manage = MembershipError::Denied(CompanyRight::Manage);
    assert!(matches!(refused, Err(ListMembersError::Membership(error)) if error == manage));
}

#[tokio::test]
async fn a_token_names_the_company_of_those_who_are_in() {
    let (world, company, owner) = World::with_company().await;
    let asking = world.asking(&company, "jane@example.com").await;
    let claimed = async |email: &str| {
        let command = SignIn::parse(Some(email.to_owned()), None, Password::new(PASSWORD)).expect("one name");
        let tokens = world.identity.sign_in(command, &world.origin).await.expect("signs in");
        let refreshed = world.identity.refresh(&tokens.refresh, &world.origin).await.expect("refreshes");
        let now = world.identity.ports().clock.now();
        [tokens.access, refreshed.access]
            .map(|token| world.tokens.verify_access(&token, now).expect("authentic").company)
    };
    assert_eq!(claimed(OWNER).await, [Some(company.id); 2]);
    assert_eq!(claimed("jane@example.com").await, [None; 2]);
    world.approve(&owner, asking.user).await.expect("approves");
    assert_eq!(claimed("jane@example.com").await, [Some(company.id); 2]);
}

#[tokio::test]
async fn company_and_members_are_what_the_events_add_up_to_and_the_log_is_intact() {
    let (world, company, owner) = World::with_company().await;
    let manager = world.member(&owner, "manager@example.com", MemberRole::Manager).await;
    let gone = world.member(&owner, "gone@example.com", MemberRole::Member).await;
    let asking = world.asking(&company, "jane@example.com").await;
    world.approve(&manager, asking.user).await.expect("approves");
    world.make(&owner, asking.user, MemberRole::Owner).await.expect("changes");
    world.remove(&gone, gone.user).await.expect("leaves");
    world.number(&manager, "77").await.expect("changes");

    let mut folded = None;
    let mut members = std::collections::BTreeMap::new();
    for event in world.events(company.id).await {
        let (read, at) = (CompanyEvent::read(&event.event).expect("reads"), event.event.recorded_at);
        folded = Company::apply(folded, &read, at);
        if let Some(user) = read.member() {
            let after = Member::apply(members.remove(&user), company.id, &read, at);
            members.extend(after.map(|member| (user, member)));
        }
    }
    assert_eq!(folded, Some(world.identity.own_company(&owner).await.expect("is there")));
    let stored = world.memory.list_by_company(company.id, None, 100).await.expect("reads");
    assert_eq!(members.into_values().collect::<Vec<_>>(), stored);
    let ports = world.identity.ports();
    let AuditReport { streams, .. } =
        verify_log(ports.events.as_ref(), Evidence::default()).await.expect("intact");
    assert_eq!(streams, 5);
}

#[tokio::test]
async fn no_address_and_no_origin_stands_open_in_a_company_s_events() {
    let (world, company, owner) = World::with_company().await;
    let input = InviteInput { email: Some("secret@example.com".to_owned()), ..InviteInput::default() };
    let invite = Invite::parse(input).expect("valid");
    world.identity.invite_member(&owner, invite, &world.origin).await.expect("invites");
    let items = world.memory.read_feed(FeedCursor::START, 1_000).await.expect("reads");
    let log = format!("{items:?} {:?}", world.events(company.id).await);
    for secret in ["secret@", "owner@", "203.0.113", "curl"] {
        assert!(!log.contains(secret), "{secret} stands in the log");
    }
}
