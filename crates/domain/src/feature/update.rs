use thiserror::Error;

use super::{
    Feature, FeatureDescription, FeatureEvent, FeatureName, FeatureSettings,
    register::{company, role},
    standing::FeatureDecision,
};
use crate::{
    caller::{Caller, Origin, Permission, PermissionDenied},
    identity::{Identity, Tries},
    port::StoreError,
    user::Patch,
    value::Violations,
};

/// A change to a feature: only what it names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeatureUpdate {
    /// `description`; cleared it is empty.
    pub description: Patch<String>,
    /// `enabled`
    pub enabled: Option<bool>,
    /// `required_role`
    pub required_role: Patch<String>,
    /// `company_id`
    pub company_id: Patch<String>,
}

/// Why a feature was not changed.
#[derive(Debug, Error)]
pub enum UpdateFeatureError {
    /// A field breaks a rule.
    #[error(transparent)]
    Invalid(#[from] Violations),
    /// The caller may not do it.
    #[error(transparent)]
    Denied(#[from] PermissionDenied),
    /// There is no such feature.
    #[error("no such feature")]
    NotFound,
    /// There is no such company.
    #[error("no such company")]
    CompanyNotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl FeatureUpdate {
    fn apply(&self, before: &FeatureSettings) -> Result<FeatureSettings, Violations> {
        let mut violations = Violations::default();
        let mut after = before.clone();
        let mut description = Some(before.description.clone());
        self.description.apply(&mut violations, "description", &mut description, FeatureDescription::parse);
        after.description = description.unwrap_or_default();
        after.enabled = self.enabled.unwrap_or(before.enabled);
        self.required_role.apply(&mut violations, "required_role", &mut after.required_role, role);
        self.company_id.apply(&mut violations, "company_id", &mut after.company_id, company);
        violations.into_result(Some(after))
    }
}

/// Decides a change of a feature; none where nothing changes.
fn decide(feature: &Feature, update: &FeatureUpdate) -> Result<Option<FeatureDecision>, Violations> {
    let (before, after) = (feature.settings.clone(), update.apply(&feature.settings)?);
    let name = feature.name.clone();
    let event = (before != after).then_some(FeatureEvent::Updated { name, before, after });
    Ok(event.map(|event| FeatureDecision { event, rows: Vec::new() }))
}

impl Identity {
    /// Changes a feature; what the change does not name stays.
    pub async fn update_feature(
        &self,
        caller: &Caller,
        name: &str,
        update: &FeatureUpdate,
        origin: &Origin,
    ) -> Result<Feature, UpdateFeatureError> {
        caller.require(Permission::FeatureManage)?;
        let name = FeatureName::parse(name).map_err(|_| UpdateFeatureError::NotFound)?;
        let mut tries = Tries::many();
        loop {
            let standing = self.standing_of_feature(&name).await?.ok_or(UpdateFeatureError::NotFound)?;
            let Some(decision) = decide(&standing.feature, update)? else { return Ok(standing.feature) };
            if let FeatureEvent::Updated { after: FeatureSettings { company_id: Some(company), .. }, .. } =
                &decision.event
                && self.ports().companies.find(*company).await?.is_none()
            {
                return Err(UpdateFeatureError::CompanyNotFound);
            }
            let (id, now) = (standing.feature.id, self.now());
            match self.record_feature((caller, origin), id, Some(&standing), decision, now).await {
                Ok(Some(feature)) => return Ok(feature),
                Ok(None) => return Err(UpdateFeatureError::NotFound),
                Err(error) => tries.again(error)?,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{caller::Role, feature::access::tests::feature};

    #[test]
    fn a_change_says_what_was_and_what_is() {
        let feature = feature();
        let update = FeatureUpdate {
            enabled: Some(false),
            required_role: Patch::Set("admin".to_owned()),
            ..FeatureUpdate::default()
        };
        let decision = decide(&feature, &update).expect("valid").expect("a change");
        let FeatureEvent::Updated { before, after, .. } = decision.event else { panic!("updated") };
        assert_eq!(before, feature.settings);
        assert_eq!((after.enabled, after.required_role), (false, Some(Role::Admin)));
        assert_eq!(after.description, before.description);
    }

    #[test]
    fn a_change_to_what_is_there_already_is_none() {
        let update = FeatureUpdate { enabled: Some(true), ..FeatureUpdate::default() };
        assert_eq!(decide(&feature(), &update), Ok(None));
        assert_eq!(decide(&feature(), &FeatureUpdate::default()), Ok(None));
    }

    #[test]
    fn what_was_restricted_can_be_opened_again() {
        let mut feature = feature();
        feature.settings.required_role = Some(Role::Admin);
        let update = FeatureUpdate { required_role: Patch::Clear, ..FeatureUpdate::default() };
        let decision = decide(&feature, &update).expect("valid").expect("a change");
        assert!(
            matches!(decision.event, FeatureEvent::Updated { after, .. } if after.required_role.is_none())
        );
    }
}
