//! Lists of users, each page from the indexes, of however many users there are.
//!
//! Where the server expected many who meet the filters and there is nobody, it would go through everybody. So lists compare and sort by what is filtered
//! by too, though that is the same in all: only an index that begins with it gives that order. Searches go through the indexes of each kind of
//! user, which is their role and activity in one.

use diesel::{
    pg::Pg,
    prelude::*,
    query_builder::{BoxedSqlQuery, SqlQuery},
    sql_query,
    sql_types::{BigInt, Bool, Text, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl;
use portcullis_domain::{
    caller::Role,
    port::{StoreError, UserCursor, UserQuery},
    user::User,
};
use portcullis_sql::{column::stored_number, row::UserRow};
use uuid::Uuid;

use crate::{Postgres, column::storable, error::engine};

/// Candidates of one round trip at most.
const MOST: usize = 50_000;
/// What a search goes through.
const TERMS: [&str; 3] = ["email_folded", "name_folded", "username"];
/// Role and activity, as the indexes have them.
const KIND: &str = "(users.role || CASE WHEN users.is_active THEN '+' ELSE '-' END)";

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
    if query.company.is_some() {
        let statement = of_company(query, &prefix, place, limit);
        let rows: Vec<UserRow> = statement.load(&mut postgres.connection().await?).await.map_err(engine)?;
        return rows.into_iter().map(User::try_from).collect();
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
    let (source, key, id) = if let Some(company) = query.company {
        let key = vec![("members.company_id", builder.bind(Value::Id(company.into())))];
        (builder.members(query), key, "members.user_id")
    } else {
        let key = match (query.role, query.is_active) {
            (Some(role), Some(is_active)) => vec![(KIND, builder.kind(role, is_active))],
            _ => builder.filters(query),
        };
        ("users".to_owned(), key, "users.id")
    };
    let first = builder.bind(Value::Id(Uuid::nil()));
    let (below, last) = match after {
        Some(after) => ("<", Uuid::from(after.id)),
        None => ("<=", Uuid::max()),
    };
    let last = builder.bind(Value::Id(last));
    let limit = builder.bind(Value::Count(stored_number(limit)));
    let (mut columns, mut values, mut order) = (String::new(), String::new(), String::new());
    for (column, value) in key {
        columns = format!("{columns}{column}, ");
        values = format!("{values}{value}, ");
        order = format!("{order}{column} DESC, ");
    }
    builder.build(&format!(
        "SELECT users.* FROM {source} WHERE ({columns}{id}) >= ({values}{first}) AND ({columns}{id}) {below} ({values}{last})
         ORDER BY {order}{id} DESC LIMIT {limit}"
    ))
}

/// Whoever meets the filters, by their least term that begins with the prefix, in the order of terms and ids, after a place in it. Of
/// each index one range is read for each kind of user, until there are as many as the limit, those that are passed over among them; the last of
/// these is there in any case, to go on after.
pub(crate) fn candidates(
    query: &UserQuery,
    prefix: &str,
    after: Option<(String, Uuid)>,
    limit: usize,
) -> Statement {
    let mut builder = Builder::default();
    let kinds = builder.kinds(query);
    let first = builder.bind(Value::Text(prefix.to_owned()));
    let after = after.filter(|(term, _)| **term >= *prefix);
    let after = after.map(|(term, id)| (builder.bind(Value::Text(term)), builder.bind(Value::Id(id))));
    let beyond = beyond(prefix).map(|beyond| builder.bind(Value::Text(beyond)));
    let limit = builder.bind(Value::Count(stored_number(limit)));
    let end =
        |column: &str| beyond.as_ref().map_or_else(String::new, |beyond| format!(" AND {column} < {beyond}"));
    let mut ranges = Vec::new();
    for kind in kinds {
        let kind = kind.map(|kind| format!("{KIND} = {kind} AND ")).unwrap_or_default();
        for column in TERMS.map(|column| format!("users.{column}")) {
            // One of the two alone: the index begins to read at the one it is told first.
            let begin = match &after {
                Some((term, id)) => format!("({column}, users.id) > ({term}, {id})"),
                None => format!("{column} >= {first}"),
            };
            let end = end(&column);
            ranges.push(format!(
                "(SELECT users.*, {column} AS term FROM users WHERE {kind}{column} IS NOT NULL AND {begin}{end} ORDER BY {column}, users.id LIMIT {limit})"
            ));
        }
    }
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

/// Those of a company's members who meet the filters, by their least term that begins with the prefix, after a place. All of its members are looked at, and
/// nobody else.
pub(crate) fn of_company(
    query: &UserQuery,
    prefix: &str,
    after: Option<(String, Uuid)>,
    limit: usize,
) -> Statement {
    let mut builder = Builder::default();
    let members = builder.members(query);
    let company = builder.bind(Value::Id(query.company.map_or_else(Uuid::nil, Uuid::from)));
    let first = builder.bind(Value::Text(prefix.to_owned()));
    let beyond = beyond(prefix).map(|beyond| builder.bind(Value::Text(beyond)));
    let terms = TERMS.map(|column| {
        let end = beyond.as_ref().map(|beyond| format!(" AND users.{column} < {beyond}")).unwrap_or_default();
        format!("CASE WHEN users.{column} >= {first}{end} THEN users.{column} END")
    });
    let terms = terms.join(", ");
    let after = after.map(|(term, id)| (builder.bind(Value::Text(term)), builder.bind(Value::Id(id))));
    let after = after.map_or_else(|| "true".to_owned(), |(term, id)| format!("(term, id) > ({term}, {id})"));
    let limit = builder.bind(Value::Count(stored_number(limit)));
    builder.build(&format!(
        "SELECT * FROM (SELECT users.*, LEAST({terms}) AS term FROM {members} WHERE members.company_id = {company}) AS found
         WHERE term IS NOT NULL AND {after} ORDER BY term, id LIMIT {limit}"
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

/// What is bound to a statement.
enum Value {
    Text(String),
    Id(Uuid),
    Bool(bool),
    Count(i64),
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

    /// Members, each with their user where that meets the filters. It is looked up member by member: the server might else go through all users.
    fn members(&mut self, query: &UserQuery) -> String {
        let mut user = "users.id = members.user_id".to_owned();
        for (column, value) in self.filters(query) {
            user = format!("{user} AND {column} = {value}");
        }
        format!("members CROSS JOIN LATERAL (SELECT * FROM users WHERE {user} OFFSET 0) AS users")
    }

    fn filters(&mut self, query: &UserQuery) -> Vec<(&'static str, String)> {
        let role = query.role.map(|role| ("users.role", self.bind(Value::Text(role.as_str().to_owned()))));
        let is_active =
            query.is_active.map(|is_active| ("users.is_active", self.bind(Value::Bool(is_active))));
        role.into_iter().chain(is_active).collect()
    }

    fn kind(&mut self, role: Role, is_active: bool) -> String {
        self.bind(Value::Text(format!("{}{}", role.as_str(), if is_active { '+' } else { '-' })))
    }

    /// The kinds that meet the filters; without filters it is of no matter.
    fn kinds(&mut self, query: &UserQuery) -> Vec<Option<String>> {
        if (query.role, query.is_active) == (None, None) {
            return vec![None];
        }
        let roles = query.role.map_or_else(|| Role::ALL.to_vec(), |role| vec![role]);
        let activities = query.is_active.map_or_else(|| vec![false, true], |is_active| vec![is_active]);
        let kinds = roles.iter().flat_map(|role| activities.iter().map(move |is_active| (*role, *is_active)));
        kinds.map(|(role, is_active)| Some(self.kind(role, is_active))).collect()
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
