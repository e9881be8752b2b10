use thiserror::Error;

use super::{Company, MembershipError, standing::Standing};
use crate::{
    caller::{Caller, Permission, PermissionDenied},
    id::CompanyId,
    identity::Identity,
    port::StoreError,
};

/// Why the caller's company is not shown.
#[derive(Debug, Error)]
pub enum OwnCompanyError {
    /// They have none, or are not in yet.
    #[error(transparent)]
    Membership(#[from] MembershipError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a company is not shown.
#[derive(Debug, Error)]
pub enum GetCompanyError {
    /// It is not the caller's own, and their role does not allow more.
    #[error(transparent)]
    Denied(#[from] PermissionDenied),
    /// There is no such company.
    #[error("no such company")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Identity {
    /// The company that the caller belongs to.
    pub async fn own_company(&self, caller: &Caller) -> Result<Company, OwnCompanyError> {
        let Standing { company, member } = self.standing_in_company::<OwnCompanyError>(caller).await?;
        member.require_active()?;
        Ok(company)
    }

    /// Any company, for those who may read all; the own one for its members. Who may not is not told which there are.
    pub async fn get_company(&self, caller: &Caller, id: CompanyId) -> Result<Company, GetCompanyError> {
        let membership = self.ports().members.find(caller.user).await?;
        let is_own = membership.is_some_and(|found| found.member.company == id && found.member.is_active());
        if !is_own {
            caller.require(Permission::CompanyRead)?;
        }
        self.ports().companies.find(id).await?.ok_or(GetCompanyError::NotFound)
    }
}
