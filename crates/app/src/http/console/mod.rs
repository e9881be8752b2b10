//! The pages that mails lead to. They are static: each takes what is secret from its own address, in the browser, and posts it to
//! the API, so that no request for a page does anything, however often a mail program looks ahead.

mod text;

use askama::Template;
use poem::{
    Endpoint, Request, Response, Route,
    endpoint::make_sync,
    get,
    http::{HeaderValue, header},
};
use portcullis_domain::value::Language;

use super::language::language;
use text::Text;

const STYLE: &str = include_str!("../../../assets/console.css");
const SCRIPT: &str = include_str!("../../../assets/console.js");

/// Nothing but the page's own script and style, which talk to this service alone; nobody frames it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

const VERIFY_EMAIL: &str = "/console/verify-email";
const RESET_PASSWORD: &str = "/console/password/reset";
const INVITATION: &str = "/console/invitation";
const STYLE_PATH: &str = "/console/console.css";
const SCRIPT_PATH: &str = "/console/console.js";

/// Everything that is served here.
pub(super) const PATHS: [&str; 5] = [VERIFY_EMAIL, RESET_PASSWORD, INVITATION, STYLE_PATH, SCRIPT_PATH];

/// How to write a page: its relative way to the service's root, the installation's name, and the language.
type Write = fn(&'static str, &str, Language) -> Result<String, askama::Error>;

#[derive(Template)]
#[template(path = "console/verify_email.html")]
struct VerifyEmailPage<'a> {
    root: &'static str,
    app_name: &'a str,
    language: &'static str,
    title: &'static str,
    text: &'static Text,
}

#[derive(Template)]
#[template(path = "console/reset_password.html")]
struct ResetPasswordPage<'a> {
    root: &'static str,
    app_name: &'a str,
    language: &'static str,
    title: &'static str,
    text: &'static Text,
}

#[derive(Template)]
#[template(path = "console/invitation.html")]
struct InvitationPage<'a> {
    root: &'static str,
    app_name: &'a str,
    language: &'static str,
    title: &'static str,
    text: &'static Text,
}

/// The pages and what they load.
pub(super) fn routes(routes: Route, app_name: &str) -> Route {
    routes
        .at(VERIFY_EMAIL, get(page(app_name, "../", verify_email)))
        .at(RESET_PASSWORD, get(page(app_name, "../../", reset_password)))
        .at(INVITATION, get(page(app_name, "../", invitation)))
        .at(STYLE_PATH, get(make_sync(|_| asset(STYLE, "text/css; charset=utf-8"))))
        .at(SCRIPT_PATH, get(make_sync(|_| asset(SCRIPT, "text/javascript; charset=utf-8"))))
}

fn verify_email(root: &'static str, app_name: &str, language: Language) -> Result<String, askama::Error> {
    let text = text::of(language);
    let (title, language) = (text.verify_title, language.as_str());
    VerifyEmailPage { root, app_name, language, title, text }.render()
}

fn reset_password(root: &'static str, app_name: &str, language: Language) -> Result<String, askama::Error> {
    let text = text::of(language);
    let (title, language) = (text.reset_title, language.as_str());
    ResetPasswordPage { root, app_name, language, title, text }.render()
}

fn invitation(root: &'static str, app_name: &str, language: Language) -> Result<String, askama::Error> {
    let text = text::of(language);
    let (title, language) = (text.invitation_title, language.as_str());
    InvitationPage { root, app_name, language, title, text }.render()
}

/// A page in each language, written once.
fn page(app_name: &str, root: &'static str, write: Write) -> impl Endpoint + use<> {
    let written = Language::ALL.iter().map(|language| {
        let page = write(root, app_name, *language).expect("pages are written into a string");
        (*language, page)
    });
    let written: Vec<_> = written.collect();
    make_sync(move |request: Request| {
        let wanted = language(&request);
        let (_, page) =
            written.iter().find(|(language, _)| *language == wanted).expect("every language is written");
        Response::builder()
            .content_type("text/html; charset=utf-8")
            .header(header::CONTENT_LANGUAGE, wanted.as_str())
            .header(header::VARY, "Accept-Language")
            .header(header::CONTENT_SECURITY_POLICY, POLICY)
            .header(header::REFERRER_POLICY, "no-referrer")
            .header("Cross-Origin-Opener-Policy", HeaderValue::from_static("same-origin"))
            .body(page.clone())
    })
}

fn asset(body: &'static str, content_type: &'static str) -> Response {
    Response::builder().content_type(content_type).body(body)
}
