//! Hashes as they are stored: those made here, and those that people brought along from another system.

use password_hash::phc;
use portcullis_domain::{
    port::UnreadableHash,
    value::{Password, PasswordHash},
};
use thiserror::Error;

use crate::{
    argon2::Argon2,
    bcrypt::Bcrypt,
    cost::Cost,
    hash::Hash,
    parameters::{Parameters, ParametersError},
};

/// A stored hash cannot be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum StoredHashError {
    /// It is neither a PHC string nor one of bcrypt's.
    #[error("the stored hash is neither a PHC string nor one of bcrypt's")]
    Format,
    /// It was made by something else than scrypt, argon2id, argon2i and bcrypt.
    #[error("the stored hash is of none of scrypt, argon2id, argon2i and bcrypt")]
    Algorithm,
    /// It lacks a parameter, the salt or the hash, or has something else beside them.
    #[error("the stored hash has not the parts of its function")]
    Parts,
    /// Its parameters are none of scrypt's.
    #[error(transparent)]
    Parameters(#[from] ParametersError),
    /// Checking it would take more memory or time than any setting in use.
    #[error("checking the stored hash would take more memory or time than is allowed")]
    TooExpensive,
}

impl From<StoredHashError> for UnreadableHash {
    fn from(error: StoredHashError) -> Self {
        match error {
            StoredHashError::Format
            | StoredHashError::Algorithm
            | StoredHashError::Parts
            | StoredHashError::Parameters(ParametersError::Range) => Self::Unsupported,
            StoredHashError::Parameters(ParametersError::Memory(_)) | StoredHashError::TooExpensive => {
                Self::TooExpensive
            }
        }
    }
}

/// A stored hash, taken apart.
#[derive(Clone)]
pub(crate) enum Stored {
    Scrypt(Hash),
    Argon2(Argon2),
    Bcrypt(Bcrypt),
}

impl Stored {
    /// Takes a stored hash apart, if checking it is affordable where new hashes are made with `current`.
    pub(crate) fn parse(stored: &PasswordHash, current: Parameters) -> Result<Self, StoredHashError> {
        let parsed = if stored.expose().starts_with("$2") {
            Self::Bcrypt(Bcrypt::parse(stored)?)
        } else {
            let stored = phc::PasswordHash::new(stored.expose()).map_err(|_| StoredHashError::Format)?;
            match stored.algorithm.as_str() {
                "scrypt" => Self::Scrypt(Hash::read(&stored)?),
                "argon2id" => Self::Argon2(Argon2::read(&stored, argon2::Algorithm::Argon2id)?),
                "argon2i" => Self::Argon2(Argon2::read(&stored, argon2::Algorithm::Argon2i)?),
                _ => return Err(StoredHashError::Algorithm),
            }
        };
        if parsed.cost().is_affordable_beside(&current.cost()) {
            Ok(parsed)
        } else {
            Err(StoredHashError::TooExpensive)
        }
    }

    /// What checking a password against it takes.
    pub(crate) fn cost(&self) -> Cost {
        match self {
            Self::Scrypt(hash) => hash.parameters.cost(),
            Self::Argon2(hash) => hash.cost(),
            Self::Bcrypt(hash) => hash.cost(),
        }
    }

    /// Whether this is the password's hash; takes as long whatever the answer.
    pub(crate) fn matches(&self, password: &Password) -> bool {
        match self {
            Self::Scrypt(hash) => hash.matches(password),
            Self::Argon2(hash) => hash.matches(password),
            Self::Bcrypt(hash) => hash.matches(password),
        }
    }

    /// Whether a hash made now would look the same but for its salt.
    pub(crate) fn is_like_new(&self, current: Parameters) -> bool {
        match self {
            Self::Scrypt(hash) => hash.is_like_new(current),
            Self::Argon2(_) | Self::Bcrypt(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAIL: &str = "$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E";

    fn parse(stored: &str) -> Result<Stored, StoredHashError> {
        Stored::parse(&PasswordHash::new(stored), Parameters::default())
    }

    #[test]
    fn a_hash_of_another_function_is_never_like_new() {
        for stored in [
            format!("$argon2id$v=19$m=65536,t=3,p=4{TAIL}"),
            format!("$argon2i$v=19$m=65536,t=3,p=4{TAIL}"),
            "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW".to_owned(),
        ] {
            assert!(!parse(&stored).expect("reads").is_like_new(Parameters::default()), "{stored}");
        }
    }

    #[test]
    fn what_is_no_hash_of_a_known_function_is_refused() {
        for stored in ["", "$", "scrypt", "password", "$scrypt$ln=16,r=8,p=1$*$*", "{bcrypt}$2b$12$R9h"] {
            assert_eq!(parse(stored).err(), Some(StoredHashError::Format), "{stored}");
        }
        for name in ["argon2d", "pbkdf2-sha256", "yescrypt", "md5"] {
            let stored = format!("${name}$v=19$m=64,t=1,p=1{TAIL}");
            assert_eq!(parse(&stored).err(), Some(StoredHashError::Algorithm), "{stored}");
        }
    }

    #[test]
    fn a_planted_hash_that_would_take_the_machine_is_refused_unread() {
        for stored in [
            format!("$scrypt$ln=20,r=8,p=1{TAIL}"),
            format!("$scrypt$ln=10,r=8,p=1000000{TAIL}"),
            format!("$argon2id$v=19$m=4294967295,t=1,p=1{TAIL}"),
            format!("$argon2id$v=19$m=1048576,t=1,p=1{TAIL}"),
            format!("$argon2i$v=19$m=64,t=4294967295,p=1{TAIL}"),
            "$2b$31$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW".to_owned(),
            "$2b$16$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW".to_owned(),
        ] {
            let refused = parse(&stored).err();
            assert_eq!(refused, Some(StoredHashError::TooExpensive), "{stored}");
            assert_eq!(refused.map(UnreadableHash::from), Some(UnreadableHash::TooExpensive));
        }
    }

    #[test]
    fn what_other_systems_are_advised_to_use_is_affordable() {
        for stored in [
            format!("$argon2id$v=19$m=47104,t=1,p=1{TAIL}"),
            format!("$argon2id$v=19$m=19456,t=2,p=1{TAIL}"),
            format!("$argon2id$v=19$m=65536,t=3,p=4{TAIL}"),
            format!("$argon2id$v=19$m=102400,t=2,p=8{TAIL}"),
            format!("$argon2id$v=19$m=262144,t=3,p=1{TAIL}"),
            format!("$scrypt$ln=17,r=8,p=1{TAIL}"),
            "$2b$10$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW".to_owned(),
            "$2y$14$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW".to_owned(),
        ] {
            assert!(parse(&stored).is_ok(), "{stored}");
        }
    }
}
