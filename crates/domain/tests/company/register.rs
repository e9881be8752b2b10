use std::sync::Arc;

use portcullis_domain::{
    company::{RegisterCompanyError, RegisteredCompany},
    user::RegisterError,
};

use crate::world::{OWNER, World, race};

#[tokio::test]
async fn a_company_and_its_owner_are_registered_in_one_commit() {
    let world = World::new();
    let RegisteredCompany { company, owner } =
        world.register_company(OWNER, Some("123-45-67890")).await.expect("registers");
    assert_eq!(world.types(company.id).await, ["company.created", "company.member_joined"]);
    assert_eq!(world.types(owner.user.id).await, ["user.created"]);
    let membership = owner.membership.clone().expect("a membership");
    assert!(membership.member.is_owner());
    assert_eq!(membership.company_name, company.name);

    // What was answered is what is stored.
    let caller = world.sign_in(OWNER).await;
    let me = world.identity.me(&caller).await.expect("is there");
    assert_eq!((me.account.membership, me.company), (owner.membership, Some(company.clone())));
    assert_eq!(world.identity.own_company(&caller).await.expect("is there"), company);
}

#[tokio::test]
async fn where_the_owner_was_opens_with_the_company_s_and_the_owner_s_key() {
    let (world, company, owner) = World::with_company().await;
    let [created, ..] = &world.events(company.id).await[..] else { panic!("no event") };
    let company_key = world.identity.data_key(company.id.into()).await.expect("reads");
    let owner_key = world.identity.data_key(owner.user.into()).await.expect("reads");
    let opened = created.event.open_origin(company_key.as_ref(), owner_key.as_ref()).expect("opens");
    assert_eq!(opened, Some(world.origin));
    assert_eq!(created.event.open_origin(company_key.as_ref(), None).expect("opens"), None);
}

#[tokio::test]
async fn nothing_is_left_of_a_company_whose_owner_or_number_is_taken() {
    let (world, ..) = World::with_company().await;
    let same_address = world.register_company("OWNER@example.com", None).await;
    assert!(matches!(same_address, Err(RegisterCompanyError::Owner(RegisterError::EmailTaken))));
    let same_number = world.register_company("other@example.com", Some("12345 67890")).await;
    assert!(matches!(same_number, Err(RegisterCompanyError::BusinessNumberTaken)));
    world.register_company("other@example.com", Some("12345 67891")).await.expect("registers");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_eight_companies_that_register_one_number_at_once_one_is_registered() {
    let world = Arc::new(World::new());
    let outcomes = race((0..8).map(|number| {
        let world = Arc::clone(&world);
        async move { world.register_company(&format!("c{number}@example.com"), Some("HRB 1")).await }
    }))
    .await;
    let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    for error in lost {
        assert!(matches!(error, Err(RegisterCompanyError::BusinessNumberTaken)), "{error:?}");
    }
}
