use poem::{FromRequest, Request, RequestBody, Result, http::header};
use portcullis_domain::value::Language;

/// The language that the client asks to be written to in; `None` where it asks for none of ours.
pub(super) struct Asked(pub(super) Option<Language>);

impl Asked {
    /// English where it asks for none of ours.
    pub(super) fn or_default(&self) -> Language {
        self.0.unwrap_or_default()
    }
}

impl<'a> FromRequest<'a> for Asked {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        Ok(Self(asked(request)))
    }
}

/// The language that the client asks to be answered in, English where it asks for none of ours.
pub(super) fn language(request: &Request) -> Language {
    asked(request).unwrap_or_default()
}

fn asked(request: &Request) -> Option<Language> {
    // Several header lines are one list (RFC 9110 §5.3).
    let lines = request.headers().get_all(header::ACCEPT_LANGUAGE).iter();
    let list = lines.filter_map(|line| line.to_str().ok()).collect::<Vec<_>>().join(",");
    Language::preferred(&list)
}
