//! Passwords that follow one another.

use chrono::{DateTime, Utc};

use super::{Credential, PASSWORD_HISTORY, User};
use crate::{
    identity::Identity,
    port::HashError,
    value::{Password, PasswordHash, Violations},
};

impl User {
    /// Checks a new password against the rules; `name` is the field's on the wire.
    pub(crate) fn check_new_password(
        &self,
        name: &'static str,
        password: &Password,
    ) -> Result<(), Violations> {
        let mut violations = Violations::default();
        let known = [self.profile.email.local_part(), self.profile.name.as_str()];
        violations.new_password(name, password, &known);
        violations.into_result(Some(()))
    }
}

impl Credential {
    /// The next one, which remembers `kept` of those before it.
    fn followed_by(&self, password: PasswordHash, kept: usize, now: DateTime<Utc>) -> Self {
        let before = std::iter::once(&self.password).chain(&self.history);
        let history = before.take(kept).cloned().collect();
        Self { user: self.user, password, changed_at: now, history }
    }
}

impl Identity {
    /// Whether a password is one of the last, where the policy asks.
    pub(crate) async fn is_reused(
        &self,
        credential: &Credential,
        password: &Password,
    ) -> Result<bool, HashError> {
        if !self.policy().password_history {
            return Ok(false);
        }
        let last = std::iter::once(&credential.password).chain(&credential.history);
        for hash in last.take(PASSWORD_HISTORY) {
            if self.ports().password_hasher.verify(password, Some(hash)).await?.is_match() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The credential with a new password.
    pub(crate) fn replaced(
        &self,
        credential: &Credential,
        hash: PasswordHash,
        now: DateTime<Utc>,
    ) -> Credential {
        let kept = if self.policy().password_history { PASSWORD_HISTORY - 1 } else { 0 };
        credential.followed_by(hash, kept, now)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::id::UserId;

    #[test]
    fn the_last_passwords_are_remembered_newest_first_and_no_more() {
        let now = DateTime::UNIX_EPOCH;
        let user = UserId::new(Uuid::from_u128(1));
        let first =
            Credential { user, password: PasswordHash::new("0"), changed_at: now, history: Vec::new() };
        let last = (1..=6).fold(first, |credential, number: u32| {
            credential.followed_by(PasswordHash::new(number.to_string()), PASSWORD_HISTORY - 1, now)
        });
        let history: Vec<_> = last.history.iter().map(PasswordHash::expose).collect();
        assert_eq!((last.password.expose(), history), ("6", vec!["5", "4", "3", "2"]));
        assert!(last.followed_by(PasswordHash::new("7"), 0, now).history.is_empty());
    }
}
