//! The Portcullis service: adapters wired into an OpenAPI-described poem server.

mod http;
mod server;
mod subscription;

pub use http::{openapi_json, openapi_yaml};
