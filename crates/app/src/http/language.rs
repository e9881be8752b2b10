use poem::{Request, http::header};
use portcullis_domain::value::Language;

/// The language that the client asks to be answered in, English where it asks for none of ours.
pub(super) fn language(request: &Request) -> Language {
    // Several header lines are one list (RFC 9110 §5.3).
    let lines = request.headers().get_all(header::ACCEPT_LANGUAGE).iter();
    let list = lines.filter_map(|line| line.to_str().ok()).collect::<Vec<_>>().join(",");
    Language::preferred(&list).unwrap_or_default()
}
