use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use portcullis_domain::{
    Identity,
    administration::{GetUserError, UpdateUserError},
    privacy::EraseUserError,
};
use uuid::Uuid;

use crate::{
    http::{
        Group,
        bearer::Bearer,
        body::Body,
        client::Client,
        error::Failed,
        message::MessageResponse,
        user::{ProfileRequest, UserResponse},
    },
    mail::MailCopies,
};

pub(in crate::http) struct AccountApi;

#[OpenApi(prefix_path = "/api/v1/users", tag = "Group::Administration")]
impl AccountApi {
    /// Anybody's account; needs `user:read`. That it was looked at is recorded.
    #[oai(path = "/:id", method = "get", operation_id = "get_user")]
    async fn get_user(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        id: Path<Uuid>,
    ) -> Result<Json<UserResponse>, Failed<GetUserError>> {
        Ok(Json(identity.get_user(&bearer.0, id.0.into()).await?.into()))
    }

    /// Change anybody's profile, only what the request names; needs `user:update`.
    #[oai(path = "/:id", method = "put", operation_id = "update_user")]
    async fn update_user(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        client: Client,
        id: Path<Uuid>,
        body: Body<ProfileRequest>,
    ) -> Result<Json<UserResponse>, Failed<UpdateUserError>> {
        let user = identity.update_user(&bearer.0, id.0.into(), &body.0.into(), &client.0).await?;
        Ok(Json(user.into()))
    }

    /// Erase somebody: the account, and everything that is held on the person; needs `user:delete`. There is no way back.
    ///
    /// One's own account is erased with the password, under `/users/me`. The last active administrator and the last owner of a company
    /// with other members stay: 409 with the reason `last_admin` or `last_owner`.
    #[oai(path = "/:id", method = "delete", operation_id = "erase_user")]
    async fn erase_user(
        &self,
        identity: Data<&Identity>,
        copies: Data<&MailCopies>,
        bearer: Bearer,
        client: Client,
        id: Path<Uuid>,
    ) -> Result<Json<MessageResponse>, Failed<EraseUserError>> {
        copies.forget(identity.erase_user(&bearer.0, id.0.into(), &client.0).await?).await;
        Ok(MessageResponse::new("The account has been erased"))
    }
}
