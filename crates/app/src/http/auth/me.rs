use poem::web::Data;
use poem_openapi::{Object, OpenApi, payload::Json};
use portcullis_domain::{Identity, caller::Permission, session::AuthenticateError};

use crate::http::{
    Group, bearer::Bearer, company::CompanyResponse, error::Failed, session::SessionResponse,
    user::UserResponse,
};

pub(in crate::http) struct MeApi;

/// Everything about the caller.
#[derive(Object)]
struct MeResponse {
    user: UserResponse,
    /// The company that the caller belongs to; null for who only asks to join one.
    company: Option<CompanyResponse>,
    /// What the caller's role allows.
    permissions: Vec<String>,
    session: SessionResponse,
}

#[OpenApi(prefix_path = "/api/v1/auth", tag = "Group::Authentication")]
impl MeApi {
    /// Who the caller is, what they may do, and in which session.
    #[oai(path = "/me", method = "get", operation_id = "me")]
    async fn me(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
    ) -> Result<Json<MeResponse>, Failed<AuthenticateError>> {
        let me = identity.me(&bearer.0).await?;
        Ok(Json(MeResponse {
            user: me.account.into(),
            company: me.company.map(Into::into),
            permissions: bearer
                .0
                .permissions
                .iter()
                .copied()
                .map(Permission::as_str)
                .map(str::to_owned)
                .collect(),
            session: SessionResponse::new(me.session, bearer.0.session),
        }))
    }
}
