//! How the engine goes about a statement.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use diesel::{
    connection::{Connection, InstrumentationEvent},
    prelude::*,
    sql_types::Text,
    sqlite::SqliteConnection,
};

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

/// The statements that something runs, in whatever words diesel puts them.
pub(super) fn statements(
    connection: &mut SqliteConnection,
    run: impl FnOnce(&mut SqliteConnection),
) -> BTreeSet<String> {
    let texts: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let heard = Arc::clone(&texts);
    connection.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            let text = query.to_string();
            let text = text.split(" -- binds").next().expect("a first part");
            if text.contains("SELECT") {
                heard.lock().expect("no panic").insert(text.to_owned());
            }
        }
    });
    run(connection);
    let texts = texts.lock().expect("no panic");
    texts.clone()
}

/// The steps of its plan, as they would be for tables of any size: nothing has counted them.
pub(super) fn steps(connection: &mut SqliteConnection, statement: &str) -> Vec<String> {
    let steps = diesel::sql_query(format!("EXPLAIN QUERY PLAN {statement}"));
    steps.load::<Step>(connection).expect("explained").into_iter().map(|step| step.detail).collect()
}
