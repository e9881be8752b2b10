//! Failures of what is done with companies.

use portcullis_domain::{
    code::Code,
    company::{
        ApproveMemberError, ChangeMemberRoleError, GetCompanyError, InviteMemberError, ListMembersError,
        MembershipError, OwnCompanyError, RegisterCompanyError, RegisterMemberError, RemoveMemberError,
        UpdateCompanyError,
    },
    user::RegisterError,
};

use super::{Fails, Failure};

/// What is in the way of whoever would leave a company without an owner.
const LAST_OWNER: &str = "last_owner";
/// What is in the way of whoever would make something of somebody who is not approved yet.
const MEMBERSHIP_PENDING: &str = "membership_pending";

impl From<MembershipError> for Failure {
    fn from(error: MembershipError) -> Self {
        match error {
            MembershipError::NoCompany => Self::new(Code::CompanyNotFound),
            MembershipError::Pending => Self::new(Code::MembershipPending),
            MembershipError::Denied(right) => Self::denied(right.as_str()),
        }
    }
}

impl Fails for RegisterCompanyError {
    const CODES: &'static [Code] = &[
        Code::ValidationFailed,
        Code::InvalidEmailFormat,
        Code::WeakPassword,
        Code::EmailAlreadyExists,
        Code::BusinessNumberAlreadyExists,
        Code::Overloaded,
    ];

    fn into_failure(self) -> Failure {
        match self {
            Self::Owner(error) => error.into_failure(),
            Self::BusinessNumberTaken => Failure::new(Code::BusinessNumberAlreadyExists),
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for RegisterMemberError {
    const CODES: &'static [Code] = &[
        Code::ValidationFailed,
        Code::InvalidEmailFormat,
        Code::WeakPassword,
        Code::InvitationInvalid,
        Code::CompanyNotFound,
        Code::EmailAlreadyExists,
        Code::UsernameAlreadyExists,
        Code::Overloaded,
    ];

    fn into_failure(self) -> Failure {
        match self {
            Self::Account(error) => RegisterError::into_failure(error),
            Self::CompanyNotFound => Failure::new(Code::CompanyNotFound),
            Self::InvitationInvalid => Failure::new(Code::InvitationInvalid),
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for OwnCompanyError {
    const CODES: &'static [Code] =
        &[Code::TokenInvalid, Code::TokenExpired, Code::MembershipPending, Code::CompanyNotFound];

    fn into_failure(self) -> Failure {
        match self {
            Self::Membership(error) => error.into(),
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for GetCompanyError {
    const CODES: &'static [Code] = &[
        Code::ValidationFailed,
        Code::TokenInvalid,
        Code::TokenExpired,
        Code::PermissionDenied,
        Code::CompanyNotFound,
    ];

    fn into_failure(self) -> Failure {
        match self {
            Self::Denied(denied) => denied.into(),
            Self::NotFound => Failure::new(Code::CompanyNotFound),
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for UpdateCompanyError {
    const CODES: &'static [Code] = &[
        Code::ValidationFailed,
        Code::TokenInvalid,
        Code::TokenExpired,
        Code::PermissionDenied,
        Code::MembershipPending,
        Code::CompanyNotFound,
        Code::BusinessNumberAlreadyExists,
    ];

    fn into_failure(self) -> Failure {
        match self {
            Self::Invalid(violations) => violations.into(),
            Self::Membership(error) => error.into(),
            Self::BusinessNumberTaken => Failure::new(Code::BusinessNumberAlreadyExists),
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for ListMembersError {
    const CODES: &'static [Code] = &[
        Code::ValidationFailed,
        Code::TokenInvalid,
        Code::TokenExpired,
        Code::PermissionDenied,
        Code::MembershipPending,
        Code::CompanyNotFound,
    ];

    fn into_failure(self) -> Failure {
        match self {
            Self::Membership(error) => error.into(),
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for InviteMemberError {
    const CODES: &'static [Code] = &[
        Code::ValidationFailed,
        Code::InvalidEmailFormat,
        Code::TokenInvalid,
        Code::TokenExpired,
        Code::PermissionDenied,
        Code::MembershipPending,
        Code::CompanyNotFound,
    ];

    fn into_failure(self) -> Failure {
        match self {
            Self::Invalid(violations) => violations.into(),
            Self::Membership(error) => error.into(),
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for ApproveMemberError {
    const CODES: &'static [Code] = &[
        Code::ValidationFailed,
        Code::TokenInvalid,
        Code::TokenExpired,
        Code::PermissionDenied,
        Code::MembershipPending,
        Code::CompanyNotFound,
        Code::UserNotFound,
    ];

    fn into_failure(self) -> Failure {
        match self {
            Self::Membership(error) => error.into(),
            Self::MemberNotFound => Failure::new(Code::UserNotFound),
            Self::Store(error) => error.into(),
        }
    }
}

/// As an approval, and where what is there forbids it.
const MAY_LEAVE_NO_OWNER: [Code; 8] = [
    Code::ValidationFailed,
    Code::TokenInvalid,
    Code::TokenExpired,
    Code::PermissionDenied,
    Code::MembershipPending,
    Code::CompanyNotFound,
    Code::UserNotFound,
    Code::StateConflict,
];

impl Fails for ChangeMemberRoleError {
    const CODES: &'static [Code] = &MAY_LEAVE_NO_OWNER;

    fn into_failure(self) -> Failure {
        match self {
            Self::Invalid(violations) => violations.into(),
            Self::Membership(error) => error.into(),
            Self::MemberNotFound => Failure::new(Code::UserNotFound),
            Self::TargetPending => Failure::forbidden_by(MEMBERSHIP_PENDING),
            Self::LastOwner => Failure::forbidden_by(LAST_OWNER),
            Self::Store(error) => error.into(),
        }
    }
}

impl Fails for RemoveMemberError {
    const CODES: &'static [Code] = &MAY_LEAVE_NO_OWNER;

    fn into_failure(self) -> Failure {
        match self {
            Self::Membership(error) => error.into(),
            Self::MemberNotFound => Failure::new(Code::UserNotFound),
            Self::LastOwner => Failure::forbidden_by(LAST_OWNER),
            Self::Store(error) => error.into(),
        }
    }
}
