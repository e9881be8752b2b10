use ::argon2::{Algorithm, Params, Version};
use password_hash::phc::{self, Output, Salt};
use portcullis_domain::value::Password;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{cost::Cost, stored::StoredHashError};

/// How many units of scrypt's work one pass over one kibibyte takes as long as.
const WORK_OF_A_KIBIBYTE: u64 = 2;

/// A hash made by [argon2](https://www.rfc-editor.org/rfc/rfc9106), of the variants that are used for passwords.
#[derive(Clone)]
pub(crate) struct Argon2 {
    algorithm: Algorithm,
    version: Version,
    params: Params,
    salt: Salt,
    output: Output,
}

impl Argon2 {
    /// Reads what a PHC string says. One that was made with a key or with associated data names them, and is refused: they are
    /// elsewhere.
    pub(crate) fn read(stored: &phc::PasswordHash, algorithm: Algorithm) -> Result<Self, StoredHashError> {
        let (Some(salt), Some(output)) = (stored.salt, stored.hash) else {
            return Err(StoredHashError::Parts);
        };
        let decimal = |name| stored.params.get_decimal(name).ok_or(StoredHashError::Parts);
        let (m, t, p) = (decimal("m")?, decimal("t")?, decimal("p")?);
        if stored.params.iter().count() != 3 {
            return Err(StoredHashError::Parts);
        }
        // Strings of the first version, 1.0, did not say it.
        let version = stored.version.unwrap_or(Version::V0x10.into());
        let version = Version::try_from(version).map_err(|_| StoredHashError::Parts)?;
        let params = Params::new(m, t, p, Some(output.len())).map_err(|_| StoredHashError::Parts)?;
        Ok(Self { algorithm, version, params, salt, output })
    }

    pub(crate) fn cost(&self) -> Cost {
        let kibibytes = u64::from(self.params.m_cost());
        let passes = u64::from(self.params.t_cost());
        Cost {
            memory: kibibytes.saturating_mul(1 << 10),
            work: kibibytes.saturating_mul(passes).saturating_mul(WORK_OF_A_KIBIBYTE),
        }
    }

    /// Takes as long whatever the answer.
    pub(crate) fn matches(&self, password: &Password) -> bool {
        let mut buffer = Zeroizing::new([0; Output::MAX_LENGTH]);
        let output = &mut buffer[..self.output.len()];
        ::argon2::Argon2::new(self.algorithm, self.version, self.params.clone())
            .hash_password_into(password.expose().as_bytes(), &self.salt, output)
            .expect("salt and output were of allowed lengths when they were read");
        output.ct_eq(self.output.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the test vectors of the reference implementation.
    const VECTORS: [&str; 3] = [
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA",
        "$argon2i$m=65536,t=2,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ",
    ];

    fn read(stored: &str) -> Result<Argon2, StoredHashError> {
        let stored = phc::PasswordHash::new(stored).expect("a PHC string");
        let algorithm = Algorithm::new(stored.algorithm).expect("of argon2");
        Argon2::read(&stored, algorithm)
    }

    #[test]
    fn a_hash_of_other_software_is_checked_in_both_versions() {
        for stored in VECTORS {
            let hash = read(stored).expect("reads");
            assert!(hash.matches(&Password::new("password")), "{stored}");
            assert!(!hash.matches(&Password::new("passwort")), "{stored}");
            assert!(!hash.matches(&Password::new("password\0")), "{stored}");
        }
    }

    #[test]
    fn what_argon2_does_not_define_or_is_not_said_is_refused() {
        let tail = "$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        for head in [
            "v=18$m=256,t=2,p=1",
            "v=19$m=256,t=2",
            "v=19$m=256,t=0,p=1",
            "v=19$m=256,t=2,p=0",
            "v=19$m=7,t=2,p=1",
            "v=19$m=256,t=2,p=1,keyid=AAAA",
            "v=19$m=256,t=2,p=1,data=AAAA",
            "v=19$m=4294967296,t=2,p=1",
        ] {
            assert_eq!(
                read(&format!("$argon2id${head}{tail}")).err(),
                Some(StoredHashError::Parts),
                "{head}"
            );
        }
        assert_eq!(read("$argon2id$v=19$m=256,t=2,p=1").err(), Some(StoredHashError::Parts));
    }
}
