use poem::web::Data;
use poem_openapi::{Object, OpenApi, payload::Json, types::MaybeUndefined};
use portcullis_domain::{
    Identity,
    privacy::EraseSelfError,
    user::{GetProfileError, Patch, ProfileUpdate, UpdateProfileError},
    value::Password,
};

use super::UserResponse;
use crate::{
    http::{Group, bearer::Bearer, body::Body, client::Client, error::Failed, message::MessageResponse},
    mail::MailCopies,
};

pub(in crate::http) struct ProfileApi;

/// What is named is changed; `null` empties a field, which the name does not allow.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub(in crate::http) struct ProfileRequest {
    name: MaybeUndefined<String>,
    username: MaybeUndefined<String>,
    phone: MaybeUndefined<String>,
    business_type: MaybeUndefined<String>,
    business_number: MaybeUndefined<String>,
    industry: MaybeUndefined<String>,
    region: MaybeUndefined<String>,
}

#[derive(Object)]
#[oai(deny_unknown_fields)]
struct EraseRequest {
    /// The caller's current password.
    password: Option<String>,
}

/// What a field of a request does to the field that it names.
pub(in crate::http) fn patch(field: MaybeUndefined<String>) -> Patch<String> {
    match field {
        MaybeUndefined::Undefined => Patch::Keep,
        MaybeUndefined::Null => Patch::Clear,
        MaybeUndefined::Value(text) => Patch::Set(text),
    }
}

impl From<ProfileRequest> for ProfileUpdate {
    fn from(request: ProfileRequest) -> Self {
        Self {
            name: patch(request.name),
            username: patch(request.username),
            phone: patch(request.phone),
            business_type: patch(request.business_type),
            business_number: patch(request.business_number),
            industry: patch(request.industry),
            region: patch(request.region),
        }
    }
}

#[OpenApi(prefix_path = "/api/v1/users", tag = "Group::Users")]
impl ProfileApi {
    /// The caller's own account.
    #[oai(path = "/me", method = "get", operation_id = "get_profile")]
    async fn get_profile(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
    ) -> Result<Json<UserResponse>, Failed<GetProfileError>> {
        Ok(Json(identity.get_profile(&bearer.0).await?.into()))
    }

    /// Change the caller's own profile: only what the request names.
    #[oai(path = "/me", method = "put", operation_id = "update_profile")]
    async fn update_profile(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        client: Client,
        body: Body<ProfileRequest>,
    ) -> Result<Json<UserResponse>, Failed<UpdateProfileError>> {
        Ok(Json(identity.update_profile(&bearer.0, &body.0.into(), &client.0).await?.into()))
    }

    /// Erase the caller: the account, and everything that is held on the person. There is no way back.
    ///
    /// The history stays, and nobody can read any more who it was. The address and the username are free again. The last active
    /// administrator and the last owner of a company with other members stay: 409 with the reason `last_admin` or `last_owner`.
    #[oai(path = "/me", method = "delete", operation_id = "erase_self")]
    async fn erase_self(
        &self,
        identity: Data<&Identity>,
        copies: Data<&MailCopies>,
        bearer: Bearer,
        client: Client,
        body: Body<EraseRequest>,
    ) -> Result<Json<MessageResponse>, Failed<EraseSelfError>> {
        let password = body.0.password.map(Password::new);
        copies.forget(identity.erase_self(&bearer.0, password.as_ref(), &client.0).await?).await;
        Ok(MessageResponse::new("The account has been erased"))
    }
}
