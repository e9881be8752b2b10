use email_address::{EmailAddress, Options};
use thiserror::Error;
use unicode_normalization::UnicodeNormalization;

/// Longest address that SMTP can carry (RFC 5321 §4.5.3.1.3 less the angle brackets).
const MAX_LENGTH: usize = 254;

/// An e-mail address: stored as given, compared case-folded.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Email(String);

/// Why a text is no e-mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EmailError {
    /// Longer than SMTP can carry.
    #[error("must be at most {MAX_LENGTH} characters")]
    TooLong,
    /// Not `local@domain.tld`.
    #[error("must be an e-mail address such as name@example.com")]
    Format,
}

impl Email {
    /// Parses untrusted text. Quoted local parts, IP literals and display names are refused: mail systems handle them so
    /// differently that two parties would disagree on whom an address names.
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        // Counted before anything reads the text: a hostile input costs no more than a short one.
        if text.len() > MAX_LENGTH {
            return Err(EmailError::TooLong);
        }
        if text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '"') {
            return Err(EmailError::Format);
        }
        let (_, domain) = text.rsplit_once('@').ok_or(EmailError::Format)?;
        idna::domain_to_ascii(domain).map_err(|_| EmailError::Format)?;
        let options = Options::default().without_domain_literal().without_display_text().with_required_tld();
        EmailAddress::parse_with_options(text, options).map_err(|_| EmailError::Format)?;
        Ok(Self(text.to_owned()))
    }

    /// Wraps an address that was parsed before.
    pub fn new(trusted: impl Into<String>) -> Self {
        Self(trusted.into())
    }

    /// What two addresses are compared by. The local part: NFC, then lower case (the mapping of RFC 8265 §3.3); providers that
    /// tell letter case apart in it are extinct, and people type it either way. The domain: as mail is delivered to it (UTS 46),
    /// so that `müller.example` and `xn--mller-kva.example` are one.
    pub fn folded(&self) -> String {
        match self.0.rsplit_once('@') {
            Some((local, domain)) => {
                let domain = idna::domain_to_ascii(domain).unwrap_or_else(|_| fold(domain));
                format!("{}@{domain}", fold(local))
            }
            None => fold(&self.0),
        }
    }

    /// The part before the `@`.
    pub fn local_part(&self) -> &str {
        self.0.rsplit_once('@').map_or(self.0.as_str(), |(local, _)| local)
    }

    fn masked(&self) -> String {
        match self.0.rsplit_once('@') {
            Some((local, domain)) => format!("{}@{domain}", super::masked(local)),
            None => super::masked(&self.0),
        }
    }
}

fn fold(text: &str) -> String {
    text.nfc().flat_map(char::to_lowercase).nfc().collect()
}

super::personal_text!(Email, EmailError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_address_is_kept_as_given() {
        let email = Email::parse("Jane.Doe+news@Example.COM").expect("valid");
        assert_eq!(email.as_str(), "Jane.Doe+news@Example.COM");
        assert_eq!(email.local_part(), "Jane.Doe+news");
    }

    #[test]
    fn addresses_that_differ_in_case_or_composition_fold_to_one() {
        let composed = Email::new("JOS\u{c9}@example.com");
        let decomposed = Email::new("jose\u{301}@EXAMPLE.com");
        assert_eq!(composed.folded(), decomposed.folded());
    }

    #[test]
    fn domains_that_mail_is_delivered_to_alike_fold_to_one() {
        for (one, other) in [
            ("jane@m\u{fc}ller.example", "jane@xn--mller-kva.example"),
            ("jane@\u{ff45}xample.com", "jane@example.com"),
            ("jane@STRASSE.example", "jane@strasse.example"),
        ] {
            assert_eq!(Email::new(one).folded(), Email::new(other).folded());
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "a",
            "a@",
            "@example.com",
            "a@b",
            "a b@example.com",
            "a@exa mple.com",
            "a@example.com\0",
            "a@example.com\n",
            "\"a\"@example.com",
            "a@[127.0.0.1]",
            "Jane <a@example.com>",
            "a@@example.com",
            "a..b@example.com",
            "'; DROP TABLE users; --",
        ] {
            assert_eq!(Email::parse(text), Err(EmailError::Format), "{text:?}");
        }
        assert_eq!(Email::parse(&format!("{}@example.com", "a".repeat(10_000))), Err(EmailError::TooLong));
    }

    #[test]
    fn display_and_debug_hide_the_person() {
        let email = Email::new("jane@example.com");
        assert_eq!(email.to_string(), "j***@example.com");
        assert_eq!(format!("{email:?}"), "Email(j***@example.com)");
    }
}
