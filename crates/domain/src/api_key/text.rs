//! The text of a key: `pck_<prefix>_<secret>`, the secret's last six characters a checksum of all before them.

use std::fmt;

use thiserror::Error;

use super::SecretHash;
use crate::{port::Entropy, value::Secret};

/// By which people, logs and scanners of repositories know a key of this service when they see one.
const MARK: &str = "pck_";
/// 62 to the 12th are 71 bits: no two keys are drawn alike.
const PREFIX: usize = 12;
/// 62 to the 32nd are 190 bits: nobody guesses one, however fast its hash is.
const SECRET: usize = 32;
/// What 32 bits take.
const CHECKSUM: usize = 6;
const LENGTH: usize = MARK.len() + PREFIX + 1 + SECRET + CHECKSUM;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Separates these hashes from every other use of BLAKE3.
const CONTEXT: &str = "portcullis api key v1";

/// The public part of a key's text: what a key is found and known by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiKeyPrefix(String);

/// The whole text of a key, which its owner alone knows; its checksum is right.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKeySecret {
    text: Secret,
    prefix: ApiKeyPrefix,
}

/// A text that never was a key: cut, extended, or with a slip in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no key was ever written like this")]
pub struct Mistyped;

impl ApiKeyPrefix {
    /// Wraps a prefix read back from a store.
    pub fn new(trusted: impl Into<String>) -> Self {
        Self(trusted.into())
    }

    /// The prefix.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ApiKeyPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ApiKeySecret {
    /// Draws a key with a prefix of its own.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut prefix = String::with_capacity(PREFIX);
        draw(&mut prefix, PREFIX, entropy);
        Self::generate_under(ApiKeyPrefix(prefix), entropy)
    }

    /// Draws another secret under a prefix that is there.
    pub fn generate_under(prefix: ApiKeyPrefix, entropy: &dyn Entropy) -> Self {
        // Large enough that it never moves and leaves a copy behind.
        let mut text = String::with_capacity(LENGTH);
        text.extend([MARK, prefix.as_str(), "_"]);
        draw(&mut text, SECRET, entropy);
        let checksum = checksum(&text);
        text.extend(checksum.map(char::from));
        Self { text: Secret::new(text), prefix }
    }

    /// Reads what somebody showed. Whether such a key was ever given out, a store alone knows.
    pub fn parse(text: &Secret) -> Result<Self, Mistyped> {
        let shown = text.expose();
        let rest = shown.strip_prefix(MARK).filter(|_| shown.len() == LENGTH).ok_or(Mistyped)?;
        let (prefix, secret) = rest.split_once('_').ok_or(Mistyped)?;
        let is_whole = prefix.len() == PREFIX && secret.bytes().all(|b| ALPHABET.contains(&b));
        if !is_whole || !prefix.bytes().all(|b| ALPHABET.contains(&b)) {
            return Err(Mistyped);
        }
        let (before, given) = shown.split_at(LENGTH - CHECKSUM);
        if given.as_bytes() != checksum(before) {
            return Err(Mistyped);
        }
        Ok(Self { prefix: ApiKeyPrefix(prefix.to_owned()), text: text.clone() })
    }

    /// Whether a text means to be a key of this service, for those who take several kinds of tokens.
    pub fn is_meant_by(text: &Secret) -> bool {
        text.expose().starts_with(MARK)
    }

    /// The public part.
    pub const fn prefix(&self) -> &ApiKeyPrefix {
        &self.prefix
    }

    /// What is kept of it. The prefix is hashed with the secret: a hash moved to another row opens nothing.
    pub fn hash(&self) -> SecretHash {
        SecretHash(blake3::derive_key(CONTEXT, self.text.expose().as_bytes()))
    }

    /// The text itself, to be shown once. Every call is a place to look at in a review.
    pub fn expose(&self) -> &str {
        self.text.expose()
    }
}

impl fmt::Debug for ApiKeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKeySecret({}, ***)", self.prefix)
    }
}

/// Draws characters, each as likely as any other: bytes beyond the last whole round of the alphabet are drawn again.
fn draw(text: &mut String, count: usize, entropy: &dyn Entropy) {
    const ROUND: u8 = 62 * 4;
    let end = text.len() + count;
    while text.len() < end {
        let mut byte = [0];
        entropy.fill(&mut byte);
        if byte[0] < ROUND {
            text.push(char::from(ALPHABET[usize::from(byte[0] % 62)]));
        }
    }
}

/// CRC-32 (ISO-HDLC, that of zip and PNG) of what comes before it, in base 62, most significant first.
fn checksum(text: &str) -> [u8; CHECKSUM] {
    let mut rest = crc32fast::hash(text.as_bytes());
    let mut characters = [ALPHABET[0]; CHECKSUM];
    for character in characters.iter_mut().rev() {
        *character = ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    characters
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SeededEntropy;

    fn key() -> ApiKeySecret {
        ApiKeySecret::generate(&SeededEntropy::new(1))
    }

    fn parse(text: &str) -> Result<ApiKeySecret, Mistyped> {
        ApiKeySecret::parse(&Secret::new(text))
    }

    #[test]
    fn a_key_reads_as_it_was_made() {
        let key = key();
        assert_eq!(key.expose().len(), 55);
        assert_eq!(parse(key.expose()), Ok(key.clone()));
        assert!(key.expose().starts_with(&format!("pck_{}_", key.prefix())));
    }

    /// So that a scanner written elsewhere can be checked against it.
    #[test]
    fn the_checksum_is_the_crc_32_of_all_before_it_in_base_62() {
        // CRC-32 of "123456789" is 0xcbf43926 by every table of check values.
        assert_eq!(&checksum("123456789"), b"3jZRME");
    }

    #[test]
    fn any_slip_is_noticed_before_anybody_is_asked() {
        let text = key().expose().to_owned();
        for place in 0..text.len() {
            for other in ["0", "z", "_", "é"] {
                if text[place..=place] != *other {
                    let slip = format!("{}{other}{}", &text[..place], &text[place + 1..]);
                    assert_eq!(parse(&slip), Err(Mistyped), "{slip}");
                }
            }
        }
        for place in 1..text.len() {
            let mut swapped = text.clone().into_bytes();
            swapped.swap(place - 1, place);
            let swapped = String::from_utf8(swapped).expect("text");
            assert_eq!(parse(&swapped).is_err(), swapped != text, "{swapped}");
        }
    }

    #[test]
    fn what_is_no_key_is_mistyped() {
        let text = key().expose().to_owned();
        let long = format!("{text}0");
        for other in ["", "pck_", "pck__", &text[1..], &text[..text.len() - 1], &long, &"pck_".repeat(99)] {
            assert_eq!(parse(other), Err(Mistyped), "{other}");
        }
    }

    #[test]
    fn another_secret_under_one_prefix_has_another_hash() {
        let entropy = SeededEntropy::new(2);
        let one = ApiKeySecret::generate(&entropy);
        let other = ApiKeySecret::generate_under(one.prefix().clone(), &entropy);
        assert_eq!(one.prefix(), other.prefix());
        assert_ne!(one.hash(), other.hash());
        assert_eq!(parse(other.expose()), Ok(other.clone()));
    }

    #[test]
    fn debug_shows_the_prefix_alone() {
        let key = key();
        let secret = &key.expose()[17..];
        assert!(!format!("{key:?}").contains(secret));
        assert!(format!("{key:?}").contains(key.prefix().as_str()));
    }
}
