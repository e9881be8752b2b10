use std::str::FromStr;

use ::bcrypt::HashParts;
use portcullis_domain::value::{Password, PasswordHash};

use crate::{cost::Cost, stored::StoredHashError};

/// bcrypt's own limits of its cost, which is a binary logarithm.
const COST: std::ops::RangeInclusive<u32> = 4..=31;
/// How many units of scrypt's work one round of bcrypt takes as long as.
const WORK_OF_A_ROUND: u64 = 160;
/// Blowfish's boxes.
const MEMORY: u64 = 4 << 10;

/// A hash made by bcrypt: `$2a$`, `$2b$` or `$2y$`, which differ in nothing that UTF-8 text of our lengths can show. `$2x$` marks
/// hashes of a faulty implementation and is not read.
///
/// bcrypt sees the first 72 bytes of a password and nothing behind them; whoever signs in with those matches, as they did in the
/// system that made the hash, until their sign-in replaces it by one that counts the whole password. It also ends a password at the
/// first NUL: one that holds any matches nothing here, since it would match where a part of it does.
#[derive(Clone)]
pub(crate) struct Bcrypt {
    stored: PasswordHash,
    cost: u32,
}

impl Bcrypt {
    pub(crate) fn parse(stored: &PasswordHash) -> Result<Self, StoredHashError> {
        if stored.expose().starts_with("$2x$") {
            return Err(StoredHashError::Algorithm);
        }
        let parts = HashParts::from_str(stored.expose()).map_err(|_| StoredHashError::Format)?;
        match parts.get_cost() {
            cost if COST.contains(&cost) => Ok(Self { stored: stored.clone(), cost }),
            _ => Err(StoredHashError::Parts),
        }
    }

    pub(crate) const fn cost(&self) -> Cost {
        Cost { memory: MEMORY, work: WORK_OF_A_ROUND << self.cost }
    }

    /// Takes as long whatever the answer.
    pub(crate) fn matches(&self, password: &Password) -> bool {
        let password = password.expose();
        let matches =
            ::bcrypt::verify(password, self.stored.expose()).expect("the hash was taken apart before");
        matches && !password.contains('\0')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of libxcrypt: `crypt("Tr4vel-light", "$2b$04$abcdefghijklmnopqrstuu")`.
    const FOREIGN: &str = "$2b$04$abcdefghijklmnopqrstuuJqRuf8a1xwL37ZRPMsEZ2R5eHYIOa/O";
    /// Of libxcrypt, of 80 times `x`.
    const LONG: &str = "$2b$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i";

    fn matches(stored: &str, password: &str) -> bool {
        let hash = Bcrypt::parse(&PasswordHash::new(stored)).expect("reads");
        hash.matches(&Password::new(password))
    }

    #[test]
    fn a_hash_of_other_software_is_checked_whichever_letter_it_has() {
        for letter in ["a", "b", "y"] {
            let stored = FOREIGN.replace("$2b$", &format!("$2{letter}$"));
            assert!(matches(&stored, "Tr4vel-light"), "{stored}");
            assert!(!matches(&stored, "Tr4vel-lighT"), "{stored}");
            assert!(!matches(&stored, ""), "{stored}");
        }
    }

    #[test]
    fn a_password_of_more_than_72_bytes_matches_by_the_first_72_as_where_it_came_from() {
        assert!(matches(LONG, &"x".repeat(80)));
        assert!(matches(LONG, &"x".repeat(72)));
        assert!(!matches(LONG, &"x".repeat(71)));
        assert!(!matches(LONG, &format!("y{}", "x".repeat(79))));
    }

    #[test]
    fn a_password_that_holds_nul_matches_nothing() {
        for password in ["Tr4vel-light\0", "Tr4vel-light\0x", "Tr4vel-light\0Tr4vel-light", "\0"] {
            assert!(!matches(FOREIGN, password), "{password:?}");
        }
    }

    #[test]
    fn what_is_no_bcrypt_hash_is_refused() {
        for (stored, error) in [
            (FOREIGN.replace("$2b$", "$2x$"), StoredHashError::Algorithm),
            (FOREIGN.replace("$2b$", "$2c$"), StoredHashError::Format),
            (FOREIGN.replace("$04$", "$03$"), StoredHashError::Parts),
            (FOREIGN.replace("$04$", "$32$"), StoredHashError::Parts),
            (FOREIGN.replace("$04$", "$xx$"), StoredHashError::Format),
            (FOREIGN[..59].to_owned(), StoredHashError::Format),
            (format!("{FOREIGN} "), StoredHashError::Format),
            (FOREIGN.replace('J', "!"), StoredHashError::Format),
            ("$2".to_owned(), StoredHashError::Format),
            (format!("$2b$04${}", "é".repeat(26)), StoredHashError::Format),
        ] {
            assert_eq!(Bcrypt::parse(&PasswordHash::new(stored.as_str())).err(), Some(error), "{stored}");
        }
    }
}
