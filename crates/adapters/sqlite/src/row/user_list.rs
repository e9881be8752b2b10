//! Lists of users, and searches in them, that read about as many rows as they give however many there are.

use std::collections::HashMap;

use diesel::{
    dsl::sql,
    prelude::*,
    sql_query,
    sql_types::{BigInt, Binary, Bool, Text},
    sqlite::SqliteConnection,
};
use portcullis_domain::{
    id::UserId,
    port::{StoreError, UserCursor, UserQuery},
    user::User,
};

use super::user::UserRow;
use crate::{
    column::{stored_id, stored_number},
    error::engine,
    schema::{members, users},
    statement::Cached,
};

/// As many as can be read, sorted and forgotten in a few milliseconds.
const FEW: usize = 1_000;
/// How many places of a search are looked at together at most.
const PLACES: usize = 4_096;
/// No byte of a text is as great (RFC 3629), so whatever begins with a prefix lies between it and the prefix with this behind it.
const BEYOND: u8 = 0xff;

/// Reads one range of each of three indexes, and merges them: nothing is sorted, and nothing beyond the limit is read.
const SEARCH: &str = "\
    SELECT email_folded AS term, id FROM users \
     WHERE (email_folded, id) > (?1, ?2) AND email_folded < CAST(?3 AS TEXT) \
    UNION SELECT name_folded AS term, id FROM users \
     WHERE (name_folded, id) > (?1, ?2) AND name_folded < CAST(?3 AS TEXT) \
    UNION SELECT username AS term, id FROM users \
     WHERE (username, id) > (?1, ?2) AND username < CAST(?3 AS TEXT) \
    ORDER BY term, id LIMIT ?4";

/// A query with the filters on the account itself; a macro, for the types of what it takes differ.
macro_rules! filtered {
    ($page:expr, $query:expr) => {{
        let mut page = $page;
        if let Some(role) = $query.role {
            page = page.filter(users::role.eq(role.as_str()));
        }
        if let Some(is_active) = $query.is_active {
            page = page.filter(users::is_active.eq(is_active));
        }
        page
    }};
}

/// Where a search meets a user: at one of their terms.
#[derive(QueryableByName)]
struct Place {
    #[diesel(sql_type = Text)]
    term: String,
    #[diesel(sql_type = Binary)]
    id: Vec<u8>,
}

pub(crate) fn list(
    connection: &mut SqliteConnection,
    query: &UserQuery,
    after: Option<&UserCursor>,
    limit: usize,
) -> Result<Vec<User>, StoreError> {
    let Some(prefix) = &query.prefix else {
        return newest(connection, query, after.map(|cursor| cursor.id), 0, limit);
    };
    // All of it sees one state.
    let found = connection.transaction(|connection| {
        Ok(match few(connection, query) {
            Ok(Some(users)) => Ok(search_few(users, query, after, limit)),
            Ok(None) => search(connection, query, prefix, after, limit),
            Err(error) => Err(error),
        })
    });
    found.map_err(engine)?
}

/// Those who meet the filters, the newest first: in the order of the table, of an index on role and activity, or of a company's members.
fn newest(
    connection: &mut SqliteConnection,
    query: &UserQuery,
    before: Option<UserId>,
    passed_over: usize,
    limit: usize,
) -> Result<Vec<User>, StoreError> {
    let before = before.map(stored_id);
    let (limit, offset) = (stored_number(limit), stored_number(passed_over));
    let rows = if let Some(company) = query.company {
        let of_company = members::company_id.eq(stored_id(company));
        let mut page = users::table
            .inner_join(members::table.on(members::user_id.eq(users::id)))
            .filter(of_company)
            .order(members::user_id.desc())
            .limit(limit)
            .offset(offset)
            .into_boxed();
        if let Some(before) = before {
            page = page.filter(members::user_id.lt(before));
        }
        filtered!(page, query).select(UserRow::as_select()).load(connection)
    } else {
        let mut page = users::table.order(users::id.desc()).limit(limit).offset(offset).into_boxed();
        if let Some(before) = before {
            page = page.filter(users::id.lt(before));
        }
        filtered!(page, query).select(UserRow::as_select()).load(connection)
    };
    rows.map_err(engine)?.into_iter().map(User::try_from).collect()
}

