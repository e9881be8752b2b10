use poem::web::Data;
use poem_openapi::{ApiResponse, Object, OpenApi, payload::Json};
use portcullis_domain::{
    Identity,
    company::{Invite, InviteInput, InviteMemberError, IssuedInvitation},
    value::{Email, Language},
};
use uuid::Uuid;

use super::response::MemberRoleName;
use crate::http::{
    Group, bearer::Bearer, body::Body, client::Client, error::Failed, language::Asked, timestamp::Timestamp,
};

pub(in crate::http) struct InviteMemberApi;

#[derive(Object)]
#[oai(deny_unknown_fields)]
struct InvitationRequest {
    /// Whom the invitation is mailed to, and good for; without one it is good for whoever holds the code.
    email: Option<String>,
    /// `owner`, `manager` or `member`; `member` unless told. Managers invite to `member` alone.
    role: Option<String>,
    /// For how many seconds it is good: 3,600 to 2,592,000, that is an hour to thirty days; 604,800 (seven days) unless told.
    expires_in: Option<i64>,
}

/// An invitation, with its code.
#[derive(Object)]
struct InvitationResponse {
    /// For `POST /auth/register/user`, once; shown here and nowhere else but in the mail.
    invitation_code: String,
    id: Uuid,
    role: MemberRoleName,
    email: Option<String>,
    expires_at: Timestamp,
}

#[derive(ApiResponse)]
enum InviteResponse {
    /// The invitation.
    #[oai(status = 201)]
    Created(Json<InvitationResponse>),
}

impl InvitationRequest {
    fn into_input(self, language: Language) -> InviteInput {
        let Self { email, role, expires_in } = self;
        InviteInput { email, role, expires_in, language }
    }
}

impl From<IssuedInvitation> for InvitationResponse {
    fn from(IssuedInvitation { invitation, code }: IssuedInvitation) -> Self {
        Self {
            invitation_code: code.expose().to_owned(),
            id: invitation.id.into(),
            role: invitation.role.into(),
            email: invitation.email.map(Email::into_string),
            expires_at: invitation.expires_at.into(),
        }
    }
}

#[OpenApi(prefix_path = "/api/v1/companies", tag = "Group::Companies")]
impl InviteMemberApi {
    /// Invite somebody to the caller's company.
    ///
    /// For its owners and managers (`company:manage`; `company:own` to make an owner or manager). The invitation is good once, and for as long as
    /// whoever made it could make it still.
    #[oai(path = "/me/invitations", method = "post", operation_id = "invite_member")]
    async fn invite_member(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        client: Client,
        language: Asked,
        body: Body<InvitationRequest>,
    ) -> Result<InviteResponse, Failed<InviteMemberError>> {
        let invite =
            Invite::parse(body.0.into_input(language.or_default())).map_err(InviteMemberError::from)?;
        let issued = identity.invite_member(&bearer.0, invite, &client.0).await?;
        Ok(InviteResponse::Created(Json(issued.into())))
    }
}
