use thiserror::Error;

use super::{Feature, FeatureEvent, FeatureName, FeatureUsage, Verdict, VerdictCount};
use crate::{
    api_key::{ApiKey, ApiKeyCaller, Principal},
    caller::{Caller, Role},
    commit::{Commit, CommitError, RowChange},
    event::Actor,
    id::{ApiKeyId, CompanyId, UserId},
    identity::Identity,
    port::StoreError,
};

/// That somebody was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessGranted {
    /// Into what.
    pub feature: FeatureName,
    /// In whose name.
    pub principal: Principal,
    /// With which key.
    pub api_key: ApiKeyId,
}

/// Why somebody was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("access is refused: {}", .0.as_str())]
pub struct AccessRefused(pub Verdict);

/// Why there is no answer that lets somebody in.
#[derive(Debug, Error)]
pub enum AccessFeatureError {
    /// There is no such feature.
    #[error("no such feature")]
    NotFound,
    /// Refused; that is recorded already.
    #[error(transparent)]
    Refused(#[from] AccessRefused),
    /// The caller's account is gone since the request was authenticated.
    #[error("no such account")]
    CallerGone,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who asks, as they stand now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asking {
    pub(super) user: UserId,
    pub(super) role: Role,
    /// The company that they belong to.
    pub(super) company: Option<CompanyId>,
}

impl Asking {
    fn is(&self, principal: Principal) -> bool {
        match principal {
            Principal::User(user) => self.user == user,
            Principal::Company(company) => self.company == Some(company),
        }
    }
}

/// The one place that says who is let into a feature, and why not.
pub(super) fn judge(feature: &Feature, asking: &Asking, key: &ApiKey) -> Verdict {
    let settings = &feature.settings;
    if !settings.enabled {
        Verdict::Disabled
    } else if !asking.is(key.owner) {
        Verdict::DifferentPrincipal
    } else if !key.features.contains(&feature.name) {
        Verdict::NotInKeyFeatures
    } else if settings.required_role.is_some_and(|required| asking.role < required) {
        Verdict::RoleTooLow
    } else if settings.company_id.is_some_and(|company| asking.company != Some(company)) {
        Verdict::OtherCompany
    } else {
        Verdict::Granted
    }
}

impl Identity {
    /// Lets somebody who is signed in and shows a key into a feature, or says why not. What is granted is counted in memory and committed
    /// by the next [`flush_usage`](Self::flush_usage): nothing is written on this way. A refusal is committed before it is answered.
    pub async fn access_feature(
        &self,
        caller: &Caller,
        key: &ApiKeyCaller,
        name: &str,
    ) -> Result<AccessGranted, AccessFeatureError> {
        let name = FeatureName::parse(name).map_err(|_| AccessFeatureError::NotFound)?;
        let feature = self.ports().features.find(&name).await?.ok_or(AccessFeatureError::NotFound)?;
        let asking = self.asking(caller).await?.ok_or(AccessFeatureError::CallerGone)?;
        match judge(&feature, &asking, key.key()) {
            Verdict::Granted => {
                self.tally().grant(&feature, key.id(), self.now());
                Ok(AccessGranted { feature: feature.name, principal: key.principal(), api_key: key.id() })
            }
            refused => {
                self.record_refusal(&feature, key.id(), refused).await?;
                Err(AccessRefused(refused).into())
            }
        }
    }

    async fn asking(&self, caller: &Caller) -> Result<Option<Asking>, StoreError> {
        let Some(user) = self.ports().users.find(caller.user).await? else { return Ok(None) };
        let member = self.ports().members.find(caller.user).await?.map(|found| found.member);
        let company = member.filter(crate::company::Member::is_active).map(|member| member.company);
        Ok(Some(Asking { user: user.id, role: user.role, company }))
    }

    async fn record_refusal(
        &self,
        feature: &Feature,
        api_key: ApiKeyId,
        verdict: Verdict,
    ) -> Result<(), StoreError> {
        let now = self.now();
        let counts = vec![VerdictCount { api_key_id: api_key, verdict, count: 1 }];
        let event = FeatureEvent::Accessed { name: feature.name.clone(), counts };
        let usage = FeatureUsage { feature: feature.id, api_key, granted: 0, refused: 1, last_at: now };
        self.commit_accesses(Commit {
            appends: vec![self.accessed(feature.id, Actor::ApiKey(api_key.into()), &event, now)],
            rows: vec![RowChange::AddFeatureUsage(usage)],
            ..Commit::default()
        })
        .await
    }

    /// Commits what expects nothing of any stream and takes no key.
    pub(super) async fn commit_accesses(&self, commit: Commit) -> Result<(), StoreError> {
        match self.ports().events.commit(commit).await {
            Ok(_) => Ok(()),
            Err(CommitError::Store(error)) => Err(error),
            Err(error) => Err(StoreError::corrupt(error)),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;
    use crate::{
        api_key::tests::key,
        feature::{FeatureDescription, FeatureSettings},
        id::FeatureId,
        testing::person,
    };

    /// `reports`, open to all.
    pub(crate) fn feature() -> Feature {
        Feature {
            id: FeatureId::new(Uuid::from_u128(3_000)),
            name: FeatureName::new("reports"),
            settings: FeatureSettings {
                description: FeatureDescription::new("What was sold"),
                enabled: true,
                required_role: None,
                company_id: None,
            },
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
        }
    }

    fn company(number: u128) -> CompanyId {
        CompanyId::new(Uuid::from_u128(number))
    }

    /// Person 1, whose key the test's key is.
    const OWNER: Asking = Asking { user: person(1), role: Role::User, company: None };

    #[test]
    fn the_owner_of_a_key_for_it_is_let_in() {
        assert_eq!(judge(&feature(), &OWNER, &key(1).0), Verdict::Granted);
    }

    #[test]
    fn nobody_is_let_into_what_is_disabled() {
        let mut feature = feature();
        feature.settings.enabled = false;
        assert_eq!(judge(&feature, &OWNER, &key(1).0), Verdict::Disabled);
    }

    #[test]
    fn anothers_key_lets_nobody_in() {
        let other = Asking { user: person(2), role: Role::Admin, ..OWNER };
        assert_eq!(judge(&feature(), &other, &key(1).0), Verdict::DifferentPrincipal);
    }

    #[test]
    fn a_companys_key_is_for_those_who_belong_to_it_now() {
        let (mut key, _) = key(1);
        key.owner = Principal::Company(company(1));
        for (of, verdict) in [
            (Some(company(1)), Verdict::Granted),
            (Some(company(2)), Verdict::DifferentPrincipal),
            (None, Verdict::DifferentPrincipal),
        ] {
            assert_eq!(judge(&feature(), &Asking { company: of, ..OWNER }, &key), verdict);
        }
    }

    #[test]
    fn a_key_is_good_for_the_features_that_it_names_and_no_other() {
        let (mut key, _) = key(1);
        key.features = vec![FeatureName::new("reports.export")];
        assert_eq!(judge(&feature(), &OWNER, &key), Verdict::NotInKeyFeatures);
        key.features.clear();
        assert_eq!(judge(&feature(), &OWNER, &key), Verdict::NotInKeyFeatures);
    }

    #[test]
    fn who_is_less_to_the_service_than_asked_for_is_not_let_in() {
        let mut feature = feature();
        for required in Role::ALL {
            feature.settings.required_role = Some(*required);
            for role in Role::ALL {
                let verdict = judge(&feature, &Asking { role: *role, ..OWNER }, &key(1).0);
                let expected = if role >= required { Verdict::Granted } else { Verdict::RoleTooLow };
                assert_eq!(verdict, expected, "{role:?} where {required:?} is required");
            }
        }
    }

    #[test]
    fn what_is_a_companys_is_for_its_members_alone() {
        let mut feature = feature();
        feature.settings.company_id = Some(company(1));
        for (of, verdict) in [
            (Some(company(1)), Verdict::Granted),
            (Some(company(2)), Verdict::OtherCompany),
            (None, Verdict::OtherCompany),
        ] {
            assert_eq!(judge(&feature, &Asking { company: of, ..OWNER }, &key(1).0), verdict);
        }
    }
}
