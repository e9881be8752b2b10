//! Faults in credentials, sessions, companies and who belongs to them, and the cases that catch them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use portcullis_domain::{
    commit::{Commit, CommitError, Committed, RowChange},
    company::{Invitation, Member, MemberRole, Membership},
    id::{CompanyId, SessionId, UserId},
    port::{Companies, EventStore, Invitations, Members, RotateOutcome, Rotation, Sessions, StoreError},
    session::Session,
    value::{CompanyName, Email},
};
use portcullis_memory::Memory;
use tokio::time::sleep;

use crate::{
    row_fault::put,
    store::{A_MOMENT, Fault, Sound, Store},
};

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics while it is held")
}

/// A history is a set.
#[derive(Default)]
struct SortedHistory;

#[async_trait]
impl Fault for SortedHistory {
    async fn commit(&self, memory: &Arc<Memory>, mut commit: Commit) -> Result<Committed, CommitError> {
        for row in &mut commit.rows {
            if let RowChange::PutCredential(credential) = row {
                credential.history.sort_by(|one, other| one.expose().cmp(other.expose()));
            }
        }
        memory.commit(commit).await
    }
}

/// What was to be deleted stays.
#[derive(Default)]
struct RowsStay;

#[async_trait]
impl Fault for RowsStay {
    async fn commit(&self, memory: &Arc<Memory>, mut commit: Commit) -> Result<Committed, CommitError> {
        commit.rows.retain(|row| {
            !matches!(
                row,
                RowChange::DeleteCredential(_) | RowChange::DeleteMember(_) | RowChange::DeleteInvitation(_)
            )
        });
        memory.commit(commit).await
    }
}

/// What is there already is left as it is: `ON CONFLICT DO NOTHING`.
#[derive(Default)]
struct FirstPutStays;

#[async_trait]
impl Fault for FirstPutStays {
    async fn commit(&self, memory: &Arc<Memory>, mut commit: Commit) -> Result<Committed, CommitError> {
        let mut rows = Vec::new();
        for row in std::mem::take(&mut commit.rows) {
            let is_there = match &row {
                RowChange::PutCompany(company) => {
                    Companies::find(memory.as_ref(), company.id).await?.is_some()
                }
                RowChange::PutMember(member) => Members::find(memory.as_ref(), member.user).await?.is_some(),
                RowChange::PutInvitation(invitation) => {
                    Invitations::find(memory.as_ref(), invitation.id).await?.is_some()
                }
                _ => false,
            };
            if !is_there {
                rows.push(row);
            }
        }
        memory.commit(Commit { rows, ..commit }).await
    }
}

/// The last report counts, not the latest.
#[derive(Default)]
struct TouchMovesBack;

#[async_trait]
impl Fault for TouchMovesBack {
    async fn touch(&self, memory: &Memory, id: SessionId, at: DateTime<Utc>) -> Result<(), StoreError> {
        if let Some(session) = Sessions::find(memory, id).await? {
            put(memory, RowChange::PutSession(Session { last_seen_at: at, ..session })).await;
        }
        Ok(())
    }
}

/// The session is read, then the lock is let go, then it is written whole.
#[derive(Default)]
struct ReadThenTouch;

#[async_trait]
impl Fault for ReadThenTouch {
    async fn touch(&self, memory: &Memory, id: SessionId, at: DateTime<Utc>) -> Result<(), StoreError> {
        if let Some(mut session) = Sessions::find(memory, id).await? {
            sleep(A_MOMENT).await;
            session.last_seen_at = session.last_seen_at.max(at);
            put(memory, RowChange::PutSession(session)).await;
        }
        Ok(())
    }
}

/// A session that is used is there, even if it was signed out: `INSERT … ON CONFLICT DO UPDATE`.
#[derive(Default)]
struct TouchRevives(Mutex<HashMap<SessionId, Session>>);

#[async_trait]
impl Fault for TouchRevives {
    async fn commit(&self, memory: &Arc<Memory>, commit: Commit) -> Result<Committed, CommitError> {
        for row in &commit.rows {
            if let RowChange::PutSession(session) = row {
                locked(&self.0).insert(session.id, session.clone());
            }
        }
        memory.commit(commit).await
    }

    async fn touch(&self, memory: &Memory, id: SessionId, at: DateTime<Utc>) -> Result<(), StoreError> {
        let known = locked(&self.0).get(&id).cloned();
        if let Some(session) = known
            && Sessions::find(memory, id).await?.is_none()
        {
            put(memory, RowChange::PutSession(session)).await;
        }
        memory.touch(id, at).await
    }
}

/// A touch is use, and use makes a session last longer.
#[derive(Default)]
struct TouchProlongs;

