//! What the pages say, one language a file.

mod en;
mod ko;
mod ru;

use portcullis_domain::value::Language;

/// The texts of all pages.
pub(super) struct Text {
    pub(super) no_script: &'static str,
    pub(super) email: &'static str,
    pub(super) name: &'static str,
    pub(super) password: &'static str,
    pub(super) new_password: &'static str,
    pub(super) rules: &'static str,
    pub(super) reveal: &'static str,

    pub(super) verify_title: &'static str,
    pub(super) verify_lead: &'static str,
    pub(super) code: &'static str,
    pub(super) verify_button: &'static str,
    pub(super) verify_done: &'static str,

    pub(super) reset_title: &'static str,
    pub(super) reset_lead: &'static str,
    pub(super) reset_button: &'static str,
    pub(super) reset_done: &'static str,
    pub(super) forgot_lead: &'static str,
    pub(super) forgot_button: &'static str,
    pub(super) forgot_done: &'static str,

    pub(super) invitation_title: &'static str,
    pub(super) invitation_lead: &'static str,
    pub(super) invitation_code: &'static str,
    pub(super) invitation_button: &'static str,
    pub(super) invitation_done: &'static str,

    /// What the API's answers mean: by error code, by broken rule of a password, by field that is refused.
    pub(super) answers: &'static [(&'static str, &'static str)],
}

pub(super) const fn of(language: Language) -> &'static Text {
    match language {
        Language::En => &en::TEXT,
        Language::Ko => &ko::TEXT,
        Language::Ru => &ru::TEXT,
    }
}

#[cfg(test)]
mod tests {
    use portcullis_domain::{code::Code, value::PasswordRule};

    use super::*;

    #[test]
    fn every_language_has_words_for_the_same_answers() {
        let names = |language| of(language).answers.iter().map(|(name, _)| *name).collect::<Vec<_>>();
        for language in Language::ALL {
            assert_eq!(names(*language), names(Language::En), "{language:?}");
        }
        let known = |name: &&str| {
            name.starts_with("field-")
                || ["failed", "unreachable"].contains(name)
                || PasswordRule::ALL.iter().any(|rule| name.strip_prefix("rule-") == Some(rule.name()))
                || Code::ALL.iter().any(|code| code.as_str() == *name)
                || COMING.contains(name)
        };
        assert!(names(Language::En).iter().all(known), "each is an answer of the API");
    }

    /// Answers of routes that are being built.
    const COMING: [&str; 1] = ["COMPANY_2104"];

    #[test]
    fn every_rule_of_passwords_has_words() {
        for rule in PasswordRule::ALL {
            let name = format!("rule-{}", rule.name());
            assert!(of(Language::En).answers.iter().any(|(known, _)| *known == name), "{name}");
        }
    }
}
