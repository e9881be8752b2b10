use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use portcullis_domain::{
    Identity,
    administration::{ActivateError, DeactivateError, UnlockError},
};
use uuid::Uuid;

use crate::http::{Group, bearer::Bearer, client::Client, error::Failed, user::UserResponse};

pub(in crate::http) struct StandingApi;

#[OpenApi(prefix_path = "/api/v1/users", tag = "Group::Administration")]
impl StandingApi {
    /// Let somebody sign in again who was deactivated; needs `user:update`.
    #[oai(path = "/:id/activate", method = "post", operation_id = "activate_user")]
    async fn activate(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        client: Client,
        id: Path<Uuid>,
    ) -> Result<Json<UserResponse>, Failed<ActivateError>> {
        Ok(Json(identity.activate(&bearer.0, id.0.into(), &client.0).await?.into()))
    }

    /// End all of somebody's sessions and let them sign in no more; needs `user:update`.
    ///
    /// The last active administrator stays active: 409 with the reason `last_admin`.
    #[oai(path = "/:id/deactivate", method = "post", operation_id = "deactivate_user")]
    async fn deactivate(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        client: Client,
        id: Path<Uuid>,
    ) -> Result<Json<UserResponse>, Failed<DeactivateError>> {
        Ok(Json(identity.deactivate(&bearer.0, id.0.into(), &client.0).await?.into()))
    }

    /// Let somebody sign in again who was locked out for too many failures; needs `user:update`.
    #[oai(path = "/:id/unlock", method = "post", operation_id = "unlock_user")]
    async fn unlock(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        client: Client,
        id: Path<Uuid>,
    ) -> Result<Json<UserResponse>, Failed<UnlockError>> {
        Ok(Json(identity.unlock(&bearer.0, id.0.into(), &client.0).await?.into()))
    }
}
