use poem::web::Data;
use poem_openapi::{Object, OpenApi, payload::Json, types::MaybeUndefined};
use portcullis_domain::{
    Identity,
    company::{CompanyUpdate, OwnCompanyError, UpdateCompanyError},
};

use super::CompanyResponse;
use crate::http::{Group, bearer::Bearer, body::Body, client::Client, error::Failed, user::patch};

pub(in crate::http) struct OwnCompanyApi;

/// What is named is changed; `null` empties a field, which the name does not allow.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct CompanyRequest {
    name: MaybeUndefined<String>,
    /// Unique over all companies, however it is separated.
    business_number: MaybeUndefined<String>,
    industry: MaybeUndefined<String>,
    region: MaybeUndefined<String>,
}

impl From<CompanyRequest> for CompanyUpdate {
    fn from(request: CompanyRequest) -> Self {
        Self {
            name: patch(request.name),
            business_number: patch(request.business_number),
            industry: patch(request.industry),
            region: patch(request.region),
        }
    }
}

#[OpenApi(prefix_path = "/api/v1/companies", tag = "Group::Companies")]
impl OwnCompanyApi {
    /// The company that the caller belongs to.
    #[oai(path = "/me", method = "get", operation_id = "own_company")]
    async fn own_company(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
    ) -> Result<Json<CompanyResponse>, Failed<OwnCompanyError>> {
        Ok(Json(identity.own_company(&bearer.0).await?.into()))
    }

    /// Change the caller's company: only what the request names.
    ///
    /// For its owners and managers (`company:manage`).
    #[oai(path = "/me", method = "put", operation_id = "update_company")]
    async fn update_company(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        client: Client,
        body: Body<CompanyRequest>,
    ) -> Result<Json<CompanyResponse>, Failed<UpdateCompanyError>> {
        Ok(Json(identity.update_company(&bearer.0, &body.0.into(), &client.0).await?.into()))
    }
}
