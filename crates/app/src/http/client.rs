use poem::{Addr, FromRequest, Request, RequestBody, Result, http::header};
use portcullis_domain::caller::Origin;

/// Where a request comes from: the peer's address and what it says of itself.
pub(super) struct Client(pub(super) Origin);

impl<'a> FromRequest<'a> for Client {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        let ip_address = match &request.remote_addr().0 {
            Addr::SocketAddr(address) => Some(address.ip().to_canonical()),
            _ => None,
        };
        Ok(Self(Origin::new(ip_address, request.header(header::USER_AGENT))))
    }
}