#[async_trait]
impl Fault for TouchProlongs {
    async fn touch(&self, memory: &Memory, id: SessionId, at: DateTime<Utc>) -> Result<(), StoreError> {
        memory.touch(id, at).await?;
        if let Some(mut session) = Sessions::find(memory, id).await? {
            session.expires_at = session.expires_at.max(at);
            put(memory, RowChange::PutSession(session)).await;
        }
        Ok(())
    }
}

/// A session lives for as long as it is refreshed.
#[derive(Default)]
struct RotationWithoutLastMoment;

#[async_trait]
impl Fault for RotationWithoutLastMoment {
    async fn rotate(&self, memory: &Memory, rotation: Rotation) -> Result<RotateOutcome, StoreError> {
        let expires_at = rotation.expires_at;
        let outcome = memory.rotate(rotation).await?;
        let RotateOutcome::Rotated(session) = outcome else { return Ok(outcome) };
        let session = Session { expires_at, ..session };
        put(memory, RowChange::PutSession(session.clone())).await;
        Ok(RotateOutcome::Rotated(session))
    }
}

/// The company's name is written beside the membership, when it is put.
#[derive(Default)]
struct NameAtJoining(Mutex<HashMap<UserId, CompanyName>>);

#[async_trait]
impl Fault for NameAtJoining {
    async fn commit(&self, memory: &Arc<Memory>, commit: Commit) -> Result<Committed, CommitError> {
        let joining = |row: &RowChange| match row {
            RowChange::PutMember(member) => Some(member.user),
            _ => None,
        };
        let users: Vec<_> = commit.rows.iter().filter_map(joining).collect();
        let committed = memory.commit(commit).await?;
        for membership in memory.find_many(&users).await? {
            locked(&self.0).insert(membership.member.user, membership.company_name);
        }
        Ok(committed)
    }

    async fn find_membership(&self, memory: &Memory, user: UserId) -> Result<Option<Membership>, StoreError> {
        let membership = Members::find(memory, user).await?;
        let name = locked(&self.0).get(&user).cloned();
        Ok(membership.map(|membership| Membership {
            company_name: name.unwrap_or(membership.company_name),
            member: membership.member,
        }))
    }
}

/// Who moves to another company stays in the first one's list: the key is the pair of the two.
#[derive(Default)]
struct MemberOfTwo(Mutex<HashMap<(CompanyId, UserId), Member>>);

#[async_trait]
impl Fault for MemberOfTwo {
    async fn commit(&self, memory: &Arc<Memory>, commit: Commit) -> Result<Committed, CommitError> {
        for row in &commit.rows {
            match row {
                RowChange::PutMember(member) => {
                    locked(&self.0).insert((member.company, member.user), member.clone());
                }
                RowChange::DeleteMember(user) => locked(&self.0).retain(|(_, member), _| member != user),
                _ => {}
            }
        }
        memory.commit(commit).await
    }

