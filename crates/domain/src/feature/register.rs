use thiserror::Error;

use super::{
    Feature, FeatureDescription, FeatureEvent, FeatureName, FeatureSettings, standing::FeatureDecision,
};
use crate::{
    caller::{Caller, Origin, Permission, PermissionDenied, Role},
    commit::{ClaimSpace, CommitError},
    id::{CompanyId, FeatureId},
    identity::{Identity, Tries},
    port::StoreError,
    value::Violations,
};

/// What somebody sends to register a feature.
#[derive(Clone, Debug, Default)]
pub struct RegisterFeatureInput {
    /// Its name.
    pub name: String,
    /// What it is, for people.
    pub description: String,
    /// What somebody must be to the service to be let in.
    pub required_role: Option<String>,
    /// Whose members alone are let in.
    pub company_id: Option<String>,
}

/// A feature to be registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterFeature {
    name: FeatureName,
    settings: FeatureSettings,
}

/// Why no feature was registered.
#[derive(Debug, Error)]
pub enum RegisterFeatureError {
    /// A field breaks a rule.
    #[error(transparent)]
    Invalid(#[from] Violations),
    /// The caller may not do it.
    #[error(transparent)]
    Denied(#[from] PermissionDenied),
    /// Another feature has the name.
    #[error("the name is taken")]
    NameTaken,
    /// There is no such company.
    #[error("no such company")]
    CompanyNotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads a role.
pub(super) fn role(text: &str) -> Result<Role, &'static str> {
    Role::from_name(text).ok_or("must be one of user, moderator, admin")
}

/// Reads a company's id.
pub(super) fn company(text: &str) -> Result<CompanyId, &'static str> {
    text.parse().map_err(|_| "must be a company's id")
}

impl RegisterFeature {
    /// Reads untrusted input.
    pub fn parse(input: &RegisterFeatureInput) -> Result<Self, Violations> {
        let mut violations = Violations::default();
        let name = violations.field("name").parse(FeatureName::parse(&input.name));
        let description = FeatureDescription::parse(&input.description);
        let description = violations.field("description").parse(description);
        let required_role =
            violations.field("required_role").parse_optional(input.required_role.as_deref().map(role));
        let company_id =
            violations.field("company_id").parse_optional(input.company_id.as_deref().map(company));
        let parsed = (|| {
            let settings = FeatureSettings {
                description: description?,
                enabled: true,
                required_role: required_role?,
                company_id: company_id?,
            };
            Some(Self { name: name?, settings })
        })();
        violations.into_result(parsed)
    }
}

fn decide(command: &RegisterFeature) -> FeatureDecision {
    let RegisterFeature { name, settings } = command.clone();
    FeatureDecision { event: FeatureEvent::Registered { name, settings }, rows: Vec::new() }
}

impl Identity {
    /// Registers a feature, enabled.
    pub async fn register_feature(
        &self,
        caller: &Caller,
        command: &RegisterFeature,
        origin: &Origin,
    ) -> Result<Feature, RegisterFeatureError> {
        caller.require(Permission::FeatureManage)?;
        if let Some(company) = command.settings.company_id
            && self.ports().companies.find(company).await?.is_none()
        {
            return Err(RegisterFeatureError::CompanyNotFound);
        }
        let mut tries = Tries::few();
        loop {
            let now = self.now();
            let id: FeatureId = self.new_id(now);
            match self.record_feature((caller, origin), id, None, decide(command), now).await {
                Ok(Some(feature)) => return Ok(feature),
                Ok(None) => return Err(StoreError::corrupt("a registration that registers nothing").into()),
                Err(CommitError::Taken { key }) if key.space() == ClaimSpace::Feature => {
                    return Err(RegisterFeatureError::NameTaken);
                }
                Err(error) => tries.again(error)?,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_new_feature_is_enabled_and_takes_its_name() {
        let input = RegisterFeatureInput {
            name: "Reports".to_owned(),
            required_role: Some("moderator".to_owned()),
            ..RegisterFeatureInput::default()
        };
        let decision = decide(&RegisterFeature::parse(&input).expect("valid"));
        let id = FeatureId::new(Uuid::from_u128(1));
        let feature = Feature::apply(None, id, &decision.event, DateTime::UNIX_EPOCH).expect("a feature");
        assert_eq!((feature.name.as_str(), feature.settings.enabled), ("reports", true));
        assert_eq!(feature.settings.required_role, Some(Role::Moderator));
        assert_eq!(Feature::claims_between(None, Some(&feature)).len(), 1);
    }

    #[test]
    fn every_field_that_breaks_a_rule_is_named() {
        let input = RegisterFeatureInput {
            name: "a/b".to_owned(),
            description: "a\nb".to_owned(),
            required_role: Some("king".to_owned()),
            company_id: Some("ours".to_owned()),
        };
        let violations = RegisterFeature::parse(&input).expect_err("invalid");
        assert_eq!(violations.fields().len(), 4);
    }
}
