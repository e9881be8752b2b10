use thiserror::Error;

use crate::{
    caller::{Caller, Origin, Permission, PermissionDenied, Role},
    identity::Identity,
    user::{Account, Register, RegisterError, RegisterInput},
    value::Violations,
};

/// An account to be made, every field of it valid.
#[derive(Debug)]
pub struct CreateUser(Register);

/// Why no account was made.
#[derive(Debug, Error)]
pub enum CreateUserError {
    /// The caller may not make it.
    #[error(transparent)]
    Denied(#[from] PermissionDenied),
    /// For a reason for which nobody is registered.
    #[error(transparent)]
    Register(#[from] RegisterError),
}

impl CreateUser {
    /// Parses what an administrator sent; all violations at once.
    pub fn parse(input: RegisterInput, role: Role, is_verified: bool) -> Result<Self, Violations> {
        Ok(Self(Register { role, is_verified, ..Register::parse(input)? }))
    }
}

/// Who may make an ordinary account may not make an administrator's by it.
fn authorise(caller: &Caller, command: &CreateUser) -> Result<(), PermissionDenied> {
    caller.require(Permission::UserCreate)?;
    match command.0.role {
        Role::User => Ok(()),
        Role::Moderator | Role::Admin => caller.require(Permission::UserUpdateRole),
    }
}

impl Identity {
    /// Makes an account for somebody. Unless its address needs no proof, a code is mailed to it.
    pub async fn create_user(
        &self,
        caller: &Caller,
        command: CreateUser,
        origin: &Origin,
    ) -> Result<Account, CreateUserError> {
        authorise(caller, &command)?;
        Ok(self.open_account(command.0, Some(caller), origin).await?)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        id::{SessionId, UserId},
        value::{Language, Password},
    };

    fn command(role: Role) -> CreateUser {
        let input = RegisterInput {
            email: "jane@example.com".to_owned(),
            password: Password::new("Tr4vel-light"),
            name: "Jane Doe".to_owned(),
            username: None,
            phone: None,
            business_type: None,
            business_number: None,
            industry: None,
            region: None,
            language: Language::En,
        };
        CreateUser::parse(input, role, true).expect("valid")
    }

    fn refused(permissions: &[Permission], role: Role) -> Option<Permission> {
        let caller = Caller {
            user: UserId::new(Uuid::from_u128(1)),
            session: SessionId::new(Uuid::from_u128(2)),
            permissions: permissions.to_vec(),
        };
        authorise(&caller, &command(role)).err().map(|denied| denied.required)
    }

    #[test]
    fn who_may_not_change_roles_makes_ordinary_accounts_alone() {
        use Permission::{UserCreate, UserUpdateRole};
        assert_eq!(refused(&[UserCreate], Role::User), None);
        assert_eq!(refused(&[UserCreate], Role::Moderator), Some(UserUpdateRole));
        assert_eq!(refused(&[UserCreate], Role::Admin), Some(UserUpdateRole));
        assert_eq!(refused(&[UserCreate, UserUpdateRole], Role::Admin), None);
        assert_eq!(refused(&[UserUpdateRole], Role::User), Some(UserCreate));
    }
}
