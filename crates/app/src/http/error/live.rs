use std::time::Duration;

use portcullis_domain::{code::Code, stream::ReachError};

use super::{Fails, Failure};
use crate::{http::stream::OpenFeedError, live::NoSeat};

/// A feed that is open ends some time; nobody knows when.
const SEAT_RETRY: Duration = Duration::from_secs(30);

impl Fails for OpenFeedError {
    const CODES: &'static [Code] = &[
        Code::ValidationFailed,
        Code::TokenInvalid,
        Code::TokenExpired,
        Code::StreamNotFound,
        Code::Overloaded,
    ];

    fn into_failure(self) -> Failure {
        match self {
            Self::Reach(ReachError::NotFound) => Failure::new(Code::StreamNotFound),
            Self::Reach(ReachError::Store(error)) => error.into(),
            Self::BeyondEnd => Failure::invalid_field("Last-Event-ID", "is beyond the stream's newest event"),
            Self::NoSeat(NoSeat::OfOne) => {
                let mut failure = Failure::rate_limited(SEAT_RETRY);
                failure.details.insert("reason".to_owned(), "too_many_feeds".into());
                failure
            }
            Self::NoSeat(NoSeat::OfAll) => Failure::new(Code::Overloaded).retry_after(SEAT_RETRY),
        }
    }
}
