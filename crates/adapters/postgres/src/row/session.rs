use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{
    dsl::{delete as delete_from, insert_into, update},
    prelude::*,
    sql_types::Timestamptz,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use portcullis_domain::{
    caller::Origin,
    id::{SessionId, UserId},
    port::{RotateOutcome, Rotation, Sessions, StoreError},
    session::Session,
};
use uuid::Uuid;

use super::prune_expired;
use crate::{
    Postgres,
    column::{RowName, counted, stored_number},
    detached,
    error::engine,
    schema::sessions,
    statement::{Cached, Sent},
};

define_sql_function! {
    /// The earlier of two times.
    fn least(one: Timestamptz, other: Timestamptz) -> Timestamptz;
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = sessions, check_for_backend(diesel::pg::Pg))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
struct SessionRow {
    id: Uuid,
    user_id: Uuid,
    generation: i64,
    created_at: DateTime<Utc>,
    rotated_at: DateTime<Utc>,
    last_seen_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    ip_address: Option<String>,
    user_agent: Option<String>,
}

pub(super) fn put<'c>(connection: &'c AsyncPgConnection, session: &Session) -> Sent<'c> {
    let row = SessionRow::from(session);
    let statement = insert_into(sessions::table).values(&row).on_conflict(sessions::id).do_update().set(&row);
    Cached(statement).step(connection)
}

pub(super) fn delete(connection: &AsyncPgConnection, id: SessionId) -> Sent<'_> {
    Cached(delete_from(sessions::table.find(Uuid::from(id)))).step(connection)
}

pub(super) fn delete_of(connection: &AsyncPgConnection, user: UserId) -> Sent<'_> {
    let statement = delete_from(sessions::table.filter(sessions::user_id.eq(Uuid::from(user))));
    Cached(statement).step(connection)
}

#[async_trait]
impl Sessions for Postgres {
    async fn find(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        let query = sessions::table.find(Uuid::from(id)).select(SessionRow::as_select());
        let row = query.first(&mut self.connection().await?).await.optional().map_err(engine)?;
        row.map(Session::try_from).transpose()
    }

    async fn list_by_user(&self, user: UserId) -> Result<Vec<Session>, StoreError> {
        let query = sessions::table
            .filter(sessions::user_id.eq(Uuid::from(user)))
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
        let mut connection = self.connection().await?;
        detached(async move {
            let earlier = sessions::table.find(Uuid::from(id)).filter(sessions::last_seen_at.lt(at));
            let statement = Cached(update(earlier).set(sessions::last_seen_at.eq(at)));
            statement.execute(&mut connection).await.map(drop).map_err(engine)
        })
        .await
    }

    async fn count_live(&self, at: DateTime<Utc>) -> Result<u64, StoreError> {
        let live = sessions::table.filter(sessions::expires_at.gt(at)).count();
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
    let session = sessions::table.find(Uuid::from(rotation.session));
    let from = rotation.from_generation;
    let step = update(session)
        .filter(sessions::generation.eq(stored_number(from)))
        .filter(sessions::expires_at.gt(rotation.at))
        .set((
            sessions::generation.eq(stored_number(from.saturating_add(1))),
            sessions::rotated_at.eq(rotation.at),
            sessions::last_seen_at.eq(rotation.at),
            sessions::expires_at.eq(least(rotation.expires_at, sessions::ends_at)),
            sessions::ip_address.eq(rotation.origin.ip_address.map(|address| address.to_string())),
            sessions::user_agent.eq(rotation.origin.user_agent.clone()),
        ))
        .returning(SessionRow::as_returning());
    let rotated = Cached(step).get_result::<SessionRow>(connection).await.optional().map_err(engine)?;
    if let Some(row) = rotated {
        return row.try_into().map(RotateOutcome::Rotated);
    }
    let live = session.filter(sessions::expires_at.gt(rotation.at)).select(SessionRow::as_select());
    match live.first(connection).await.optional().map_err(engine)? {
        Some(row) => row.try_into().map(RotateOutcome::Stale),
        None => Ok(RotateOutcome::Gone),
    }
}

impl From<&Session> for SessionRow {
    fn from(session: &Session) -> Self {
        Self {
            id: session.id.into(),
            user_id: session.user.into(),
            generation: stored_number(session.generation),
            created_at: session.created_at,
            rotated_at: session.rotated_at,
            last_seen_at: session.last_seen_at,
            expires_at: session.expires_at,
            ends_at: session.ends_at,
            ip_address: session.origin.ip_address.map(|address| address.to_string()),
            user_agent: session.origin.user_agent.clone(),
        }
    }
}

impl TryFrom<SessionRow> for Session {
    type Error = StoreError;

    fn try_from(row: SessionRow) -> Result<Self, StoreError> {
        let name = RowName::new("sessions", format!("id {}", row.id));
        let ip_address = row.ip_address.map(|address| address.parse()).transpose();
        Ok(Self {
            id: row.id.into(),
            user: row.user_id.into(),
            generation: name.count("generation", row.generation)?,
            created_at: row.created_at,
            rotated_at: row.rotated_at,
            last_seen_at: row.last_seen_at,
            expires_at: row.expires_at,
            ends_at: row.ends_at,
            origin: Origin {
                ip_address: ip_address.map_err(|_| name.corrupt("ip_address is no address"))?,
                user_agent: row.user_agent,
            },
        })
    }
}
