use chrono::{DateTime, Utc};
use data_encoding::BASE64URL_NOPAD;
use uuid::Uuid;

use super::MemberRole;
use crate::{
    id::{CompanyId, InvitationId, UserId},
    seal::DataKey,
    value::{Email, Language, Secret},
};

const CONTEXT: &str = "portcullis invitation code v1";
/// Tells people, and those who look for leaked secrets, what the text is.
const PREFIX: &str = "pci_";
const ID_LENGTH: usize = 16;
/// Half of the derived bytes: 128 bits that nobody guesses.
const PROOF_LENGTH: usize = 16;

/// An invitation to join a company, without its code: that is derived from the company's data key when it is shown, when it is mailed
/// and when it is used, so that neither the log nor a row can give it away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Which; random, so that each code is another one.
    pub id: InvitationId,
    /// Into which company.
    pub company: CompanyId,
    /// What the invited will be.
    pub role: MemberRole,
    /// Whose address it is mailed to and good for; without one it is good for whoever holds the code.
    pub email: Option<Email>,
    /// The language it is mailed in.
    pub language: Language,
    /// Who invites.
    pub invited_by: UserId,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Until when it is good.
    pub expires_at: DateTime<Utc>,
}

impl Invitation {
    /// The code that invites: the invitation's id, and the proof that whoever made the code had the company's data key.
    pub fn code(&self, company_key: &DataKey) -> Secret {
        let id = self.id.as_uuid().as_bytes();
        let proof = company_key.derive(CONTEXT, id);
        let bytes = [id.as_slice(), &proof[..PROOF_LENGTH]].concat();
        Secret::new(format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&bytes)))
    }

    /// Which invitation a code speaks of, be it good or forged; `None` where it is no code at all.
    pub(super) fn id_in(code: &Secret) -> Option<InvitationId> {
        let bytes = BASE64URL_NOPAD.decode(code.expose().strip_prefix(PREFIX)?.as_bytes()).ok()?;
        let (id, proof) = bytes.split_first_chunk::<ID_LENGTH>()?;
        (proof.len() == PROOF_LENGTH).then(|| InvitationId::new(Uuid::from_bytes(*id)))
    }

    /// Good still, and good for this address.
    pub(super) fn is_good_for(&self, email: &Email, now: DateTime<Utc>) -> bool {
        let is_theirs = self.email.as_ref().is_none_or(|invited| invited.folded() == email.folded());
        is_theirs && now < self.expires_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{SeededEntropy, invitation};

    #[test]
    fn a_code_leads_to_its_invitation_and_is_another_one_under_another_key() {
        let entropy = SeededEntropy::new(1);
        let (key, other) = (DataKey::generate(&entropy), DataKey::generate(&entropy));
        let invitation = invitation(MemberRole::Member);
        let code = invitation.code(&key);
        assert_eq!(Invitation::id_in(&code), Some(invitation.id));
        assert!(code == invitation.code(&key));
        assert!(code != invitation.code(&other));
        assert_eq!(Invitation::id_in(&invitation.code(&other)), Some(invitation.id));
    }

    #[test]
    fn what_is_no_code_speaks_of_no_invitation() {
        let key = DataKey::generate(&SeededEntropy::new(1));
        let code = invitation(MemberRole::Member).code(&key);
        let code = code.expose();
        let longer = format!("{code}AAAA");
        let bare = code.strip_prefix(PREFIX).expect("has it");
        for text in ["", "pci_", "pci_AAAA", "pci_\u{e4}", &code[..code.len() - 4], &longer, bare] {
            assert_eq!(Invitation::id_in(&Secret::new(text)), None, "{text}");
        }
    }

    #[test]
    fn an_invitation_is_good_for_its_address_alone_and_until_its_end() {
        let (jane, joe) = (Email::new("Jane@example.com"), Email::new("joe@example.com"));
        let open = invitation(MemberRole::Member);
        let now = open.created_at;
        assert!(open.is_good_for(&joe, now));
        assert!(!open.is_good_for(&joe, open.expires_at));
        let addressed = Invitation { email: Some(Email::new("jane@EXAMPLE.com")), ..open };
        assert!(addressed.is_good_for(&jane, now));
        assert!(!addressed.is_good_for(&joe, now));
    }
}
