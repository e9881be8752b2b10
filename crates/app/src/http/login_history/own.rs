use poem::web::Data;
use poem_openapi::{OpenApi, param::Query, payload::Json};
use portcullis_domain::{Identity, session::ListLoginHistoryError};

use super::response::{LoginHistoryResponse, place};
use crate::http::{Group, bearer::Bearer, error::Failed, page};

pub(in crate::http) struct OwnLoginHistoryApi;

#[OpenApi(prefix_path = "/api/v1/users", tag = "Group::Users")]
impl OwnLoginHistoryApi {
    /// Attempts to sign in to the caller's own account, newest first.
    #[oai(path = "/me/login-history", method = "get", operation_id = "list_login_history")]
    async fn list_login_history(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        /// How many at most; 50 unless told.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<LoginHistoryResponse>, Failed<ListLoginHistoryError>> {
        let after = place(cursor.0.as_deref())?;
        let page = identity.list_login_history(&bearer.0, after, page::limit(limit.0)).await?;
        Ok(Json(page.into()))
    }
}
