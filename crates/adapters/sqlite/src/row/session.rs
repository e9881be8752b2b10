use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{
    dsl::{delete as delete_from, insert_into, update},
    prelude::*,
    sqlite::SqliteConnection,
};
use portcullis_domain::{
    id::{SessionId, UserId},
    port::{RotateOutcome, Rotation, Sessions, StoreError},
    session::Session,
};
use portcullis_sql::{
    column::{Moment, counted, stored_id, stored_number, stored_time},
    row::SessionRow,
    schema::sessions,
};

use crate::{Sqlite, error::engine, statement::Cached};

/// The engine deletes by a limit only in a query within.
const EXPIRED: &str =
    "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at < ? LIMIT ?)";

diesel::define_sql_function! {
    /// The lesser of two, which the engine has under the name of an aggregate.
    #[sql_name = "min"]
    fn lesser(one: Moment, other: Moment) -> Moment;
}

pub(super) fn put(connection: &mut SqliteConnection, session: &Session) -> QueryResult<()> {
    let row = SessionRow::from(session);
    let statement = insert_into(sessions::table).values(&row).on_conflict(sessions::id).do_update().set(&row);
    Cached(statement).run(connection)
}

pub(super) fn delete(connection: &mut SqliteConnection, id: SessionId) -> QueryResult<()> {
    Cached(delete_from(sessions::table.find(stored_id(id)))).run(connection)
}

pub(super) fn delete_of(connection: &mut SqliteConnection, user: UserId) -> QueryResult<()> {
    let statement = delete_from(sessions::table.filter(sessions::user_id.eq(stored_id(user))));
    Cached(statement).run(connection)
}

#[async_trait]
impl Sessions for Sqlite {
    async fn find(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        let id = stored_id(id);
        self.read(move |connection| {
            let row = sessions::table.find(id).select(SessionRow::as_select()).first(connection);
            row.optional().map_err(engine)?.map(Session::try_from).transpose()
        })
        .await
    }

    async fn list_by_user(&self, user: UserId) -> Result<Vec<Session>, StoreError> {
        let of_user = sessions::user_id.eq(stored_id(user));
        self.read(move |connection| {
            let rows = sessions::table
                .filter(of_user)
                .order((sessions::created_at.desc(), sessions::id.desc()))
                .select(SessionRow::as_select())
                .load(connection);
            rows.map_err(engine)?.into_iter().map(Session::try_from).collect()
        })
        .await
    }

    async fn rotate(&self, rotation: Rotation) -> Result<RotateOutcome, StoreError> {
        self.write(move |connection| rotate(connection, &rotation)).await
    }

    async fn touch(&self, id: SessionId, at: DateTime<Utc>) -> Result<(), StoreError> {
        let at = stored_time(at);
        self.write(move |connection| {
            let step = update(sessions::table.find(stored_id(id)))
                .filter(sessions::last_seen_at.lt(at))
                .set(sessions::last_seen_at.eq(at));
            Cached(step).run(connection).map_err(engine)
        })
        .await
    }

    async fn count_live(&self, at: DateTime<Utc>) -> Result<u64, StoreError> {
        let live = sessions::expires_at.gt(stored_time(at));
        self.read(move |connection| {
            let count = sessions::table.filter(live).count().get_result(connection);
            Ok(counted(count.map_err(engine)?))
        })
        .await
    }

    async fn prune(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        self.prune_by(EXPIRED, before).await
    }
}

/// One compare-and-set: the update finds the session only where it lives and stands at the generation.
fn rotate(connection: &mut SqliteConnection, rotation: &Rotation) -> Result<RotateOutcome, StoreError> {
    let at = stored_time(rotation.at);
    let session = sessions::table.find(stored_id(rotation.session));
    let from = rotation.from_generation;
    let step = update(session.clone())
        .filter(sessions::generation.eq(stored_number(from)))
        .filter(sessions::expires_at.gt(at))
        .set((
            sessions::generation.eq(stored_number(from.saturating_add(1))),
            sessions::rotated_at.eq(at),
            sessions::last_seen_at.eq(at),
            sessions::expires_at.eq(lesser(stored_time(rotation.expires_at), sessions::ends_at)),
            sessions::ip_address.eq(rotation.origin.ip_address.map(|address| address.to_string())),
            sessions::user_agent.eq(rotation.origin.user_agent.clone()),
        ))
        .returning(SessionRow::as_returning());
    if let Some(row) = Cached(step).get_result(connection).optional().map_err(engine)? {
        return row.try_into().map(RotateOutcome::Rotated);
    }
    let live = session.filter(sessions::expires_at.gt(at)).select(SessionRow::as_select());
    match live.first::<SessionRow>(connection).optional().map_err(engine)? {
        Some(row) => row.try_into().map(RotateOutcome::Stale),
        None => Ok(RotateOutcome::Gone),
    }
}
