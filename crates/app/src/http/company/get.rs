use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use portcullis_domain::{Identity, company::GetCompanyError};
use uuid::Uuid;

use super::CompanyResponse;
use crate::http::{Group, bearer::Bearer, error::Failed};

pub(in crate::http) struct GetCompanyApi;

#[OpenApi(prefix_path = "/api/v1/companies", tag = "Group::Companies")]
impl GetCompanyApi {
    /// Any company.
    ///
    /// For those who have `company:read`; its members may read their own company without.
    #[oai(path = "/:id", method = "get", operation_id = "get_company")]
    async fn get_company(
        &self,
        identity: Data<&Identity>,
        bearer: Bearer,
        id: Path<Uuid>,
    ) -> Result<Json<CompanyResponse>, Failed<GetCompanyError>> {
        Ok(Json(identity.get_company(&bearer.0, id.0.into()).await?.into()))
    }
}
