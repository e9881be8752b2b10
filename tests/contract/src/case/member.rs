use std::collections::BTreeMap;

use chrono::TimeDelta;
use portcullis_domain::{
    commit::RowChange,
    company::{Company, Member, MemberRole, MemberStatus, Membership},
    id::{CompanyId, UserId},
    value::CompanyName,
};

use crate::{StoreHarness, StorePorts, sample};

async fn find(store: &StorePorts, user: UserId) -> Option<Membership> {
    store.members.find(user).await.expect("reads")
}

fn of(member: &Member, company: &Company) -> Membership {
    Membership { member: member.clone(), company_name: company.name.clone() }
}

/// `count` new users as members of a company, in the order of their ids.
async fn put_members(store: &StorePorts, company: CompanyId, count: usize) -> Vec<Member> {
    let users: Vec<_> = (0..count).map(|_| sample::user()).collect();
    let members: Vec<_> = users.iter().map(|user| sample::member(user.id, company)).collect();
    let puts = users.iter().rev().map(sample::put_user);
    store.put(puts.chain(members.iter().rev().cloned().map(RowChange::PutMember))).await;
    members
}

async fn list(store: &StorePorts, company: CompanyId) -> Vec<Member> {
    store.members.list_by_company(company, None, sample::ALL).await.expect("reads")
}

/// In each role, in and asking to be in; of nobody else.
pub async fn a_put_membership_is_found_with_its_companys_name<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (company, another) = (store.put_new_company().await, store.put_new_company().await);
    for role in MemberRole::ALL {
        for status in MemberStatus::ALL {
            for company in [&company, &another] {
                let user = store.put_new_user().await.id;
                let member = Member { role: *role, status: *status, ..sample::member(user, company.id) };
                store.put([RowChange::PutMember(member.clone())]).await;
                assert_eq!(find(&store, user).await, Some(of(&member, company)));
            }
        }
    }
    let alone = store.put_new_user().await.id;
    assert_eq!(find(&store, alone).await, None);
    assert_eq!(find(&store, sample::id()).await, None);
}

/// Not as it was when the member joined.
pub async fn a_membership_shows_the_companys_name_as_it_is_now<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let company = store.put_new_company().await;
    let [member] = &put_members(&store, company.id, 1).await[..] else { unreachable!("one was put") };
    let renamed = Company { name: CompanyName::new("(주)한빛"), ..company };
    store.put([sample::put_company(&renamed)]).await;
    assert_eq!(find(&store, member.user).await, Some(of(member, &renamed)));
    let many = store.members.find_many(&[member.user]).await.expect("reads");
    assert_eq!(many, [of(member, &renamed)]);
}

/// Whole, and nobody else's; a user is never in two companies.
pub async fn a_second_put_replaces_the_membership<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (company, another) = (store.put_new_company().await, store.put_new_company().await);
    let members = put_members(&store, company.id, 2).await;
    let promoted = Member {
        role: MemberRole::Owner,
        status: MemberStatus::Pending,
        joined_at: sample::now() + TimeDelta::microseconds(1),
        ..members[0].clone()
    };
    store.put([RowChange::PutMember(promoted.clone())]).await;
    assert_eq!(find(&store, promoted.user).await, Some(of(&promoted, &company)));
    assert_eq!(list(&store, company.id).await, [promoted.clone(), members[1].clone()]);

    let moved = Member { company: another.id, ..promoted };
    store.put([RowChange::PutMember(moved.clone())]).await;
    assert_eq!(find(&store, moved.user).await, Some(of(&moved, &another)));
    assert_eq!(list(&store, company.id).await, [members[1].clone()]);
    assert_eq!(list(&store, another.id).await, [moved]);
    assert_eq!(find(&store, members[1].user).await, Some(of(&members[1], &company)));
}

/// By no read, and everybody else is.
pub async fn a_deleted_membership_is_not_found<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let company = store.put_new_company().await;
    let members = put_members(&store, company.id, 3).await;
    let deleted = members[1].user;
    for _ in 0..2 {
        store.put([RowChange::DeleteMember(deleted)]).await;
        assert_eq!(find(&store, deleted).await, None);
        assert!(store.members.find_many(&[deleted]).await.expect("reads").is_empty());
        assert_eq!(list(&store, company.id).await, [members[0].clone(), members[2].clone()]);
    }
}

