use chrono::TimeDelta;
use portcullis_domain::{
    commit::RowChange,
    company::{Invitation, MemberRole},
    value::{Email, Language},
};

use crate::{StoreHarness, StorePorts, sample};

/// Puts an invitation of a new company.
async fn put_invitation(store: &StorePorts, email: Option<Email>) -> Invitation {
    let (company, inviter) = (store.put_new_company().await.id, store.put_new_user().await.id);
    let invitation = Invitation { email, ..sample::invitation(company, inviter) };
    store.put([RowChange::PutInvitation(invitation.clone())]).await;
    invitation
}

async fn find(store: &StorePorts, invitation: &Invitation) -> Option<Invitation> {
    store.invitations.find(invitation.id).await.expect("reads")
}

/// For each role and language, with an address and without; good or over.
pub async fn a_put_invitation_is_found<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let mut invitations = vec![put_invitation(&store, None).await];
    for role in MemberRole::ALL {
        for language in Language::ALL {
            let invitation = put_invitation(&store, Some(sample::email())).await;
            let id = sample::id();
            invitations.push(Invitation { id, role: *role, language: *language, ..invitation });
        }
    }
    invitations[1].expires_at = sample::now() - TimeDelta::days(400);
    invitations[2].email = Some(Email::new("АННА@пример.рф"));
    store.put(invitations.iter().cloned().map(RowChange::PutInvitation)).await;
    for invitation in &invitations {
        assert_eq!(find(&store, invitation).await.as_ref(), Some(invitation));
    }
    assert_eq!(store.invitations.find(sample::id()).await.expect("reads"), None);
}

/// Whole.
pub async fn a_second_put_replaces_the_invitation<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let invitation = put_invitation(&store, Some(sample::email())).await;
    let other = put_invitation(&store, None).await;
    let changed = Invitation {
        email: None,
        role: MemberRole::Owner,
        language: Language::Ru,
        expires_at: invitation.expires_at + TimeDelta::microseconds(1),
        ..invitation.clone()
    };
    store.put([RowChange::PutInvitation(changed.clone())]).await;
    assert_eq!(find(&store, &invitation).await, Some(changed));
    assert_eq!(find(&store, &other).await, Some(other));
}

/// And only that one is.
pub async fn a_deleted_invitation_is_not_found<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let email = Some(sample::email());
    let (deleted, kept) = (put_invitation(&store, email.clone()).await, put_invitation(&store, email).await);
    for _ in 0..2 {
        store.put([RowChange::DeleteInvitation(deleted.id)]).await;
        assert_eq!(find(&store, &deleted).await, None);
        assert_eq!(find(&store, &kept).await.as_ref(), Some(&kept));
    }
}

/// Whatever their letter case, of every company; those to other addresses and to nobody in particular stay.
pub async fn deleting_those_to_an_address_leaves_the_others<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let pairs = [
        (["Jane@Example.com", "jANE@eXAMPLE.COM"], "jane_@example.com"),
        (["JOS\u{c9}@example.com", "jose\u{301}@example.com"], "jose@example.com"),
        (["АННА@пример.рф", "анна@xn--e1afmkfd.xn--p1ai"], "анна@пример.рус"),
        (["%@example.com", "%@Example.com"], "percent@example.com"),
    ];
    for (addresses, another) in pairs {
        let nobodys = put_invitation(&store, None).await;
        let others = put_invitation(&store, Some(Email::new(another))).await;
        let [one, two] = addresses.map(Email::new);
        let deleted =
            [put_invitation(&store, Some(one)).await, put_invitation(&store, Some(two.clone())).await];
        store.put([RowChange::DeleteInvitationsTo(two)]).await;
        for invitation in &deleted {
            assert_eq!(find(&store, invitation).await, None, "{addresses:?}");
        }
        for kept in [nobodys, others] {
            assert_eq!(find(&store, &kept).await, Some(kept), "{addresses:?}");
        }
    }
}

/// To the microsecond, of all companies, to somebody or nobody; what runs out at the time stays.
pub async fn invitations_that_have_run_out_are_pruned_and_nothing_else<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let mut invitations = Vec::new();
    for days in [-400, 0, 1] {
        for (email, microseconds) in [(None, 0), (Some(sample::email()), 0), (Some(sample::email()), 1)] {
            let invitation = put_invitation(&store, email).await;
            let end = TimeDelta::days(days) + TimeDelta::microseconds(microseconds);
            invitations.push(Invitation { expires_at: sample::now() + end, ..invitation });
        }
    }
    store.put(invitations.iter().cloned().map(RowChange::PutInvitation)).await;
    let mut times: Vec<_> = invitations.iter().map(|invitation| invitation.expires_at).collect();
    times.sort_unstable();
    times.push(sample::now() + TimeDelta::days(4000));
    let mut left = invitations.clone();
    for before in times {
        let count = left.len();
        left.retain(|invitation| invitation.expires_at >= before);
        let pruned = async || store.invitations.prune(before).await.expect("prunes");
        assert_eq!(pruned().await, (count - left.len()) as u64, "before {before}");
        assert_eq!(pruned().await, 0, "before {before} again");
        for invitation in &invitations {
            let found = find(&store, invitation).await;
            assert_eq!(found.is_some(), left.contains(invitation), "before {before}");
        }
    }
}
