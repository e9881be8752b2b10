use thiserror::Error;

use super::{Member, MemberRole};
use crate::caller::named;

named! {
    /// Something a member may do with their company. It follows from the membership, as it is at the moment, and from no role that the person has with the
    /// service: an administrator of the service has none of it, and no token carries it.
    CompanyRight {
        /// Edit the company, invite, see its members, approve and remove plain ones.
        Manage = "company:manage",
        /// Make owners and managers, and change or remove them.
        Own = "company:own",
    }
}

/// Why a caller may not do something with their company.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum MembershipError {
    /// They belong to none.
    #[error("the caller belongs to no company")]
    NoCompany,
    /// Nobody has approved their membership yet.
    #[error("the membership is not approved yet")]
    Pending,
    /// They are not enough to it.
    #[error("the right {} is needed", .0.as_str())]
    Denied(CompanyRight),
}

impl MemberRole {
    /// The one table of what each member may do.
    pub const fn rights(self) -> &'static [CompanyRight] {
        match self {
            Self::Owner => CompanyRight::ALL,
            Self::Manager => &[CompanyRight::Manage],
            Self::Member => &[],
        }
    }
}

impl Member {
    /// Refuses who is not in yet.
    pub fn require_active(&self) -> Result<(), MembershipError> {
        if self.is_active() { Ok(()) } else { Err(MembershipError::Pending) }
    }

    /// Refuses who is not in yet, or may not do something.
    pub fn require(&self, right: CompanyRight) -> Result<(), MembershipError> {
        self.require_active()?;
        if self.role.rights().contains(&right) { Ok(()) } else { Err(MembershipError::Denied(right)) }
    }

    /// Refuses who may not make somebody this: plain members are made by those who manage, all others by owners alone.
    pub(super) fn require_to_make(&self, role: MemberRole) -> Result<(), MembershipError> {
        self.require(match role {
            MemberRole::Owner | MemberRole::Manager => CompanyRight::Own,
            MemberRole::Member => CompanyRight::Manage,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{asked, company_created, given_company, joined};

    #[test]
    fn what_each_member_may_do_stands_in_one_table() {
        let company = given_company([
            company_created(),
            joined(1, MemberRole::Owner),
            joined(2, MemberRole::Manager),
            joined(3, MemberRole::Member),
            asked(4),
        ]);
        let may = |number, right| company.member(number).require(right);
        for right in [CompanyRight::Manage, CompanyRight::Own] {
            assert_eq!(may(1, right), Ok(()));
            assert_eq!(may(3, right), Err(MembershipError::Denied(right)));
            assert_eq!(may(4, right), Err(MembershipError::Pending));
        }
        assert_eq!(may(2, CompanyRight::Manage), Ok(()));
        assert_eq!(may(2, CompanyRight::Own), Err(MembershipError::Denied(CompanyRight::Own)));
    }

    #[test]
    fn managers_make_plain_members_alone_and_owners_make_anybody() {
        let company =
            given_company([company_created(), joined(1, MemberRole::Owner), joined(2, MemberRole::Manager)]);
        for role in MemberRole::ALL {
            assert_eq!(company.member(1).require_to_make(*role), Ok(()));
            let manager = company.member(2).require_to_make(*role);
            assert_eq!(manager.is_ok(), *role == MemberRole::Member, "{role:?}");
        }
    }
}
