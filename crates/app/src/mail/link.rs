use portcullis_domain::value::{Email, Secret};
use url::Url;

/// Where the console is, under the service's address.
const CONSOLE: &str = "console";

/// Makes the links in mails. They lead to the console's pages, or, where a team has pages of its own instead, to those.
pub(crate) struct Links {
    base: Url,
}

impl Links {
    /// Links under the service's address.
    pub(crate) fn new(public_url: &Url, console: bool) -> Self {
        let mut base = public_url.clone();
        if let Ok(mut path) = base.path_segments_mut() {
            path.pop_if_empty().extend(console.then_some(CONSOLE));
        }
        Self { base }
    }

    /// To where an address is verified.
    pub(crate) fn verify_email(&self, email: &Email, code: &Secret) -> String {
        self.link(&["verify-email"], &[("email", email.as_str()), ("code", code.expose())])
    }

    /// To where a password is reset, or, without a token, to where one is asked for.
    pub(crate) fn reset_password(&self, token: Option<&Secret>) -> String {
        let token = token.map(|token| ("token", token.expose()));
        self.link(&["password", "reset"], token.as_slice())
    }

    /// To where an invitation is accepted.
    pub(crate) fn invitation(&self, code: &Secret) -> String {
        self.link(&["invitation"], &[("code", code.expose())])
    }

    fn link(&self, path: &[&str], query: &[(&str, &str)]) -> String {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(public_url: &str, console: bool) -> Links {
        Links::new(&Url::parse(public_url).expect("a URL"), console)
    }

    #[test]
    fn links_lead_to_the_console_under_the_services_address() {
        let links = links("https://id.example.com/", true);
        let (code, email) = (Secret::new("123456"), Email::new("jane+a&b@example.com"));
        assert_eq!(
            links.verify_email(&email, &code),
            "https://id.example.com/console/verify-email?email=jane%2Ba%26b%40example.com&code=123456"
        );
        assert_eq!(
            links.reset_password(Some(&Secret::new("a-_Z"))),
            "https://id.example.com/console/password/reset?token=a-_Z"
        );
        assert_eq!(links.reset_password(None), "https://id.example.com/console/password/reset");
        assert_eq!(
            links.invitation(&Secret::new("x=&#")),
            "https://id.example.com/console/invitation?code=x%3D%26%23"
        );
    }

    #[test]
    fn without_the_console_links_lead_to_the_teams_own_pages() {
        let links = links("https://example.com/app", false);
        assert_eq!(
            links.reset_password(Some(&Secret::new("t"))),
            "https://example.com/app/password/reset?token=t"
        );
        assert_eq!(links.invitation(&Secret::new("c")), "https://example.com/app/invitation?code=c");
    }

    #[test]
    fn an_address_with_a_path_keeps_it() {
        for public_url in ["https://example.com/auth", "https://example.com/auth/"] {
            let link = links(public_url, true).reset_password(None);
            assert_eq!(link, "https://example.com/auth/console/password/reset");
        }
    }
}
