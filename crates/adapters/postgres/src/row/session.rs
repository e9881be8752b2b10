use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{
    dsl::{delete as delete_from, insert_into, update},
    prelude::*,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
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

use super::prune_expired;
use crate::{
    Postgres, detached,
    error::engine,
    statement::{Cached, Sent},
};

define_sql_function! {
    /// The earlier of two times.
    fn least(one: Moment, other: Moment) -> Moment;
}

pub(super) fn put<'c>(connection: &'c AsyncPgConnection, session: &Session) -> Sent<'c> {
    let row = SessionRow::from(session);
    let statement = insert_into(sessions::table).values(&row).on_conflict(sessions::id).do_update().set(&row);
    Cached(statement).step(connection)
}

pub(super) fn delete(connection: &AsyncPgConnection, id: SessionId) -> Sent<'_> {
    Cached(delete_from(sessions::table.find(stored_id(id)))).step(connection)
}

pub(super) fn delete_of(connection: &AsyncPgConnection, user: UserId) -> Sent<'_> {
    let statement = delete_from(sessions::table.filter(sessions::user_id.eq(stored_id(user))));
    Cached(statement).step(connection)
}

#[async_trait]
impl Sessions for Postgres {
    async fn find(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        let query = sessions::table.find(stored_id(id)).select(SessionRow::as_select());
        let row = query.first(&mut self.connection().await?).await.optional().map_err(engine)?;
        row.map(Session::try_from).transpose()
    }

    async fn list_by_user(&self, user: UserId) -> Result<Vec<Session>, StoreError> {
        let query = sessions::table
            .filter(sessions::user_id.eq(stored_id(user)))
            .order((sessions::created_at.desc(), sessions::id.desc()))
            .select(SessionRow::as_select());
        let rows = query.load(&mut self.connection().await?).await.map_err(engine)?;
        rows.into_iter().map(Session::try_from).collect()
    }

    async fn rotate(&self, rotation: Rotation) -> Result<RotateOutcome, StoreError> {
        let mut connection = self.connection().await?;
        detached(async move { rotate(&mut connection, &rotation).await }).await
    }

    async fn touch(&self, id: SessionId, at: DateTime<Utc>) -> Result<(), StoreError> {
        let (mut connection, at) = (self.connection().await?, stored_time(at));
        detached(async move {
            let earlier = sessions::table.find(stored_id(id)).filter(sessions::last_seen_at.lt(at));
            let statement = Cached(update(earlier).set(sessions::last_seen_at.eq(at)));
            statement.execute(&mut connection).await.map(drop).map_err(engine)
        })
        .await
    }

    async fn count_live(&self, at: DateTime<Utc>) -> Result<u64, StoreError> {
        let live = sessions::table.filter(sessions::expires_at.gt(stored_time(at))).count();
        let count: i64 = live.get_result(&mut self.connection().await?).await.map_err(engine)?;
        Ok(counted(count))
    }

    async fn prune(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        prune_expired(self, "sessions", before).await
    }
}

/// One compare-and-set: the update finds the session only where it lives and stands at the generation.
async fn rotate(
    connection: &mut AsyncPgConnection,
    rotation: &Rotation,
) -> Result<RotateOutcome, StoreError> {
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
            sessions::expires_at.eq(least(stored_time(rotation.expires_at), sessions::ends_at)),
            sessions::ip_address.eq(rotation.origin.ip_address.map(|address| address.to_string())),
            sessions::user_agent.eq(rotation.origin.user_agent.clone()),
        ))
        .returning(SessionRow::as_returning());
    let rotated = Cached(step).get_result::<SessionRow>(connection).await.optional().map_err(engine)?;
    if let Some(row) = rotated {
        return row.try_into().map(RotateOutcome::Rotated);
    }
    let live = session.filter(sessions::expires_at.gt(at)).select(SessionRow::as_select());
    match live.first(connection).await.optional().map_err(engine)? {
        Some(row) => row.try_into().map(RotateOutcome::Stale),
        None => Ok(RotateOutcome::Gone),
    }
}
