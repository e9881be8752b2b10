//! Between passwords, PHC strings and what scrypt derives.

use password_hash::phc::{self, Ident, Output, ParamsString, Salt};
use portcullis_domain::value::{Password, PasswordHash};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{
    parameters::{Parameters, ParametersError},
    stored::StoredHashError,
};

pub(crate) const SALT_LENGTH: usize = 16;
pub(crate) const OUTPUT_LENGTH: usize = 32;

const ALGORITHM: &str = "scrypt";

/// A hash made by scrypt, taken apart.
#[derive(Clone)]
pub(crate) struct Hash {
    pub(crate) parameters: Parameters,
    salt: Salt,
    output: Output,
}

impl Hash {
    /// Hashes a password.
    pub(crate) fn make(password: &Password, salt: [u8; SALT_LENGTH], parameters: Parameters) -> Self {
        let mut output = Zeroizing::new([0; OUTPUT_LENGTH]);
        derive(password, &salt, parameters, &mut *output);
        Self::new(salt, &output, parameters)
    }

    /// Puts a hash together.
    pub(crate) fn new(salt: [u8; SALT_LENGTH], output: &[u8; OUTPUT_LENGTH], parameters: Parameters) -> Self {
        Self {
            parameters,
            salt: Salt::new(&salt).expect("16 bytes are a salt"),
            output: Output::new(output).expect("32 bytes are an output"),
        }
    }

    /// Reads what a PHC string says.
    pub(crate) fn read(stored: &phc::PasswordHash) -> Result<Self, StoredHashError> {
        let (Some(salt), Some(output), None) = (stored.salt, stored.hash, stored.version) else {
            return Err(StoredHashError::Parts);
        };
        Ok(Self { parameters: parameters(&stored.params)?, salt, output })
    }

    /// Whether this is the password's hash; takes as long whatever the answer.
    pub(crate) fn matches(&self, password: &Password) -> bool {
        let mut buffer = Zeroizing::new([0; Output::MAX_LENGTH]);
        let output = &mut buffer[..self.output.len()];
        derive(password, &self.salt, self.parameters, output);
        output.ct_eq(self.output.as_bytes()).into()
    }

    /// Whether a hash made now would look the same but for its salt.
    pub(crate) fn is_like_new(&self, current: Parameters) -> bool {
        self.parameters == current && self.salt.len() == SALT_LENGTH && self.output.len() == OUTPUT_LENGTH
    }

    pub(crate) fn to_phc(&self) -> PasswordHash {
        let mut params = ParamsString::new();
        for (name, value) in [
            ("ln", u32::from(self.parameters.log_n())),
            ("r", self.parameters.r()),
            ("p", self.parameters.p()),
        ] {
            params.add_decimal(name, value).expect("three short parameters fit");
        }
        let phc = phc::PasswordHash {
            algorithm: Ident::new_unwrap(ALGORITHM),
            version: None,
            params,
            salt: Some(self.salt),
            hash: Some(self.output),
        };
        PasswordHash::new(phc.to_string())
    }
}

fn parameters(params: &ParamsString) -> Result<Parameters, StoredHashError> {
    let decimal = |name| params.get_decimal(name).ok_or(StoredHashError::Parts);
    let (log_n, r, p) = (decimal("ln")?, decimal("r")?, decimal("p")?);
    if params.iter().count() != 3 {
        return Err(StoredHashError::Parts);
    }
    let log_n = u8::try_from(log_n).map_err(|_| ParametersError::Range)?;
    Ok(Parameters::new(log_n, r, p)?)
}

fn derive(password: &Password, salt: &[u8], parameters: Parameters, output: &mut [u8]) {
    let params = scrypt::Params::new(parameters.log_n(), parameters.r(), parameters.p())
        .expect("parameters were checked more strictly");
    scrypt::scrypt(&key(password), salt, &params, output).expect("an output of a few bytes is allowed");
}

/// Takes the time that a hash with these parameters takes, and gives nothing.
pub(crate) fn spend(password: &Password, parameters: Parameters) {
    let mut output = Zeroizing::new([0; OUTPUT_LENGTH]);
    derive(password, &[], parameters, &mut *output);
    // Or the compiler might see that nobody reads it.
    std::hint::black_box(&output);
}

