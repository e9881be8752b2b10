use std::sync::Arc;

use portcullis_domain::{
    company::{
        ApproveMemberError, ChangeMemberRoleError, GetCompanyError, MemberRole, MemberStatus,
        MembershipError, OwnCompanyError, RegisterMemberError, RemoveMemberError, UpdateCompanyError,
    },
    id::CompanyId,
};
use uuid::Uuid;

use crate::world::{World, race};

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_who_ask_to_join_at_once_all_ask() {
    let (world, company, _) = World::with_company().await;
    let world = Arc::new(world);
    let outcomes = race((0..16).map(|number| {
        let (world, id) = (Arc::clone(&world), company.id);
        async move { world.join(&format!("j{number}@example.com"), Some(id), None).await }
    }))
    .await;
    for outcome in outcomes {
        let membership = outcome.expect("asks").membership.expect("a membership");
        assert_eq!(membership.member.status, MemberStatus::Pending);
    }
}

#[tokio::test]
async fn who_asks_sees_nothing_until_they_are_approved() {
    let (world, company, owner) = World::with_company().await;
    let asking = world.asking(&company, "jane@example.com").await;
    let refused = world.identity.own_company(&asking).await;
    assert!(matches!(refused, Err(OwnCompanyError::Membership(MembershipError::Pending))));
    let refused = world.identity.get_company(&asking, company.id).await;
    assert!(matches!(refused, Err(GetCompanyError::Denied(_))));
    let me = world.identity.me(&asking).await.expect("is there");
    assert_eq!(me.company, None);
    assert!(me.account.membership.is_some_and(|membership| !membership.member.is_active()));

    let member = world.approve(&owner, asking.user).await.expect("approves");
    assert!(member.is_active());
    assert_eq!(world.identity.own_company(&asking).await.expect("is in").id, company.id);
    assert_eq!(world.identity.get_company(&asking, company.id).await.expect("is in").id, company.id);
}

#[tokio::test]
async fn nobody_joins_a_company_that_is_not_there() {
    let world = World::new();
    let refused = world.join("jane@example.com", Some(CompanyId::new(Uuid::from_u128(7))), None).await;
    assert!(matches!(refused, Err(RegisterMemberError::CompanyNotFound)));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_approve_somebody_at_once_both_have_and_it_happened_once() {
    let (world, company, owner) = World::with_company().await;
    let manager = world.member(&owner, "manager@example.com", MemberRole::Manager).await;
    let asking = world.asking(&company, "jane@example.com").await.user;
    let world = Arc::new(world);
    let outcomes = race([owner, manager].map(|caller| {
        let world = Arc::clone(&world);
        async move { world.approve(&caller, asking).await }
    }))
    .await;
    for outcome in outcomes {
        assert!(outcome.expect("approves").is_active());
    }
    let types = world.types(company.id).await;
    assert_eq!(types.iter().filter(|name| *name == "company.member_approved").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_owners_who_leave_at_once_one_stays() {
    for round in 0..8 {
        let (world, company, first) = World::with_company().await;
        let second = world.member(&first, "second@example.com", MemberRole::Owner).await;
        let world = Arc::new(world);
        // Each leaves; each takes the other's role; one leaves while the other makes themself a manager.
        let acts = [first.clone(), second.clone()].into_iter().zip([second.user, first.user]).enumerate();
        let outcomes = race(acts.map(|(number, (caller, other))| {
            let world = Arc::clone(&world);
            async move {
                match (round + number) % 4 {
                    0 | 1 => world.remove(&caller, caller.user).await.is_ok(),
                    2 => world.make(&caller, other, MemberRole::Manager).await.is_ok(),
                    _ => world.make(&caller, caller.user, MemberRole::Manager).await.is_ok(),
                }
            }
        }))
        .await;
        let owners = world.owners(&company).await;
        assert_eq!(owners.len(), 1, "{outcomes:?}");
        // Who has become less already may be made something else, and may leave; two who just leave cannot both.
        let done = outcomes.iter().filter(|done| **done).count();
        assert!(if round % 4 == 0 { done == 1 } else { done >= 1 }, "round {round}: {outcomes:?}");
    }
}

#[tokio::test]
async fn the_last_owner_neither_leaves_nor_becomes_less() {
    let (world, _, owner) = World::with_company().await;
    let left = world.remove(&owner, owner.user).await;
    assert!(matches!(left, Err(RemoveMemberError::LastOwner)));
    let changed = world.make(&owner, owner.user, MemberRole::Member).await;
    assert!(matches!(changed, Err(ChangeMemberRoleError::LastOwner)));
    let heir = world.member(&owner, "heir@example.com", MemberRole::Member).await;
    world.make(&owner, heir.user, MemberRole::Owner).await.expect("changes");
    world.remove(&owner, owner.user).await.expect("leaves");
    let refused = world.identity.own_company(&owner).await;
    assert!(matches!(refused, Err(OwnCompanyError::Membership(MembershipError::NoCompany))));
}

#[tokio::test]
async fn members_of_another_company_are_nobody() {
    let (world, _, owner) = World::with_company().await;
    let other = world.register_company("other@example.com", None).await.expect("registers");
    let stranger = other.owner.user.id;
    let asking = world.asking(&other.company, "jane@example.com").await.user;
    assert!(matches!(world.approve(&owner, asking).await, Err(ApproveMemberError::MemberNotFound)));
    assert!(matches!(world.remove(&owner, stranger).await, Err(RemoveMemberError::MemberNotFound)));
    let changed = world.make(&owner, stranger, MemberRole::Member).await;
    assert!(matches!(changed, Err(ChangeMemberRoleError::MemberNotFound)));
    let refused = world.identity.get_company(&owner, other.company.id).await;
    assert!(matches!(refused, Err(GetCompanyError::Denied(_))));
}

#[tokio::test]
async fn a_number_that_is_given_up_is_free_and_one_that_is_held_is_not() {
    let (world, _, owner) = World::with_company().await;
    world.register_company("other@example.com", Some("2")).await.expect("registers");
    let other = world.sign_in("other@example.com").await;
    assert!(matches!(
        world.number(&other, "123 45 67890").await,
        Err(UpdateCompanyError::BusinessNumberTaken)
    ));
    world.number(&owner, "3").await.expect("changes");
    world.number(&other, "123 45 67890").await.expect("changes");
}
