//! Faults in lists of users, and the cases that catch them.

use std::{
    cmp::Reverse,
    collections::HashMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use portcullis_domain::{
    commit::{Commit, CommitError, Committed, RowChange},
    id::UserId,
    port::{EventStore, StoreError, UserCursor, UserQuery, Users},
    user::User,
    value::Username,
};
use portcullis_memory::Memory;

use crate::store::{Fault, Sound, Store};

/// Everybody who meets the filters, whatever their names.
async fn meeting_filters(memory: &Memory, query: &UserQuery) -> Result<Vec<User>, StoreError> {
    Users::list(memory, &UserQuery { prefix: None, ..query.clone() }, None, usize::MAX).await
}

/// A page of those of whom a term is found, in the order of terms and ids.
fn page(
    users: Vec<User>,
    term: impl Fn(&User) -> Option<String>,
    after: Option<&UserCursor>,
    limit: usize,
) -> Vec<User> {
    let found = users.into_iter().filter_map(|user| term(&user).map(|term| ((term, user.id), user)));
    let after = after.map(|after| (after.term.clone().unwrap_or_default(), after.id));
    let mut found: Vec<_> =
        found.filter(|(place, _)| after.as_ref().is_none_or(|after| place > after)).collect();
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    found.into_iter().map(|(_, user)| user).take(limit).collect()
}

/// Makes a fault that looks for the prefix in a way of its own, and is sound without one.
macro_rules! finding_by {
    ($(#[$doc:meta])* $name:ident: $term:expr) => {
        $(#[$doc])*
        #[derive(Default)]
        struct $name;

        #[async_trait]
        impl Fault for $name {
            async fn list_users(
                &self,
                memory: &Memory,
                query: &UserQuery,
                after: Option<&UserCursor>,
                limit: usize,
            ) -> Result<Vec<User>, StoreError> {
                let Some(prefix) = &query.prefix else { return Users::list(memory, query, after, limit).await };
                let term: fn(&User, &str) -> Option<String> = $term;
                Ok(page(meeting_filters(memory, query).await?, |user| term(user, prefix), after, limit))
            }
        }
    };
}

finding_by! {
    /// Lower case is that of English: `lower` of a database without ICU.
    EnglishLetterCase: |user, prefix| {
        let profile = &user.profile;
        let username = profile.username.as_ref().map(Username::as_str);
        let texts = [Some(profile.email.as_str()), Some(profile.name.as_str()), username];
        let terms = texts.into_iter().flatten().map(str::to_ascii_lowercase);
        terms.filter(|term| term.starts_with(prefix)).min()
    }
}

finding_by! {
    /// The prefix is a pattern: `LIKE ? || '%'`.
    PrefixIsAPattern: |user, prefix| {
        let is_like = |term: &str| {
            let mut letters = term.chars();
            prefix.chars().all(|wanted| match wanted {
                // Anything may follow, so whatever the pattern goes on with: good enough to be wrong.
                '%' => true,
                '_' => letters.next().is_some(),
                wanted => letters.next() == Some(wanted),
            })
        };
        user.search_terms().into_iter().filter(|term| is_like(term)).min()
    }
}

finding_by! {
    /// Terms from the prefix up to it with its last character raised by one: there is none after U+D7FF and U+10FFFF.
    RaisedLastCharacter: |user, prefix| {
        let last = prefix.chars().next_back();
        let end = match last {
            Some(last) => {
                let next = char::from_u32(u32::from(last) + 1)?;
                Some(format!("{}{next}", &prefix[..prefix.len() - last.len_utf8()]))
            }
            None => None,
        };
        let is_meant = |term: &String| term.as_str() >= prefix && end.as_ref().is_none_or(|end| term < end);
        user.search_terms().into_iter().filter(is_meant).min()
    }
}

finding_by! {
    /// The first term that fits, not the least.
    FirstTerm: |user, prefix| user.search_terms().into_iter().find(|term| term.starts_with(prefix))
}

/// In the order of a dictionary, which passes over what is no letter.
#[derive(Default)]
struct DictionaryOrder;

#[async_trait]
impl Fault for DictionaryOrder {
    async fn list_users(
        &self,
        memory: &Memory,
        query: &UserQuery,
        after: Option<&UserCursor>,
        limit: usize,
    ) -> Result<Vec<User>, StoreError> {
        let mut users = Users::list(memory, query, after, limit).await?;
        let letters = |user: &User| -> Option<String> {
            query.term_of(user).map(|term| term.chars().filter(|c| c.is_alphanumeric()).collect())
        };
        users.sort_by_key(|user| letters(user));
        Ok(users)
    }
}

/// Who matches by two columns comes twice: `UNION ALL`.
#[derive(Default)]
struct OnceATerm;

#[async_trait]
impl Fault for OnceATerm {
    async fn list_users(
        &self,
        memory: &Memory,
        query: &UserQuery,
        after: Option<&UserCursor>,
        limit: usize,
    ) -> Result<Vec<User>, StoreError> {
        let Some(prefix) = &query.prefix else { return Users::list(memory, query, after, limit).await };
        let mut found = Vec::new();
        for user in meeting_filters(memory, query).await? {
            let terms = user.search_terms().into_iter().filter(|term| term.starts_with(prefix.as_str()));
            found.extend(terms.map(|term| ((term, user.id), user.clone())));
        }
        let after = after.map(|after| (after.term.clone().unwrap_or_default(), after.id));
        found.retain(|(place, _)| after.as_ref().is_none_or(|after| place > after));
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(found.into_iter().map(|(_, user)| user).take(limit).collect())
    }
}

/// A page goes on after the term, and so after everybody who has it.
#[derive(Default)]
struct EqualTermsSkipped;

#[async_trait]
impl Fault for EqualTermsSkipped {
    async fn list_users(
        &self,
        memory: &Memory,
        query: &UserQuery,
        after: Option<&UserCursor>,
        limit: usize,
    ) -> Result<Vec<User>, StoreError> {
        let last = UserId::new(uuid::Uuid::max());
        let after = after.map(|after| match &after.term {
            Some(_) => UserCursor { id: last, ..after.clone() },
            None => after.clone(),
        });
        Users::list(memory, query, after.as_ref(), limit).await
    }
}

/// A page goes on at the user, not after them.
#[derive(Default)]
struct CursorRepeated;

#[async_trait]
impl Fault for CursorRepeated {
    async fn list_users(
        &self,
        memory: &Memory,
        query: &UserQuery,
        after: Option<&UserCursor>,
        limit: usize,
    ) -> Result<Vec<User>, StoreError> {
        let mut users = Users::list(memory, query, after, limit).await?;
        if let Some(after) = after
            && let Some(user) = Users::find(memory, after.id).await?
        {
            users.insert(0, user);
            users.truncate(limit);
        }
        Ok(users)
    }
}

/// The cursor's user is looked up to know where they stood; when they are gone, nobody knows.
#[derive(Default)]
struct CursorLookedUp;

#[async_trait]
impl Fault for CursorLookedUp {
    async fn list_users(
        &self,
        memory: &Memory,
        query: &UserQuery,
        after: Option<&UserCursor>,
        limit: usize,
    ) -> Result<Vec<User>, StoreError> {
        if let Some(after) = after
            && Users::find(memory, after.id).await?.is_none()
        {
            return Ok(Vec::new());
        }
        Users::list(memory, query, after, limit).await
    }
}

/// A filter is applied to the page that was read without it, which it leaves short.
#[derive(Default)]
struct FilteredPages;

#[async_trait]
impl Fault for FilteredPages {
    async fn list_users(
        &self,
        memory: &Memory,
        query: &UserQuery,
        after: Option<&UserCursor>,
        limit: usize,
    ) -> Result<Vec<User>, StoreError> {
        let mut users = Users::list(memory, &UserQuery { role: None, ..query.clone() }, after, limit).await?;
        users.retain(|user| query.role.is_none_or(|role| role == user.role));
        Ok(users)
    }
}

/// The order in which accounts were put, the last one first.
#[derive(Default)]
struct PutOrder(Mutex<HashMap<UserId, usize>>);

#[async_trait]
impl Fault for PutOrder {
    async fn commit(&self, memory: &Arc<Memory>, commit: Commit) -> Result<Committed, CommitError> {
        {
            let mut places = self.0.lock().expect("nothing panics while it is held");
            for row in &commit.rows {
                if let RowChange::PutUser(user) = row {
                    let place = places.len();
                    places.entry(user.id).or_insert(place);
                }
            }
        }
        memory.commit(commit).await
    }

    async fn list_users(
        &self,
        memory: &Memory,
        query: &UserQuery,
        after: Option<&UserCursor>,
        limit: usize,
    ) -> Result<Vec<User>, StoreError> {
        let mut users = Users::list(memory, query, after, limit).await?;
        let places = self.0.lock().expect("nothing panics while it is held");
        users.sort_by_key(|user| Reverse(places.get(&user.id).copied()));
        Ok(users)
    }
}

/// What users are found by is written apart, when they are put for the first time, and stays when they go.
#[derive(Default)]
struct StaleIndex(Mutex<HashMap<UserId, User>>);

#[async_trait]
impl Fault for StaleIndex {
    async fn commit(&self, memory: &Arc<Memory>, commit: Commit) -> Result<Committed, CommitError> {
        {
            let mut known = self.0.lock().expect("nothing panics while it is held");
            for row in &commit.rows {
                if let RowChange::PutUser(user) = row {
                    known.entry(user.id).or_insert_with(|| user.as_ref().clone());
                }
            }
        }
        memory.commit(commit).await
    }

    async fn list_users(
        &self,
        memory: &Memory,
        query: &UserQuery,
        after: Option<&UserCursor>,
        limit: usize,
    ) -> Result<Vec<User>, StoreError> {
        if query.prefix.is_none() {
            return Users::list(memory, query, after, limit).await;
        }
        let known = self.0.lock().expect("nothing panics while it is held").values().cloned().collect();
        Ok(page(known, |user| query.term_of(user), after, limit))
    }
}

crate::caught! {
    a_letter_case_of_english_alone_is_caught: Store<EnglishLetterCase>, Store<Sound> => [
        users::a_prefix_finds_in_any_letter_case_and_script,
    ]
    a_prefix_that_is_a_pattern_is_caught: Store<PrefixIsAPattern>, Store<Sound> => [
        users::wildcards_in_a_prefix_are_plain_characters,
    ]
    a_prefix_whose_last_character_is_raised_is_caught: Store<RaisedLastCharacter>, Store<Sound> => [
        users::a_prefix_of_any_text_is_answered,
    ]
    a_term_that_is_not_the_least_is_caught: Store<FirstTerm>, Store<Sound> => [
        users::who_matches_by_several_terms_is_listed_once,
        users::filters_give_who_meets_all_of_them_in_pages,
    ]
    the_order_of_a_dictionary_is_caught: Store<DictionaryOrder>, Store<Sound> => [
        users::terms_are_in_the_order_of_their_code_points,
    ]
    a_user_listed_once_a_term_is_caught: Store<OnceATerm>, Store<Sound> => [
        users::who_matches_by_several_terms_is_listed_once,
    ]
    a_page_that_skips_equal_terms_is_caught: Store<EqualTermsSkipped>, Store<Sound> => [
        users::users_of_one_term_are_listed_by_id,
        users::filters_give_who_meets_all_of_them_in_pages,
        users::a_page_goes_on_after_a_user_who_is_gone,
    ]
    a_page_that_repeats_the_cursor_is_caught: Store<CursorRepeated>, Store<Sound> => [
        users::users_of_one_term_are_listed_by_id,
        users::filters_give_who_meets_all_of_them_in_pages,
    ]
    a_cursor_that_needs_its_user_is_caught: Store<CursorLookedUp>, Store<Sound> => [
        users::a_page_goes_on_after_a_user_who_is_gone,
    ]
    pages_that_are_filtered_once_read_are_caught: Store<FilteredPages>, Store<Sound> => [
        users::filters_give_who_meets_all_of_them_in_pages,
    ]
    the_order_of_puts_is_caught: Store<PutOrder>, Store<Sound> => [
        users::users_are_listed_newest_first,
    ]
    a_search_index_left_behind_is_caught: Store<StaleIndex>, Store<Sound> => [
        users::a_deleted_user_is_found_by_nothing,
        users::the_names_of_a_deleted_user_find_their_next_owner,
        users::a_list_follows_what_changes,
    ]
}
