use poem::{FromRequest, Request, RequestBody, Result, http::header};
use portcullis_domain::caller::Origin;

use super::address::ClientAddress;

/// Where a request comes from: the client's address and what it says of itself.
pub(super) struct Client(pub(super) Origin);

impl<'a> FromRequest<'a> for Client {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        let address: &ClientAddress = request.data().expect("the boundary puts it beside every request");
        Ok(Self(Origin::new(address.0, request.header(header::USER_AGENT))))
    }
}
