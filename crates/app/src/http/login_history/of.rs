use poem::web::Data;
use poem_openapi::{
    OpenApi,
    param::{Path, Query},
    payload::Json,
};
use portcullis_domain::{Identity, session::ListLoginHistoryOfError};
use uuid::Uuid;

use super::response::{LoginHistoryResponse, place};
use crate::http::{Group, bearer::Bearer, error::Failed, page};

pub(in crate::http) struct LoginHistoryOfApi;

#[OpenApi(prefix_path = "/api/v1/users", tag = "Group::Users")]
impl LoginHistoryOfApi {
    /// Attempts to sign in to anybody's account, newest first; needs `user:read`. That they were looked at is recorded.
    #[oai(path = "/:id/login-history", method = "get", operation_id = "list_login_history_of")]
    async fn list_login_history_of(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        id: Path<Uuid>,
        /// How many at most; 50 unless told.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<LoginHistoryResponse>, Failed<ListLoginHistoryOfError>> {
        let after = place(cursor.0.as_deref())?;
        let limit = page::limit(limit.0);
        let page = identity.list_login_history_of(&bearer.0, id.0.into(), after, limit).await?;
        Ok(Json(page.into()))
    }
}
