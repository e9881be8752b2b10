//! The pages that mails lead to, as a browser gets them. What they do there is theirs: no request for one does anything.

use reqwest::{Method, Response, header};

use crate::{
    client::{self, Client},
    server::Server,
};

const PAGES: [(&str, &str); 3] = [
    ("/console/verify-email?email=jane%40example.com&code=123456", "Verify your address"),
    ("/console/password/reset?token=s3cret-t0ken", "Reset your password"),
    ("/console/invitation?code=s3cret-t0ken", "Accept an invitation"),
];

async fn get(server: &Server, path: &str, languages: &[&str]) -> Response {
    let mut request = client::http().get(format!("{}{path}", server.url()));
    for language in languages {
        request = request.header(header::ACCEPT_LANGUAGE, *language);
    }
    request.send().await.expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_page_is_there_for_browsers_under_a_strict_policy() {
    let server = Server::start();
    for (path, title) in PAGES {
        let page = get(&server, path, &[]).await;
        assert_eq!(page.status(), 200, "{path}");
        let headers = page.headers().clone();
        let value = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        assert_eq!(value("content-type"), "text/html; charset=utf-8");
        assert_eq!(value("cache-control"), "no-store");
        assert_eq!(value("referrer-policy"), "no-referrer");
        assert_eq!(value("x-content-type-options"), "nosniff");
        assert_eq!(value("content-language"), "en");
        assert_eq!(value("vary"), "Accept-Language");
        let policy = value("content-security-policy");
        for rule in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(policy.split("; ").any(|given| given == rule), "{rule} in {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        let html = page.text().await.expect("text");
        assert!(html.contains(&format!("<h1>{title}</h1>")), "{html}");
        // The policy forbids what stands in the page itself, and whatever is elsewhere.
        for inline in
            ["<style", "style=", "onclick", "onsubmit", "javascript:", "http://", "https://", "<script>"]
        {
            assert!(!html.contains(inline), "{inline} in {html}");
        }
        // What the address holds is the browser's: the page is the same for everybody.
        assert!(!html.contains("s3cret") && !html.contains("jane"), "{html}");
    }
    assert!(!server.log().contains("s3cret"), "what is secret in an address is not logged");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_of_a_page_has_a_label_and_every_file_it_loads_is_there() {
    let server = Server::start();
    for (path, _) in PAGES {
        let html = get(&server, path, &[]).await.text().await.expect("text");
        let attributes = |name: &str| {
            let start = format!("{name}=\"");
            let values = html.split(start.as_str()).skip(1);
            values.map(|rest| rest.split('"').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
        };
        let fields: Vec<_> =
            html.split("<input ").skip(1).filter(|field| !field.contains("hidden")).collect();
        let labels = attributes("for");
        for field in &fields {
            let id = field.split("id=\"").nth(1).and_then(|rest| rest.split('"').next());
            let is_labelled = id.is_some_and(|id| labels.iter().any(|label| label == id));
            assert!(is_labelled || field.starts_with("type=\"checkbox\" data-reveal"), "{field}");
        }
        assert!(!fields.is_empty());
        let base = reqwest::Url::parse(&format!("{}{path}", server.url())).expect("a URL");
        for file in [attributes("href"), attributes("src")].concat() {
            let answer =
                client::http().get(base.join(&file).expect("a URL")).send().await.expect("an answer");
            assert_eq!(answer.status(), 200, "{file}");
        }
        for action in attributes("data-action") {
            let action = base.join(&action).expect("a URL");
            assert!(action.path().starts_with("/api/v1/auth/"), "{action}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_in_the_language_that_the_browser_prefers() {
    let server = Server::start();
    for (languages, expected, title) in [
        (&["ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7"][..], "ko", "비밀번호 재설정"),
        (&["de-DE,de;q=0.9", "ru;q=0.8"][..], "ru", "Сброс пароля"),
        (&["de"][..], "en", "Reset your password"),
    ] {
        let page = get(&server, "/console/password/reset", languages).await;
        assert_eq!(page.headers()[header::CONTENT_LANGUAGE], expected);
        let html = page.text().await.expect("text");
        assert!(html.contains(&format!("<html lang=\"{expected}\">")) && html.contains(title), "{html}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_lead_to_the_console_or_to_the_teams_own_pages() {
    for (console, path) in [("true", "/console/verify-email?"), ("false", "/verify-email?")] {
        let settings = [("ENABLE_CONSOLE", console), ("PUBLIC_URL", "https://id.example.com/auth")];
        let server = Server::start_with(&settings);
        let client = Client::of(&server);
        client.register("jane@example.com").await.expect(201);
        let code = server.mailed_code("jane@example.com");
        let mails = server.mails("jane@example.com");
        let link = format!("\nhttps://id.example.com/auth{path}email=jane%40example.com&code={code}\r\n");
        assert!(mails[0].contains(&link), "{}", mails[0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_console_its_paths_are_unknown() {
    let server = Server::start_with(&[("ENABLE_CONSOLE", "false")]);
    let client = Client::of(&server);
    for path in
        ["/console/verify-email", "/console/password/reset", "/console/invitation", "/console/console.js"]
    {
        client
            .send(client.request(Method::GET, &format!("/../..{path}")))
            .await
            .expect_error(404, "COMMON_9003");
    }
}
