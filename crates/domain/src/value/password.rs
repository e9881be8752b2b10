use std::fmt;

use unicode_normalization::UnicodeNormalization;
use zeroize::{Zeroize, ZeroizeOnDrop};
use zxcvbn::zxcvbn;

use super::Secret;

const LENGTH: std::ops::RangeInclusive<usize> = 8..=128;
const SYMBOLS: &str = "!@#$%^&*()_+-=";
/// A password that a guesser who starts with the commonest ones finds within this many tries is one of them, whatever
/// capitals and signs were hung on it.
const COMMON_WITHIN_GUESSES: u64 = 100_000;
/// Longer texts are not among the commonest. The estimator's time grows much faster than the text: 128 well-chosen characters
/// take it a second, so that a stranger could keep the service busy with them.
const LONGEST_COMMON: usize = 20;
/// Shorter known words are in half of all good passwords.
const SHORTEST_KNOWN_WORD: usize = 3;

/// A password as a person typed it, in Unicode normal form C (RFC 8265 §4.2), so that two keyboards agree on `é`.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Password(String);

/// A rule that a new password broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PasswordRule {
    /// 8 to 128 characters.
    Length,
    /// An upper-case letter.
    UpperCase,
    /// A lower-case letter.
    LowerCase,
    /// A digit.
    Digit,
    /// One of `!@#$%^&*()_+-=`.
    Symbol,
    /// Not one of the commonest passwords.
    Common,
    /// Contains the e-mail address's local part or the name.
    Personal,
}

impl PasswordRule {
    /// Every rule.
    pub const ALL: &'static [Self] = &[
        Self::Length,
        Self::UpperCase,
        Self::LowerCase,
        Self::Digit,
        Self::Symbol,
        Self::Common,
        Self::Personal,
    ];

    /// The rule's name in `details.reasons`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::UpperCase => "upper_case",
            Self::LowerCase => "lower_case",
            Self::Digit => "digit",
            Self::Symbol => "symbol",
            Self::Common => "common",
            Self::Personal => "personal",
        }
    }
}

impl fmt::Display for PasswordRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "must be 8 to 128 characters",
            Self::UpperCase => "must hold an upper-case letter",
            Self::LowerCase => "must hold a lower-case letter",
            Self::Digit => "must hold a digit",
            Self::Symbol => "must hold one of !@#$%^&*()_+-=",
            Self::Common => "must not be one of the commonest passwords",
            Self::Personal => "must not contain the e-mail address's local part or the name",
        })
    }
}

impl Password {
    /// Takes what was typed. Any text can be *tried*; a *new* password must break no rule.
    pub fn new(typed: impl Into<String>) -> Self {
        let mut typed = typed.into();
        let normal = typed.nfc().collect();
        typed.zeroize();
        Self(normal)
    }

    /// The password itself. Every call is a place to look at in a review.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// True when no stored password can be this one, so that hashing it would only serve an attacker's megabytes.
    pub fn is_too_long(&self) -> bool {
        self.0.chars().count() > *LENGTH.end()
    }

    /// The rules this breaks as a new password; `known` is what an attacker would try first: the address's local part,
    /// the name.
    pub fn broken_rules(&self, known: &[&str]) -> Vec<PasswordRule> {
        let text = &self.0;
        let mut broken = Vec::new();
        let mut rule = |kept: bool, rule| {
            if !kept {
                broken.push(rule);
            }
        };
        let length = text.chars().count();
        rule(LENGTH.contains(&length), PasswordRule::Length);
        rule(text.chars().any(char::is_uppercase), PasswordRule::UpperCase);
        rule(text.chars().any(char::is_lowercase), PasswordRule::LowerCase);
        rule(text.chars().any(|c| c.is_ascii_digit()), PasswordRule::Digit);
        rule(text.contains(|c| SYMBOLS.contains(c)), PasswordRule::Symbol);
        let is_short = (*LENGTH.start()..=LONGEST_COMMON).contains(&length);
        let is_common = || zxcvbn(text, &[]).guesses() <= COMMON_WITHIN_GUESSES;
        rule(!is_short || !is_common(), PasswordRule::Common);
        let lower = text.to_lowercase();
        let contains = |word: &&str| {
            word.chars().count() >= SHORTEST_KNOWN_WORD
                && lower.contains(&word.nfc().collect::<String>().to_lowercase())
        };
        rule(!known.iter().any(contains), PasswordRule::Personal);
        broken
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(***)")
    }
}

/// What is kept of a password: a PHC string (`$scrypt$ln=15,r=8,p=3$salt$hash`). A secret too, since it can be attacked
/// at leisure.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(Secret);

impl PasswordHash {
    /// Wraps a PHC string.
    pub fn new(phc: impl Into<String>) -> Self {
        Self(Secret::new(phc))
    }

    /// The PHC string.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(text: &str) -> Vec<PasswordRule> {
        Password::new(text).broken_rules(&["jane.doe", "Jane Doe"])
    }

    #[test]
    fn each_rule_is_named_when_it_is_broken() {
        use PasswordRule::{Common, Digit, Length, LowerCase, Personal, Symbol, UpperCase};
        let cases: &[(&str, &[PasswordRule])] = &[
            ("Tr4vel-light", &[]),
            ("SecurePass123!", &[]),
            ("Sh0rt-x", &[Length]),
            ("tr4vel-light", &[UpperCase]),
            ("TR4VEL-LIGHT", &[LowerCase]),
            ("Travel-light", &[Digit]),
            ("Tr4vel light", &[Symbol]),
            ("Password1!", &[Common]),
            ("P@ssw0rd!", &[Common]),
            ("Qwerty123!", &[Common]),
            ("xJANE.DOE-4x", &[Personal]),
            ("x-Jane Doe-4x", &[Personal]),
            ("", &[Length, UpperCase, LowerCase, Digit, Symbol]),
        ];
        for (text, rules) in cases {
            assert_eq!(broken(text), *rules, "{text}");
        }
    }

    #[test]
    fn the_longest_allowed_password_is_allowed_and_one_more_is_not() {
        let longest = "Aa1!".repeat(32);
        assert!(!broken(&longest).contains(&PasswordRule::Length));
        assert!(broken(&format!("{longest}x")).contains(&PasswordRule::Length));
        assert!(Password::new(format!("{longest}x")).is_too_long());
    }

    #[test]
    fn two_spellings_of_one_letter_are_one_password() {
        assert_eq!(Password::new("jose\u{301}").expose(), Password::new("jos\u{e9}").expose());
    }

    #[test]
    fn a_short_local_part_does_not_forbid_its_letters() {
        assert_eq!(Password::new("Tr4vel-light").broken_rules(&["tr"]), []);
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Password::new("hunter2")), "Password(***)");
        assert_eq!(format!("{:?}", PasswordHash::new("$scrypt$x")), "PasswordHash(***)");
    }
}
