//! A service that takes Portcullis' access tokens, on <http://127.0.0.1:8001>; the address of Portcullis and what it issues are told by
//! arguments: `cargo run -p portcullis-verify --features axum --example service http://127.0.0.1:8000 paseto`.

use axum::{Router, routing::get};
use portcullis_verify::{Claims, Format, Permission, Verifier, tower::BearerLayer};

/// Anybody with a good token comes here.
async fn orders(claims: Claims) -> String {
    format!("the orders of {}\n", claims.user)
}

/// Only who may read every user comes here.
async fn all_orders() -> &'static str {
    "the orders of all\n"
}

pub(crate) fn service(verifier: Verifier) -> Router {
    let everybody = BearerLayer::new(verifier);
    let few = everybody.clone().require(Permission::UserRead);
    let all_orders = Router::new().route("/orders/all", get(all_orders)).layer(few);
    Router::new().route("/orders", get(orders)).layer(everybody).merge(all_orders)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let [address, format] = [(1, "http://127.0.0.1:8000"), (2, "paseto")]
        .map(|(place, default)| std::env::args().nth(place).unwrap_or_else(|| default.to_owned()));
    let format = if format == "jwt" { Format::JwtEdDsa } else { Format::Paseto };
    let verifier = Verifier::builder(address).formats([format]).build()?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8001").await?;
    Ok(axum::serve(listener, service(verifier)).await?)
}
