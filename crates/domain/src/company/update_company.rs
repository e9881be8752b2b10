use thiserror::Error;

use super::{
    Company, CompanyEvent, CompanyRight, Member, MembershipError, business_number, standing::Standing,
};
use crate::{
    caller::{Caller, Origin},
    commit::{ClaimSpace, CommitError},
    identity::{CompanyDecision, Identity, Tries},
    port::StoreError,
    user::Patch,
    value::{CompanyName, ShortText, Violations},
};

/// A change to a company: only what it names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompanyUpdate {
    /// `name`, which cannot be cleared.
    pub name: Patch<String>,
    /// `business_number`
    pub business_number: Patch<String>,
    /// `industry`
    pub industry: Patch<String>,
    /// `region`
    pub region: Patch<String>,
}

/// Why a company was not changed.
#[derive(Debug, Error)]
pub enum UpdateCompanyError {
    /// Fields are invalid.
    #[error(transparent)]
    Invalid(#[from] Violations),
    /// The caller may not.
    #[error(transparent)]
    Membership(#[from] MembershipError),
    /// Another company has the business number.
    #[error("the business number is taken")]
    BusinessNumberTaken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl CompanyUpdate {
    /// The company after the change.
    fn apply(&self, before: &Company) -> Result<Company, Violations> {
        let mut violations = Violations::default();
        let mut after = before.clone();
        let mut name = Some(before.name.clone());
        self.name.apply(&mut violations, "name", &mut name, CompanyName::parse);
        match name {
            Some(name) => after.name = name,
            None => violations.field("name").refuse("must not be null"),
        }
        self.business_number.apply(
            &mut violations,
            "business_number",
            &mut after.business_number,
            business_number::parse,
        );
        self.industry.apply(&mut violations, "industry", &mut after.industry, ShortText::parse);
        self.region.apply(&mut violations, "region", &mut after.region, ShortText::parse);
        violations.into_result(Some(after))
    }
}

/// Decides a change of a company: one event with what really changed, none when nothing did.
pub(crate) fn decide(
    company: &Company,
    actor: &Member,
    update: &CompanyUpdate,
) -> Result<CompanyDecision, UpdateCompanyError> {
    actor.require(CompanyRight::Manage)?;
    let changes = company.changes_to(&update.apply(company)?);
    let events = if changes.is_empty() { Vec::new() } else { vec![CompanyEvent::Updated { changes }] };
    Ok(CompanyDecision { events, rows: Vec::new() })
}

impl Identity {
    /// Changes the caller's company; what the change does not name stays.
    pub async fn update_company(
        &self,
        caller: &Caller,
        update: &CompanyUpdate,
        origin: &Origin,
    ) -> Result<Company, UpdateCompanyError> {
        let mut tries = Tries::many();
        loop {
            let Standing { company, member } = self.standing_in_company::<UpdateCompanyError>(caller).await?;
            let decision = decide(&company, &member, update)?;
            match self.record_company(caller, origin, company, decision, self.now()).await {
                Ok(after) => return Ok(after),
                Err(CommitError::Taken { key }) if key.space() == ClaimSpace::BusinessNumber => {
                    return Err(UpdateCompanyError::BusinessNumberTaken);
                }
                Err(error) => tries.again(error)?,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        company::{CompanyChange, CompanyField, MemberRole},
        testing::{GivenCompany, asked, company_created, given_company, joined},
    };

    fn company() -> GivenCompany {
        given_company([
            company_created(),
            joined(1, MemberRole::Owner),
            joined(2, MemberRole::Manager),
            joined(3, MemberRole::Member),
            asked(4),
        ])
    }

    fn set(text: &str) -> Patch<String> {
        Patch::Set(text.to_owned())
    }

    fn update(
        company: &GivenCompany,
        actor: u128,
        update: &CompanyUpdate,
    ) -> Result<CompanyDecision, UpdateCompanyError> {
        decide(company.company(), company.member(actor), update)
    }

    #[test]
    fn owners_and_managers_change_what_they_name_and_nothing_else() {
        let change =
            CompanyUpdate { name: set("Smith, Inc."), region: set("North"), ..CompanyUpdate::default() };
        let text = |before: Option<&str>, after: &str| CompanyChange {
            before: before.map(ShortText::new),
            after: Some(ShortText::new(after)),
        };
        for actor in [1, 2] {
            let changes = [
                (CompanyField::Name, text(Some("Smith & Sons"), "Smith, Inc.")),
                (CompanyField::Region, text(None, "North")),
            ];
            company()
                .when(|company| update(company, actor, &change))
                .then([CompanyEvent::Updated { changes: changes.into() }]);
        }
    }

    #[test]
    fn nobody_else_changes_anything_however_little() {
        for (actor, error) in
            [(3, MembershipError::Denied(CompanyRight::Manage)), (4, MembershipError::Pending)]
        {
            let refused =
                company().when(|company| update(company, actor, &CompanyUpdate::default())).then_refused();
            assert!(matches!(refused, UpdateCompanyError::Membership(found) if found == error));
        }
    }

    #[test]
    fn a_change_to_what_is_there_already_is_no_event() {
        let change =
            CompanyUpdate { name: set("Smith & Sons"), industry: Patch::Clear, ..CompanyUpdate::default() };
        company().when(|company| update(company, 1, &change)).then([]);
    }

    #[test]
    fn a_name_cannot_be_cleared_and_a_business_number_can() {
        let change = CompanyUpdate { name: Patch::Clear, ..CompanyUpdate::default() };
        let refused = company().when(|company| update(company, 1, &change)).then_refused();
        let UpdateCompanyError::Invalid(violations) = refused else { panic!("{refused:?}") };
        assert_eq!(violations.fields()["name"], ["must not be null"]);

        let change = CompanyUpdate { business_number: Patch::Clear, ..CompanyUpdate::default() };
        let decision = update(&company(), 1, &change).expect("decided");
        let [event] = &decision.events[..] else { panic!("{decision:?}") };
        let after = company().after(event);
        assert_eq!(after.company().business_number, None);
        let claims = Company::claims_between(Some(company().company()), Some(after.company()));
        assert!(matches!(claims[..], [crate::commit::Claim::Release { .. }]));
    }

    #[test]
    fn all_invalid_fields_are_named_at_once() {
        let change = CompanyUpdate {
            name: set("x"),
            business_number: set("--"),
            industry: set(""),
            region: set("\0"),
        };
        let refused = company().when(|company| update(company, 1, &change)).then_refused();
        let UpdateCompanyError::Invalid(violations) = refused else { panic!("{refused:?}") };
        let names: Vec<_> = violations.fields().keys().copied().collect();
        assert_eq!(names, ["business_number", "industry", "name", "region"]);
    }
}
