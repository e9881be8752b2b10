use chrono::{DateTime, Utc};

use super::MemberRole;
use crate::{
    id::{CompanyId, InvitationId, UserId},
    value::{Email, Language},
};

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
