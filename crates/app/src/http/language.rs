use poem::{FromRequest, Request, RequestBody, Result, http::header};
use portcullis_domain::value::Language;

/// The language that the client asks to be written to in.
pub(super) struct Asked(pub(super) Language);

impl<'a> FromRequest<'a> for Asked {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        Ok(Self(language(request)))
    }
}

/// The language that the client asks to be answered in, English where it asks for none of ours.
pub(super) fn language(request: &Request) -> Language {
    // Several header lines are one list (RFC 9110 §5.3).
    let lines = request.headers().get_all(header::ACCEPT_LANGUAGE).iter();
    let list = lines.filter_map(|line| line.to_str().ok()).collect::<Vec<_>>().join(",");
    Language::preferred(&list).unwrap_or_default()
}
