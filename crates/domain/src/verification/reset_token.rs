use data_encoding::BASE64URL_NOPAD;
use uuid::Uuid;

use crate::{
    id::{OneTimeCodeId, UserId},
    seal::DataKey,
    value::Secret,
};

const CONTEXT: &str = "portcullis password reset token v1";
const ID_LENGTH: usize = 16;
/// 128 bits: more than anybody guesses, and with the ids a length that base64 fills, so that each token is written in one way.
const PROOF_LENGTH: usize = 16;

/// The token that goes into the mail: whose, which code, and a proof that only the person's key gives.
pub fn reset_token(key: &DataKey, user: UserId, code: OneTimeCodeId) -> Secret {
    let place = [user.as_uuid().as_bytes().as_slice(), code.as_uuid().as_bytes()].concat();
    let derived = key.derive(CONTEXT, &place);
    Secret::new(BASE64URL_NOPAD.encode(&[&place, &derived[..PROOF_LENGTH]].concat()))
}

/// What a token says of itself, before anything of it is proved.
pub(super) fn read(token: &Secret) -> Option<(UserId, OneTimeCodeId)> {
    let bytes = BASE64URL_NOPAD.decode(token.expose().as_bytes()).ok()?;
    let bytes: [u8; 2 * ID_LENGTH + PROOF_LENGTH] = bytes.try_into().ok()?;
    let id = |from: usize| Uuid::from_slice(&bytes[from..from + ID_LENGTH]).ok();
    Some((UserId::new(id(0)?), OneTimeCodeId::new(id(ID_LENGTH)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SeededEntropy;

    #[test]
    fn a_token_says_whose_it_is_and_differs_by_person_code_and_key() {
        let key = DataKey::generate(&SeededEntropy::new(1));
        let (user, code) = (UserId::new(Uuid::from_u128(1)), OneTimeCodeId::new(Uuid::from_u128(2)));
        let token = reset_token(&key, user, code);
        assert_eq!(token.expose().len(), 64);
        assert_eq!(read(&token), Some((user, code)));
        assert_eq!(token, reset_token(&key, user, code));
        let others = [
            reset_token(&DataKey::generate(&SeededEntropy::new(2)), user, code),
            reset_token(&key, UserId::new(Uuid::from_u128(3)), code),
            reset_token(&key, user, OneTimeCodeId::new(Uuid::from_u128(3))),
        ];
        for other in others {
            assert_ne!(token.expose()[43..], other.expose()[43..]);
        }
    }

    #[test]
    fn what_is_no_token_says_nothing() {
        let key = DataKey::generate(&SeededEntropy::new(1));
        let token =
            reset_token(&key, UserId::new(Uuid::from_u128(1)), OneTimeCodeId::new(Uuid::from_u128(2)));
        let token = token.expose();
        for text in [
            "",
            "token",
            &token[1..],
            &format!("{token}A"),
            &format!("{token}="),
            &token.replace('A', "!"),
            "한국어",
        ] {
            assert_eq!(read(&Secret::new(text)), None, "{text:?}");
        }
    }
}