/// However many are asked for; those who have none are passed over.
pub async fn those_of_the_given_users_who_have_one_are_found<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (company, another) = (store.put_new_company().await, store.put_new_company().await);
    let members = put_members(&store, company.id, 200).await;
    let others = put_members(&store, another.id, 200).await;
    put_members(&store, company.id, 5).await;
    let alone = store.put_new_user().await.id;
    let mut asked = vec![sample::id(), alone];
    asked.extend(members.iter().chain(&others).map(|member| member.user));
    let found = store.members.find_many(&asked).await.expect("reads");
    let expected = members.iter().map(|member| (member.user, of(member, &company)));
    let expected = expected.chain(others.iter().map(|member| (member.user, of(member, &another))));
    assert_eq!(found.len(), 400);
    let found: BTreeMap<_, _> = found.into_iter().map(|found| (found.member.user, found)).collect();
    assert_eq!(found, expected.collect());
    for none in [vec![], vec![alone], vec![sample::id(), alone]] {
        assert!(store.members.find_many(&none).await.expect("reads").is_empty());
    }
}

/// Pending ones too; nobody of another company.
pub async fn a_companys_members_are_listed_by_user_id<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (company, another) = (store.put_new_company().await, store.put_new_company().await);
    let mut members = put_members(&store, company.id, 6).await;
    let others = put_members(&store, another.id, 2).await;
    members[3].status = MemberStatus::Pending;
    store.put([RowChange::PutMember(members[3].clone())]).await;
    assert_eq!(list(&store, company.id).await, members);
    assert_eq!(list(&store, another.id).await, others);
    assert!(list(&store, sample::id()).await.is_empty());
}

/// Of any size, and after somebody who is no member any more.
pub async fn members_are_paged_without_a_gap_or_a_repeat<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (company, another) = (store.put_new_company().await.id, store.put_new_company().await.id);
    let mut members = Vec::new();
    for _ in 0..5 {
        members.extend(put_members(&store, company, 5).await);
        put_members(&store, another, 3).await;
    }
    for size in [1, 2, 5, 24, 25, 26, usize::MAX] {
        let read = async |after: Option<Member>| {
            let after = after.map(|member| member.user);
            store.members.list_by_company(company, after, size).await.expect("reads")
        };
        assert_eq!(sample::paged(size, read).await, members, "in pages of {size}");
    }
    assert!(store.members.list_by_company(company, None, 0).await.expect("reads").is_empty());
    let gone = members.remove(9).user;
    store.put([RowChange::DeleteMember(gone)]).await;
    let rest = store.members.list_by_company(company, Some(gone), 4).await.expect("reads");
    assert_eq!(rest, members[9..13]);
}

/// Who asks to be one is none, and a manager is none.
pub async fn owners_are_listed_who_are_active<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (company, another) = (store.put_new_company().await.id, store.put_new_company().await.id);
    let (mut members, mut others) =
        (put_members(&store, company, 12).await, put_members(&store, another, 2).await);
    let standings = MemberRole::ALL.iter().flat_map(|role| MemberStatus::ALL.iter().map(|s| (*role, *s)));
    for (member, (role, status)) in members.iter_mut().zip(standings.cycle()) {
        (member.role, member.status) = (role, status);
    }
    for member in &mut others {
        member.role = MemberRole::Owner;
    }
    store.put(members.iter().chain(&others).cloned().map(RowChange::PutMember)).await;
    members.retain(|member| member.role == MemberRole::Owner && member.status == MemberStatus::Active);
    assert_eq!(members.len(), 2);
    for limit in [0, 1, 2, 3, usize::MAX] {
        let owners = store.members.list_owners(company, limit).await.expect("reads");
        assert_eq!(owners, members[..limit.min(2)], "at most {limit}");
    }
    assert!(store.members.list_owners(sample::id(), 9).await.expect("reads").is_empty());
}
