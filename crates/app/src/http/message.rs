use poem_openapi::{Object, payload::Json};

/// That it was done, for a person.
#[derive(Object)]
pub(super) struct MessageResponse {
    message: String,
}

impl MessageResponse {
    pub(super) fn new(message: &str) -> Json<Self> {
        Json(Self { message: message.to_owned() })
    }
}
