//! Lists of users, and searches in them, that read about as many rows as they give however many there are.

use std::collections::HashMap;

use diesel::{
    prelude::*,
    sql_query,
    sql_types::{BigInt, Binary, Text},
    sqlite::SqliteConnection,
};
use portcullis_domain::{
    caller::Role,
    id::UserId,
    port::{StoreError, UserCursor, UserQuery},
    user::User,
};
use portcullis_sql::{
    column::{Id, StoredId, stored_id, stored_number},
    row::UserRow,
    schema::{members, users},
};

use crate::{error::engine, statement::Cached};

/// How many places of a search are looked at together at most.
const PLACES: usize = 4_096;
/// No byte of a text is as great (RFC 3629), so whatever begins with a prefix lies between it and the prefix with this behind it.
const BEYOND: u8 = 0xff;

/// What a search goes through, with the index of its own and the one behind role and activity.
const TERMS: [(&str, &str, &str); 3] = [
    ("email_folded", "users_by_email", "users_by_kind_and_email"),
    ("name_folded", "users_by_name", "users_by_kind_and_name"),
    ("username", "users_by_username", "users_by_kind_and_username"),
];

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
    #[diesel(sql_type = Id)]
    id: StoredId,
}

pub(crate) fn list(
    connection: &mut SqliteConnection,
    query: &UserQuery,
    after: Option<&UserCursor>,
    limit: usize,
) -> Result<Vec<User>, StoreError> {
    let Some(prefix) = &query.prefix else {
        return newest(connection, query, after.map(|cursor| cursor.id), limit);
    };
    if query.company.is_some() {
        return search_company(connection, query, after, limit);
    }
    // All of it sees one state.
    let found = connection.transaction(|connection| Ok(search(connection, query, prefix, after, limit)));
    found.map_err(engine)?
}

/// Those who meet the filters, the newest first: in the order of the table, of an index on role and activity, or of a company's members.
fn newest(
    connection: &mut SqliteConnection,
    query: &UserQuery,
    before: Option<UserId>,
    limit: usize,
) -> Result<Vec<User>, StoreError> {
    let before = before.map(stored_id);
    let limit = stored_number(limit);
    let rows = if let Some(company) = query.company {
        let of_company = members::company_id.eq(stored_id(company));
        let mut page = users::table
            .inner_join(members::table.on(members::user_id.eq(users::id)))
            .filter(of_company)
            .order(members::user_id.desc())
            .limit(limit)
            .into_boxed();
        if let Some(before) = before {
            page = page.filter(members::user_id.lt(before));
        }
        filtered!(page, query).select(UserRow::as_select()).load(connection)
    } else {
        let mut page = users::table.order(users::id.desc()).limit(limit).into_boxed();
        if let Some(before) = before {
            page = page.filter(users::id.lt(before));
        }
        filtered!(page, query).select(UserRow::as_select()).load(connection)
    };
    rows.map_err(engine)?.into_iter().map(User::try_from).collect()
}

/// All members of a company are looked at who meet the filters, and nobody else: nobody need be looked for among everybody else.
fn search_company(
    connection: &mut SqliteConnection,
    query: &UserQuery,
    after: Option<&UserCursor>,
    limit: usize,
) -> Result<Vec<User>, StoreError> {
    let users = newest(connection, query, None, usize::MAX)?;
    let place = |user: &User| query.term_of(user).map(|term| (term, user.id));
    let after = after.map(|cursor| (cursor.term.clone().unwrap_or_default(), cursor.id));
    let mut found: Vec<_> = users
        .into_iter()
        .filter_map(|user| place(&user).map(|place| (place, user)))
        .filter(|(place, _)| after.as_ref().is_none_or(|after| place > after))
        .collect();
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(found.into_iter().take(limit).map(|(_, user)| user).collect())
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
    let start = Place { term: prefix.to_owned(), id: StoredId::default() };
    let cursor =
        after.map(|cursor| Place { term: cursor.term.clone().unwrap_or_default(), id: stored_id(cursor.id) });
    let mut from = cursor.filter(|cursor| cursor.term >= start.term).unwrap_or(start);
    let mut portion = limit.clamp(1, PLACES);
    while found.len() < limit {
        let places = places(connection, query, prefix, (&from, portion)).map_err(engine)?;
        let users = those_at(connection, &places)?;
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

/// One range of each of three indexes, for each role and activity that is asked for. They are merged: nothing is sorted, and nothing beyond the limit is
/// read.
fn ranges(query: &UserQuery) -> String {
    let range = |column: &str, index: &str, kind: &str| {
        format!(
            "SELECT {column} AS term, id FROM users INDEXED BY {index} \
             WHERE {kind}({column}, id) > (?1, ?2) AND {column} < CAST(?3 AS TEXT)"
        )
    };
    let mut ranges = Vec::new();
    if (query.role, query.is_active) == (None, None) {
        ranges.extend(TERMS.map(|(column, index, _)| range(column, index, "")));
    } else {
        let roles = query.role.map_or_else(|| Role::ALL.to_vec(), |role| vec![role]);
        let activities = query.is_active.map_or_else(|| vec![0, 1], |is_active| vec![u8::from(is_active)]);
        for role in roles {
            for is_active in &activities {
                let kind = format!("role = '{}' AND is_active = {is_active} AND ", role.as_str());
                ranges.extend(TERMS.map(|(column, _, index)| range(column, index, &kind)));
            }
        }
    }
    format!("{} ORDER BY term, id LIMIT ?4", ranges.join(" UNION "))
}

fn places(
    connection: &mut SqliteConnection,
    query: &UserQuery,
    prefix: &str,
    (from, limit): (&Place, usize),
) -> QueryResult<Vec<Place>> {
    let places = sql_query(ranges(query))
        .bind::<Text, _>(&from.term)
        .bind::<Id, _>(&from.id)
        .bind::<Binary, _>([prefix.as_bytes(), &[BEYOND]].concat())
        .bind::<BigInt, _>(stored_number(limit));
    Cached(places).load(connection)
}

fn those_at(
    connection: &mut SqliteConnection,
    places: &[Place],
) -> Result<HashMap<StoredId, User>, StoreError> {
    let ids: Vec<_> = places.iter().map(|place| place.id.clone()).collect();
    let rows = users::table.filter(users::id.eq_any(ids)).select(UserRow::as_select()).load(connection);
    rows.map_err(engine)?.into_iter().map(|row| Ok((row.id.clone(), User::try_from(row)?))).collect()
}
