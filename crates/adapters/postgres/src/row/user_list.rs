//! Lists of users, each page from the indexes, of however many users there are.
//!
//! Statements are planned anew each time: which index is best depends on how many have a role or belong to a company.

use diesel::{
    pg::Pg,
    prelude::*,
    query_builder::{BoxedSqlQuery, SqlQuery},
    sql_query,
    sql_types::{BigInt, Bool, Text, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl;
use portcullis_domain::{
    port::{StoreError, UserCursor, UserQuery},
    user::User,
};
use uuid::Uuid;

use super::user::UserRow;
use crate::{
    Postgres,
    column::{storable, stored_number},
    error::engine,
};

/// Candidates of one round trip at most.
const MOST: usize = 50_000;
/// What a search goes through.
const TERMS: [&str; 3] = ["email_folded", "name_folded", "username"];

pub(crate) type Statement = BoxedSqlQuery<'static, Pg, SqlQuery>;

/// Somebody, found by one of their terms.
#[derive(QueryableByName)]
struct Candidate {
    #[diesel(embed)]
    user: UserRow,
    #[diesel(sql_type = Text)]
    term: String,
    #[diesel(sql_type = BigInt)]
    number: i64,
}

pub(super) async fn list(
    postgres: &Postgres,
    query: &UserQuery,
    after: Option<&UserCursor>,
    limit: usize,
) -> Result<Vec<User>, StoreError> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    if let Some(prefix) = &query.prefix {
        return search(postgres, query, prefix, after, limit).await;
    }
    let statement = newest_first(query, after, limit);
    let rows: Vec<UserRow> = statement.load(&mut postgres.connection().await?).await.map_err(engine)?;
    rows.into_iter().map(User::try_from).collect()
}

/// Goes through the terms that begin with the prefix, in their order, and takes each user by the least of theirs. Which that is, the
/// row alone says: most of the others the server passes over, and the domain has the last word. Where many are passed over, the next
/// round looks at more.
async fn search(
    postgres: &Postgres,
    query: &UserQuery,
    prefix: &str,
    after: Option<&UserCursor>,
    limit: usize,
) -> Result<Vec<User>, StoreError> {
    let Some(prefix) = storable(prefix.to_owned()) else { return Ok(Vec::new()) };
    let mut place = after.and_then(|cursor| Some((cursor.term.clone()?, Uuid::from(cursor.id))));
    if place.as_ref().is_some_and(|(term, _)| storable(term.clone()).is_none()) {
        return Ok(Vec::new());
    }
    let mut found: Vec<User> = Vec::new();
    // Enough where each user is met by all of their terms.
    let mut count = limit.saturating_mul(TERMS.len()).min(MOST);
    let mut connection = postgres.connection().await?;
    loop {
        let statement = candidates(query, &prefix, place.clone(), count);
        let rows: Vec<Candidate> = statement.load(&mut connection).await.map_err(engine)?;
        let has_ended = rows.last().is_none_or(|last| last.number < stored_number(count));
        for Candidate { user, term, .. } in rows {
            let user = User::try_from(user)?;
            let is_least = query.term_of(&user).as_ref() == Some(&term);
            place = Some((term, user.id.into()));
            // Two equal terms of one user lie side by side.
            if is_least && found.last().is_none_or(|last| last.id != user.id) {
                found.push(user);
                if found.len() == limit {
                    return Ok(found);
                }
            }
        }
        if has_ended {
            return Ok(found);
        }
        count = count.saturating_mul(4).min(MOST);
    }
}

/// Whoever meets the filters, after the cursor, the newest first.
pub(crate) fn newest_first(query: &UserQuery, after: Option<&UserCursor>, limit: usize) -> Statement {
    let mut builder = Builder::default();
    let (from, id) = builder.source(query);
    let mut conditions = builder.filters(query);
    if let Some(after) = after {
        let after = builder.bind(Value::Id(after.id.into()));
        conditions.push(format!("{id} < {after}"));
    }
    let limit = builder.bind(Value::Count(stored_number(limit)));
    let conditions = joined(&conditions);
    builder.build(&format!("SELECT users.* FROM {from} WHERE {conditions} ORDER BY {id} DESC LIMIT {limit}"))
}

/// Whoever meets the filters, by their least term that begins with the prefix, in the order of terms and ids, after a place in it. Of
/// each index one range is read, until there are as many as the limit, those that are passed over among them; the last of these
/// is there in any case, to go on after.
pub(crate) fn candidates(
    query: &UserQuery,
    prefix: &str,
    after: Option<(String, Uuid)>,
    limit: usize,
) -> Statement {
    let mut builder = Builder::default();
    let (from, _) = builder.source(query);
    let filters = builder.filters(query);
    // One of the two alone: the index begins to read at the one it is told first.
    let first = builder.bind(Value::Text(prefix.to_owned()));
    let begin = match after {
        Some((term, after)) if *term >= *prefix => {
            let (term, after) = (builder.bind(Value::Text(term)), builder.bind(Value::Id(after)));
            Begin::After(term, after)
        }
        _ => Begin::At(first.clone()),
    };
    let beyond = beyond(prefix).map(|beyond| builder.bind(Value::Text(beyond)));
    let limit = builder.bind(Value::Count(stored_number(limit)));
    let ranges = TERMS.map(|column| {
        let mut conditions = filters.clone();
        conditions.push(match &begin {
            Begin::At(first) => format!("users.{column} >= {first}"),
            Begin::After(term, id) => format!("(users.{column}, users.id) > ({term}, {id})"),
        });
        conditions.extend(beyond.as_ref().map(|beyond| format!("users.{column} < {beyond}")));
        format!(
            "(SELECT users.*, users.{column} AS term FROM {from} WHERE {} ORDER BY users.{column}, users.id LIMIT {limit})",
            joined(&conditions)
        )
    });
    let ranges = ranges.join(" UNION ALL ");
    let is_least =
        TERMS.map(|column| format!("({column} >= {first} AND {column} < term) IS NOT TRUE")).join(" AND ");
    builder.build(&format!(
        "SELECT * FROM (
            SELECT *, row_number() OVER (ORDER BY term, id) AS number FROM ({ranges}) AS ranges ORDER BY term, id LIMIT {limit}
         ) AS candidates
         WHERE number = {limit} OR {is_least} ORDER BY term, id"
    ))
}