/// Those who meet the filters, if there are filters and few meet them: then nobody need be looked for among everybody else.
fn few(connection: &mut SqliteConnection, query: &UserQuery) -> Result<Option<Vec<User>>, StoreError> {
    if (query.role, query.is_active, query.company) == (None, None, None) {
        return Ok(None);
    }
    if newest(connection, query, None, FEW, 1)?.is_empty() {
        return newest(connection, query, None, 0, FEW).map(Some);
    }
    Ok(None)
}

fn search_few(users: Vec<User>, query: &UserQuery, after: Option<&UserCursor>, limit: usize) -> Vec<User> {
    let place = |user: &User| query.term_of(user).map(|term| (term, user.id));
    let after = after.map(|cursor| (cursor.term.clone().unwrap_or_default(), cursor.id));
    let mut found: Vec<_> = users
        .into_iter()
        .filter_map(|user| place(&user).map(|place| (place, user)))
        .filter(|(place, _)| after.as_ref().is_none_or(|after| place > after))
        .collect();
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    found.into_iter().take(limit).map(|(_, user)| user).collect()
}

/// Goes along the places where terms begin with the prefix, and gives each user at the first of theirs.
fn search(
    connection: &mut SqliteConnection,
    query: &UserQuery,
    prefix: &str,
    after: Option<&UserCursor>,
    limit: usize,
) -> Result<Vec<User>, StoreError> {
    let mut found = Vec::new();
    // No bytes come before any bytes, so this is before the first place.
    let start = Place { term: prefix.to_owned(), id: Vec::new() };
    let cursor =
        after.map(|cursor| Place { term: cursor.term.clone().unwrap_or_default(), id: stored_id(cursor.id) });
    let mut from = cursor.filter(|cursor| cursor.term >= start.term).unwrap_or(start);
    let mut portion = limit.clamp(1, PLACES);
    while found.len() < limit {
        let places = places(connection, prefix, &from, portion).map_err(engine)?;
        let users = those_at(connection, query, &places)?;
        for Place { term, id } in &places {
            let user = users.get(id).filter(|user| query.term_of(user).as_ref() == Some(term));
            found.extend(user.cloned());
        }
        let is_last = places.len() < portion;
        match places.into_iter().next_back() {
            Some(last) if !is_last => from = last,
            _ => break,
        }
        // Where few are found, wider steps find them sooner.
        portion = (portion * 2).min(PLACES);
    }
    found.truncate(limit);
    Ok(found)
}

fn places(
    connection: &mut SqliteConnection,
    prefix: &str,
    from: &Place,
    limit: usize,
) -> QueryResult<Vec<Place>> {
    let places = sql_query(SEARCH)
        .bind::<Text, _>(&from.term)
        .bind::<Binary, _>(&from.id)
        .bind::<Binary, _>([prefix.as_bytes(), &[BEYOND]].concat())
        .bind::<BigInt, _>(stored_number(limit));
    Cached(places).load(connection)
}

/// Those at the places who meet the filters. A plus keeps the engine from an index: it would begin with all of one role.
fn those_at(
    connection: &mut SqliteConnection,
    query: &UserQuery,
    places: &[Place],
) -> Result<HashMap<Vec<u8>, User>, StoreError> {
    let mut ids: Vec<_> = places.iter().map(|place| place.id.clone()).collect();
    if let Some(company) = query.company {
        let of_company = members::table
            .filter(members::user_id.eq_any(ids))
            .filter(members::company_id.eq(stored_id(company)));
        ids = of_company.select(members::user_id).load(connection).map_err(engine)?;
    }
    let mut at_places = users::table.filter(users::id.eq_any(ids)).into_boxed();
    if let Some(role) = query.role {
        at_places = at_places.filter(sql::<Text>("+role").eq(role.as_str()));
    }
    if let Some(is_active) = query.is_active {
        at_places = at_places.filter(sql::<Bool>("+is_active").eq(is_active));
    }
    let rows = at_places.select(UserRow::as_select()).load(connection);
    rows.map_err(engine)?.into_iter().map(|row| Ok((row.id.clone(), User::try_from(row)?))).collect()
}
