use std::convert::Infallible;

use portcullis_domain::code::Code;

use super::{Fails, Failure};
use crate::http::stream::SchemaNotFound;

/// What cannot fail by itself, and can be asked for too often.
impl Fails for Infallible {
    const CODES: &'static [Code] = &[];

    fn into_failure(self) -> Failure {
        match self {}
    }
}

impl Fails for SchemaNotFound {
    const CODES: &'static [Code] = &[Code::NotFound];

    fn into_failure(self) -> Failure {
        Failure::new(Code::NotFound)
    }
}