/// The least text that is greater than all that begin with the prefix, by their bytes; none where there is none.
fn beyond(prefix: &str) -> Option<String> {
    let mut rest = prefix.to_owned();
    while let Some(last) = rest.pop() {
        // Skips what is no character; bytes in UTF-8 are in the order of characters.
        if let Some(next) = (last..=char::MAX).nth(1) {
            rest.push(next);
            return Some(rest);
        }
    }
    None
}

fn joined(conditions: &[String]) -> String {
    if conditions.is_empty() { "true".to_owned() } else { conditions.join(" AND ") }
}

/// What is bound to a statement.
enum Value {
    Text(String),
    Id(Uuid),
    Bool(bool),
    Count(i64),
}

/// Where a range begins.
enum Begin {
    /// At a text.
    At(String),
    /// After a text and an id.
    After(String, String),
}

/// Numbers what is bound, as it is asked for.
#[derive(Default)]
struct Builder {
    values: Vec<Value>,
}

impl Builder {
    fn bind(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    /// What is selected from, and the column whose order and range its index gives.
    fn source(&mut self, query: &UserQuery) -> (String, &'static str) {
        match query.company {
            Some(company) => {
                let company = self.bind(Value::Id(company.into()));
                let members = format!(
                    "members JOIN users ON users.id = members.user_id AND members.company_id = {company}"
                );
                (members, "members.user_id")
            }
            None => ("users".to_owned(), "users.id"),
        }
    }

    fn filters(&mut self, query: &UserQuery) -> Vec<String> {
        let role = query.role.map(|role| {
            let role = self.bind(Value::Text(role.as_str().to_owned()));
            format!("users.role = {role}")
        });
        let is_active = query.is_active.map(|is_active| {
            let is_active = self.bind(Value::Bool(is_active));
            format!("users.is_active = {is_active}")
        });
        role.into_iter().chain(is_active).collect()
    }

    fn build(self, text: &str) -> Statement {
        self.values.into_iter().fold(sql_query(text).into_boxed(), |statement, value| match value {
            Value::Text(text) => statement.bind::<Text, _>(text),
            Value::Id(id) => statement.bind::<SqlUuid, _>(id),
            Value::Bool(bool) => statement.bind::<Bool, _>(bool),
            Value::Count(count) => statement.bind::<BigInt, _>(count),
        })
    }
}