    async fn list_members(
        &self,
        _: &Memory,
        company: CompanyId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Member>, StoreError> {
        let members = locked(&self.0);
        let own = members.values().filter(|member| member.company == company);
        let mut own: Vec<_> =
            own.filter(|member| after.is_none_or(|after| member.user > after)).cloned().collect();
        own.sort_by_key(|member| member.user);
        own.truncate(limit);
        Ok(own)
    }
}

/// The memberships of the first hundred: one batch, and nobody asks for the next.
#[derive(Default)]
struct FirstHundred;

#[async_trait]
impl Fault for FirstHundred {
    async fn find_memberships(
        &self,
        memory: &Memory,
        users: &[UserId],
    ) -> Result<Vec<Membership>, StoreError> {
        memory.find_many(&users[..users.len().min(100)]).await
    }
}

/// Without an order, as rows come; and a page begins with the member that it should go on after.
#[derive(Default)]
struct UnorderedMembers;

#[async_trait]
impl Fault for UnorderedMembers {
    async fn list_members(
        &self,
        memory: &Memory,
        company: CompanyId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Member>, StoreError> {
        let mut members = memory.list_by_company(company, None, usize::MAX).await?;
        members.reverse();
        members.retain(|member| after.is_none_or(|after| member.user <= after));
        members.truncate(limit);
        Ok(members)
    }
}

/// Owners whom nobody has approved yet count.
#[derive(Default)]
struct PendingOwners;

#[async_trait]
impl Fault for PendingOwners {
    async fn list_owners(
        &self,
        memory: &Memory,
        company: CompanyId,
        limit: usize,
    ) -> Result<Vec<Member>, StoreError> {
        let mut members = memory.list_by_company(company, None, usize::MAX).await?;
        members.retain(|member| member.role == MemberRole::Owner);
        members.truncate(limit);
        Ok(members)
    }
}

/// Invitations to an address go when its text is the same to the letter.
#[derive(Default)]
struct AddressToTheLetter(Mutex<Vec<Invitation>>);

/// Invitations to nobody in particular go with those to an address: `email IS NULL OR email = ?`.
#[derive(Default)]
struct NobodysInvitations(Mutex<Vec<Invitation>>);

/// Makes of a deletion by address deletions of those among the known that are meant.
fn delete_those(
    commit: &mut Commit,
    known: &mut Vec<Invitation>,
    is_meant: impl Fn(&Invitation, &Email) -> bool,
) {
    for row in std::mem::take(&mut commit.rows) {
        match row {
            RowChange::DeleteInvitationsTo(email) => {
                let meant = known.iter().filter(|invitation| is_meant(invitation, &email));
                commit.rows.extend(meant.map(|invitation| RowChange::DeleteInvitation(invitation.id)));
            }
            row => {
                if let RowChange::PutInvitation(invitation) = &row {
                    known.push(invitation.clone());
                }
                commit.rows.push(row);
            }
        }
    }
}

#[async_trait]
impl Fault for AddressToTheLetter {
    async fn commit(&self, memory: &Arc<Memory>, mut commit: Commit) -> Result<Committed, CommitError> {
        delete_those(&mut commit, &mut locked(&self.0), |invitation, email| {
            invitation.email.as_ref() == Some(email)
        });
        memory.commit(commit).await
    }
}

#[async_trait]
impl Fault for NobodysInvitations {
    async fn commit(&self, memory: &Arc<Memory>, mut commit: Commit) -> Result<Committed, CommitError> {
        delete_those(&mut commit, &mut locked(&self.0), |invitation, email| {
            invitation.email.as_ref().is_none_or(|invited| invited.folded() == email.folded())
        });
        memory.commit(commit).await
    }
}

crate::caught! {
    a_history_without_an_order_is_caught: Store<SortedHistory>, Store<Sound> => [
        credentials::a_history_reads_back_in_its_order,
    ]
    rows_that_stay_are_caught: Store<RowsStay>, Store<Sound> => [
        credentials::a_deleted_credential_is_not_found,
        members::a_deleted_membership_is_not_found,
        invitations::a_deleted_invitation_is_not_found,
        users::a_list_follows_what_changes,
    ]
    a_first_put_that_stays_is_caught: Store<FirstPutStays>, Store<Sound> => [
        companies::a_second_put_replaces_the_company,
        members::a_second_put_replaces_the_membership,
        invitations::a_second_put_replaces_the_invitation,
    ]
    a_touch_that_moves_back_is_caught: Store<TouchMovesBack>, Store<Sound> => [
        sessions::a_touch_never_moves_back,
    ]
    a_touch_that_reads_before_it_writes_is_caught: Store<ReadThenTouch>, Store<Sound> => [
        sessions::touches_that_race_lose_nothing,
    ]
    a_touch_that_brings_a_session_back_is_caught: Store<TouchRevives>, Store<Sound> => [
        sessions::a_touch_of_a_session_that_is_gone_does_nothing,
    ]
    a_touch_that_makes_a_session_last_is_caught: Store<TouchProlongs>, Store<Sound> => [
        sessions::a_touch_moves_last_seen_forward,
    ]
    a_rotation_beyond_the_last_moment_is_caught: Store<RotationWithoutLastMoment>, Store<Sound> => [
        sessions::a_rotation_moves_the_end_but_never_beyond_the_last_moment,
    ]
    a_companys_name_as_it_was_is_caught: Store<NameAtJoining>, Store<Sound> => [
        members::a_membership_shows_the_companys_name_as_it_is_now,
    ]
    a_member_of_two_companies_is_caught: Store<MemberOfTwo>, Store<Sound> => [
        members::a_second_put_replaces_the_membership,
    ]
    memberships_of_one_batch_are_caught: Store<FirstHundred>, Store<Sound> => [
        members::those_of_the_given_users_who_have_one_are_found,
    ]
    members_without_an_order_are_caught: Store<UnorderedMembers>, Store<Sound> => [
        members::a_companys_members_are_listed_by_user_id,
        members::members_are_paged_without_a_gap_or_a_repeat,
    ]
    owners_who_only_ask_to_be_are_caught: Store<PendingOwners>, Store<Sound> => [
        members::owners_are_listed_who_are_active,
    ]
    an_address_compared_to_the_letter_is_caught: Store<AddressToTheLetter>, Store<Sound> => [
        invitations::deleting_those_to_an_address_leaves_the_others,
    ]
    invitations_to_nobody_that_go_with_others_are_caught: Store<NobodysInvitations>, Store<Sound> => [
        invitations::deleting_those_to_an_address_leaves_the_others,
    ]
}