/// The password's bytes. The HMAC within scrypt fills short keys up with NUL (RFC 2104 §2), so that a password and the same
/// one with NUL after it would have one hash. One that ends so gets a last byte that no UTF-8 text has; every other password,
/// and so every hash that other software made, is as it is.
fn key(password: &Password) -> Zeroizing<Vec<u8>> {
    let bytes = password.expose().as_bytes();
    let mut key = Zeroizing::new(Vec::with_capacity(bytes.len() + 1));
    key.extend_from_slice(bytes);
    if bytes.ends_with(&[0]) {
        key.push(0xff);
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of passlib's documentation of `passlib.hash.scrypt`.
    const FOREIGN: &str =
        "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E";

    fn cheap() -> Parameters {
        Parameters::new(4, 1, 1).expect("possible")
    }

    fn read(stored: &str) -> Result<Hash, StoredHashError> {
        Hash::read(&phc::PasswordHash::new(stored).expect("a PHC string"))
    }

    #[test]
    fn a_hash_is_a_phc_string_and_reads_back() {
        let made = Hash::make(&Password::new("Tr4vel-light"), [7; SALT_LENGTH], cheap());
        let phc = made.to_phc();
        assert!(phc.expose().starts_with("$scrypt$ln=4,r=1,p=1$BwcHBwcHBwcHBwcHBwcHBw$"), "{}", phc.expose());
        let read = read(phc.expose()).expect("reads");
        assert!(read.is_like_new(cheap()));
        assert!(read.matches(&Password::new("Tr4vel-light")));
        assert!(!read.matches(&Password::new("Tr4vel-light ")));
    }

    /// RFC 7914 §12, the vector with N=16384, r=8 and p=1: the first 8 of its 64 bytes.
    #[test]
    fn the_derived_bytes_are_those_of_the_standard() {
        let mut output = [0; 8];
        let parameters = Parameters::new(14, 8, 1).expect("possible");
        derive(&Password::new("pleaseletmein"), b"SodiumChloride", parameters, &mut output);
        assert_eq!(output, [0x70, 0x23, 0xbd, 0xcb, 0x3a, 0xfd, 0x73, 0x48]);
    }

    #[test]
    fn a_hash_of_other_software_is_checked() {
        let hash = read(FOREIGN).expect("reads");
        assert!(hash.matches(&Password::new("password")));
        assert!(!hash.matches(&Password::new("passwort")));
        assert!(!hash.is_like_new(Parameters::default()));
    }

    #[test]
    fn passwords_that_differ_in_trailing_nul_alone_are_not_one() {
        let passwords = ["Tr4vel-light", "Tr4vel-light\0", "Tr4vel-light\0\0", "", "\0", "\0a"];
        for made in passwords {
            let hash = Hash::make(&Password::new(made), [7; SALT_LENGTH], cheap());
            for tried in passwords {
                assert_eq!(hash.matches(&Password::new(tried)), made == tried, "{made:?} {tried:?}");
            }
        }
    }

    #[test]
    fn a_short_salt_or_output_is_not_like_new() {
        let salt = "BwcHBwcHBwcHBwcHBwcHBw";
        let output = "A".repeat(43);
        let like_new = |salt: &str, output: &str| {
            let hash = read(&format!("$scrypt$ln=15,r=8,p=3${salt}${output}"));
            hash.expect("reads").is_like_new(Parameters::default())
        };
        assert!(like_new(salt, &output));
        assert!(!like_new("BwcHBwcHBwc", &output));
        assert!(!like_new(salt, &output[..22]));
    }

    #[test]
    fn what_is_no_scrypt_hash_is_refused() {
        let tail = FOREIGN.split_once("p=1").expect("has p").1;
        for (phc, error) in [
            (format!("$scrypt$v=1$ln=16,r=8,p=1{tail}"), StoredHashError::Parts),
            (format!("$scrypt$ln=16,r=8{tail}"), StoredHashError::Parts),
            (format!("$scrypt$ln=16,r=8,p=1,x=1{tail}"), StoredHashError::Parts),
            (format!("$scrypt$ln=16,ln=1,r=8,p=1{tail}"), StoredHashError::Parts),
            (format!("$scrypt$ln=16,r=8,p=-1{tail}"), StoredHashError::Parts),
            ("$scrypt$ln=16,r=8,p=1".to_owned(), StoredHashError::Parts),
            (format!("$scrypt$ln=300,r=8,p=1{tail}"), ParametersError::Range.into()),
            (format!("$scrypt$ln=15,r=0,p=1{tail}"), ParametersError::Range.into()),
        ] {
            assert_eq!(read(&phc).err(), Some(error), "{phc}");
        }
    }

    #[test]
    fn a_planted_hash_that_would_take_100_gibibytes_is_refused_unread() {
        let tail = FOREIGN.split_once("p=1").expect("has p").1;
        let refused = read(&format!("$scrypt$ln=30,r=100,p=1{tail}"));
        assert!(matches!(refused, Err(StoredHashError::Parameters(ParametersError::Memory(_)))));
    }
}
