use portcullis_domain::{
    api_key::AuthenticateApiKeyError,
    feature::{AccessFeatureError, Verdict},
};
use prometheus::IntCounterVec;

use super::book::Book;

const ACCEPTED: &str = "accepted";
const OUTCOMES: [&str; 5] = [ACCEPTED, "mistyped", "unknown", "expired", "owner_inactive"];
const NOT_FOUND: &str = "not_found";

/// What is asked with API keys.
pub(crate) struct KeyMetrics {
    uses: IntCounterVec,
    verdicts: IntCounterVec,
}

impl KeyMetrics {
    pub(super) fn new(book: &mut Book) -> Self {
        let metrics = Self {
            uses: book.counters(
                "api_key_uses_total",
                &[("outcome", "`accepted`, `mistyped` (the checksum is wrong), `unknown` (revoked, replaced or never given out), `expired` or `owner_inactive`")],
                "API keys that were shown.",
            ),
            verdicts: book.counters(
                "feature_access_total",
                &[("verdict", "`granted`, `not_found`, `disabled`, or the reason of the refusal")],
                "Features that were asked for with a token and a good API key.",
            ),
        };
        for outcome in OUTCOMES {
            metrics.uses.with_label_values(&[outcome]);
        }
        for verdict in Verdict::ALL.iter().map(|verdict| Verdict::as_str(*verdict)).chain([NOT_FOUND]) {
            metrics.verdicts.with_label_values(&[verdict]);
        }
        metrics
    }

    /// Counts a key that was shown. Where the store failed it is not known what it is.
    pub(crate) fn used(&self, failure: Option<&AuthenticateApiKeyError>) {
        let outcome = match failure {
            None => ACCEPTED,
            Some(AuthenticateApiKeyError::Store(_)) => return,
            Some(error) => error.name(),
        };
        self.uses.with_label_values(&[outcome]).inc();
    }

    /// Counts an answer to whoever asks to be let in.
    pub(crate) fn answered(&self, failure: Option<&AccessFeatureError>) {
        let verdict = match failure {
            None => Verdict::Granted.as_str(),
            Some(AccessFeatureError::NotFound) => NOT_FOUND,
            Some(AccessFeatureError::Refused(refused)) => refused.0.as_str(),
            Some(AccessFeatureError::CallerGone | AccessFeatureError::Store(_)) => return,
        };
        self.verdicts.with_label_values(&[verdict]).inc();
    }
}

#[cfg(test)]
mod tests {
    use portcullis_domain::feature::AccessRefused;

    use super::*;

    #[test]
    fn keys_and_verdicts_are_counted_by_what_came_of_them() {
        let mut book = Book::default();
        let keys = KeyMetrics::new(&mut book);
        keys.used(None);
        keys.used(Some(&AuthenticateApiKeyError::Unknown));
        keys.answered(None);
        keys.answered(Some(&AccessFeatureError::NotFound));
        keys.answered(Some(&AccessRefused(Verdict::RoleTooLow).into()));
        let text = book.text();
        let counted: Vec<_> = text.lines().filter(|line| line.ends_with(" 1")).collect();
        assert_eq!(
            counted,
            [
                r#"api_key_uses_total{outcome="accepted"} 1"#,
                r#"api_key_uses_total{outcome="unknown"} 1"#,
                r#"feature_access_total{verdict="granted"} 1"#,
                r#"feature_access_total{verdict="not_found"} 1"#,
                r#"feature_access_total{verdict="role_too_low"} 1"#,
            ]
        );
    }
}
