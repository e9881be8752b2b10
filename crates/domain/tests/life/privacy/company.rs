use portcullis_domain::{
    audit::{Evidence, verify_log},
    caller::Role,
    commit::{Append, Claim, ClaimKey, Commit, Expected, RowChange},
    company::{Company, CompanyCreated, CompanyEvent, Departure, Member, MemberRole, MemberStatus},
    event::{Actor, EventType, NewEvent, StreamKind},
    id::{CompanyId, UserId},
    port::{Clock, Companies, EventStore},
    privacy::{EraseError, EraseSelfError, EraseUserError},
    seal::DataKey,
    testing::SeededEntropy,
    value::{CompanyName, ShortText},
};
use uuid::Uuid;

use super::password;
use crate::world::{PASSWORD, World};

/// A company of these members, by the hand of the service.
async fn company_of(world: &World, members: &[(UserId, MemberRole)]) -> CompanyId {
    let id = CompanyId::new(Uuid::from_u128(77));
    let (now, entropy) = (world.clock.now(), SeededEntropy::new(77));
    let number = ShortText::new("123-45-67890");
    let created = CompanyEvent::Created(CompanyCreated {
        company_id: id,
        name: CompanyName::new("Acme"),
        business_number: Some(number.clone()),
        industry: None,
        region: None,
    });
    let company = Company::apply(None, &created, now).expect("a company");
    let master_key = &world.identity.ports().master_key;
    let key = master_key.wrap(id.into(), &DataKey::generate(&entropy), &entropy);
    let member = |&(user, role): &(UserId, MemberRole)| {
        let status = MemberStatus::Active;
        RowChange::PutMember(Member { user, company: id, role, status, joined_at: now })
    };
    let rows = [RowChange::PutSubjectKey(key), RowChange::PutCompany(Box::new(company))];
    let event = NewEvent {
        id: Uuid::from_u128(78).into(),
        event_type: EventType::new(created.event_type()),
        schema_version: created.schema_version(),
        actor: Actor::System,
        data: created.data(),
        personal: None,
        recorded_at: now,
    };
    let append =
        Append { stream: id.into(), kind: StreamKind::Company, expected: Expected::New, events: vec![event] };
    let commit = Commit {
        appends: vec![append],
        claims: vec![Claim::Take { key: ClaimKey::business_number(&number), owner: id.into() }],
        rows: rows.into_iter().chain(members.iter().map(member)).collect(),
        ..Commit::default()
    };
    world.memory.commit(commit).await.expect("commits");
    id
}

/// What happened to a company, but for its beginning.
async fn company_events(world: &World, id: CompanyId) -> Vec<CompanyEvent> {
    let events = world.memory.read_stream(id.into(), 1, 100).await.expect("reads");
    events.iter().map(|event| CompanyEvent::read(&event.event).expect("reads")).collect()
}

#[tokio::test]
async fn the_last_owner_of_a_company_with_other_members_cannot_be_erased() {
    let world = World::open();
    let admin = world.official("admin@example.com", Role::Admin).await;
    let (_, jane) = world.signed_in().await;
    let member = world.register("member@example.com", None).await.expect("registers").id;
    let roles = [(jane.user, MemberRole::Owner), (member, MemberRole::Member)];
    let company = company_of(&world, &roles).await;
    let (identity, origin) = (&world.identity, &world.origin);
    let refused = identity.erase_self(&jane, password(PASSWORD).as_ref(), origin).await;
    assert!(matches!(refused, Err(EraseSelfError::Erase(EraseError::LastOwner))), "{refused:?}");
    let refused = identity.erase_user(&admin, jane.user, origin).await;
    assert!(matches!(refused, Err(EraseUserError::Erase(EraseError::LastOwner))), "{refused:?}");

    identity.erase_user(&admin, member, origin).await.expect("a member may go");
    let reason = Departure::Erased;
    let gone = CompanyEvent::MemberRemoved { user_id: member, reason };
    assert_eq!(company_events(&world, company).await, [gone]);
    let company = Companies::find(world.memory.as_ref(), company).await.expect("reads").expect("is there");
    assert!(company.is_active);
}

#[tokio::test]
async fn a_company_is_closed_with_the_erasure_of_its_last_member_and_its_number_is_free() {
    let world = World::open();
    let (_, jane) = world.signed_in().await;
    let id = company_of(&world, &[(jane.user, MemberRole::Owner)]).await;
    // A stranger who asks to be let in keeps nobody from leaving.
    let stranger = world.register("stranger@example.com", None).await.expect("registers").id;
    let (role, status) = (MemberRole::Member, MemberStatus::Pending);
    let asking = Member { user: stranger, company: id, role, status, joined_at: world.clock.now() };
    let asks = Commit { rows: vec![RowChange::PutMember(asking)], ..Commit::default() };
    world.memory.commit(asks).await.expect("commits");
    let (identity, origin) = (&world.identity, &world.origin);
    identity.erase_self(&jane, password(PASSWORD).as_ref(), origin).await.expect("erases");
    let gone = CompanyEvent::MemberRemoved { user_id: jane.user, reason: Departure::Erased };
    assert_eq!(company_events(&world, id).await, [gone, CompanyEvent::Closed]);
    let company = Companies::find(world.memory.as_ref(), id).await.expect("reads").expect("is there");
    assert!(!company.is_active);
    let key = ClaimKey::business_number(&company.business_number.expect("kept"));
    let take = Claim::Take { key, owner: Uuid::from_u128(5) };
    let commit = Commit { claims: vec![take], ..Commit::default() };
    world.memory.commit(commit).await.expect("the number is free");
    verify_log(world.memory.as_ref(), Evidence::default()).await.expect("intact");
}
