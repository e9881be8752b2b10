use std::time::Duration;

use chrono::{DateTime, Utc};
use thiserror::Error;

use super::{
    ApiKey, ApiKeyEvent, ApiKeyIssued, ApiKeySecret, Principal, PrincipalKind,
    owner::{ApiKeyDecision, Held},
};
use crate::{
    caller::{Caller, Origin},
    commit::RowChange,
    company::MembershipError,
    feature::FeatureName,
    identity::{Identity, Policy, Tries},
    port::StoreError,
    value::{ShortText, Violations},
};

/// For how many seconds a key may be good: ten years at most.
const LIFETIMES: std::ops::RangeInclusive<i64> = 1..=10 * 365 * 24 * 60 * 60;
/// How many features a key may name.
const FEATURES: usize = 100;

/// What somebody sends to have a key made.
#[derive(Clone, Debug, Default)]
pub struct IssueApiKeyInput {
    /// What they call it.
    pub name: String,
    /// The names of the features that it is to be good for.
    pub features: Vec<String>,
    /// For how many seconds; as the policy says unless told.
    pub expires_in: Option<i64>,
    /// Whose it is to be, `user` or `company`; their own unless told.
    pub owner: Option<String>,
}

/// A key to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssueApiKey {
    name: ShortText,
    features: Vec<FeatureName>,
    lifetime: Option<Duration>,
    owner: PrincipalKind,
}

/// A new key, or one with a new secret, and its text, which is shown this once.
#[derive(Clone, Debug)]
pub struct IssuedApiKey {
    /// The key.
    pub key: ApiKey,
    /// Its text.
    pub text: ApiKeySecret,
}

/// Why no key was made.
#[derive(Debug, Error)]
pub enum IssueApiKeyError {
    /// A field breaks a rule.
    #[error(transparent)]
    Invalid(#[from] Violations),
    /// The caller deals with no company's keys.
    #[error(transparent)]
    Membership(#[from] MembershipError),
    /// The owner has as many as it may.
    #[error("the owner has as many keys as it may")]
    TooMany,
    /// The caller's account is gone or deactivated.
    #[error("no such owner")]
    OwnerGone,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IssueApiKey {
    /// Reads untrusted input.
    pub fn parse(input: &IssueApiKeyInput) -> Result<Self, Violations> {
        let mut violations = Violations::default();
        let name = violations.field("name").parse(ShortText::parse(&input.name));
        let features = FeatureName::parse_all(&input.features, FEATURES);
        let features = violations.field("features").parse(features);
        let lifetime = input.expires_in.map(|seconds| {
            u64::try_from(seconds)
                .ok()
                .filter(|_| LIFETIMES.contains(&seconds))
                .map(Duration::from_secs)
                .ok_or("must be a number of seconds, up to ten years of them")
        });
        let lifetime = violations.field("expires_in").parse_optional(lifetime);
        let owner = input
            .owner
            .as_deref()
            .map(|owner| PrincipalKind::from_name(owner).ok_or("must be one of user, company"));
        let owner = violations.field("owner").parse_optional(owner);
        let parsed = (|| {
            Some(Self {
                name: name?,
                features: features?,
                lifetime: lifetime?,
                owner: owner?.unwrap_or(PrincipalKind::User),
            })
        })();
        violations.into_result(parsed)
    }
}

/// Decides a new key: an owner has a bounded number of them, those that have run out not counted; these go when another one comes, so that
/// they are bounded too.
pub(super) fn decide(
    held: &Held,
    keys: &[ApiKey],
    command: &IssueApiKey,
    (id, text): (crate::id::ApiKeyId, &ApiKeySecret),
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<(ApiKeyDecision, ApiKey), IssueApiKeyError> {
    if !held.is_active() {
        return Err(IssueApiKeyError::OwnerGone);
    }
    let most = usize::try_from(policy.max_api_keys).unwrap_or(usize::MAX);
    if keys.iter().filter(|key| key.is_live(now)).count() >= most {
        return Err(IssueApiKeyError::TooMany);
    }
    let key = ApiKey {
        id,
        owner: held.principal(),
        name: command.name.clone(),
        prefix: text.prefix().clone(),
        secret: text.hash(),
        previous: None,
        features: command.features.clone(),
        created_at: now,
        expires_at: now + command.lifetime.unwrap_or(policy.api_key_lifetime),
        last_used_at: None,
    };
    let event = ApiKeyEvent::Issued {
        facts: ApiKeyIssued {
            api_key_id: id,
            prefix: key.prefix.as_str().to_owned(),
            features: key.features.clone(),
            expires_at: key.expires_at,
        },
        name: Some(key.name.clone()),
    };
    let over = keys.iter().filter(|key| !key.is_live(now)).map(|key| RowChange::DeleteApiKey(key.id));
    let rows = over.chain([RowChange::PutApiKey(Box::new(key.clone()))]).collect();
    Ok((ApiKeyDecision { event, rows }, key))
}

impl Identity {
    /// Makes a key for the caller, or for their company.
    pub async fn issue_api_key(
        &self,
        caller: &Caller,
        command: &IssueApiKey,
        origin: &Origin,
    ) -> Result<IssuedApiKey, IssueApiKeyError> {
        let text = ApiKeySecret::generate(self.ports().entropy.as_ref());
        let mut tries = Tries::many();
        loop {
            let held = match command.owner {
                PrincipalKind::User => self.held(Principal::User(caller.user)).await?,
                PrincipalKind::Company => Some(self.held_by_company::<IssueApiKeyError>(caller).await?),
            };
            let held = held.ok_or(IssueApiKeyError::OwnerGone)?;
            let keys = self.ports().api_keys.list_by_owner(held.principal()).await?;
            let now = self.now();
            let fresh = (self.new_id(now), &text);
            let (decision, key) = decide(&held, &keys, command, fresh, self.policy(), now)?;
            let act = self.act_on(&held, caller, origin, now).await?;
            match self.record_api_key(&held, &act, decision).await {
                Ok(()) => return Ok(IssuedApiKey { key, text }),
                Err(error) => tries.again(error)?,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api_key::tests::{NOW, key},
        testing::{created, given},
        user::UserEvent,
    };

    fn input(name: &str, features: &[&str]) -> IssueApiKeyInput {
        let features = features.iter().map(|name| (*name).to_owned()).collect();
        IssueApiKeyInput { name: name.to_owned(), features, ..IssueApiKeyInput::default() }
    }

    fn issue(
        events: impl IntoIterator<Item = UserEvent>,
        keys: &[ApiKey],
        now: DateTime<Utc>,
    ) -> Result<(ApiKeyDecision, ApiKey), IssueApiKeyError> {
        let held = Held::User(Box::new(given(events).user()));
        let command = IssueApiKey::parse(&input(" ci ", &["Reports", "reports", "export"])).expect("valid");
        let policy = Policy { max_api_keys: 2, ..Policy::default() };
        let (sample, text) = key(9);
        decide(&held, keys, &command, (sample.id, &text), &policy, now)
    }

    #[test]
    fn a_new_key_is_its_owners_good_for_what_it_names_and_ends() {
        let (decision, key) = issue([created()], &[], NOW).expect("issues");
        assert_eq!(key.features, [FeatureName::new("reports"), FeatureName::new("export")]);
        assert_eq!(key.expires_at, NOW + Policy::default().api_key_lifetime);
        assert_eq!(decision.rows, [RowChange::PutApiKey(Box::new(key.clone()))]);
        let ApiKeyEvent::Issued { facts, name } = decision.event else { panic!("issued") };
        assert_eq!((facts.api_key_id, name), (key.id, Some(ShortText::new("ci"))));
    }

    #[test]
    fn an_event_holds_no_secret_and_no_hash() {
        let (decision, issued) = issue([created()], &[], NOW).expect("issues");
        let told = format!("{}{:?}", decision.event.data().as_str(), decision.event.personal());
        let text = key(9).1;
        assert!(!told.contains(&text.expose()[17..]));
        assert!(!told.contains(&data_encoding::HEXLOWER.encode(issued.secret.as_bytes())));
    }

    #[test]
    fn an_owner_has_so_many_keys_and_no_more_and_those_that_ran_out_do_not_count() {
        let keys = [key(1).0, key(2).0];
        assert!(matches!(issue([created()], &keys, NOW), Err(IssueApiKeyError::TooMany)));
        assert!(issue([created()], &keys[..1], NOW).is_ok());
        let (decision, _) = issue([created()], &keys, keys[0].expires_at).expect("issues");
        assert_eq!(decision.rows[..2], keys.map(|key| RowChange::DeleteApiKey(key.id)), "they go");
    }

    #[test]
    fn who_is_deactivated_makes_none() {
        let refused = issue([created(), UserEvent::Deactivated], &[], NOW);
        assert!(matches!(refused, Err(IssueApiKeyError::OwnerGone)));
    }

    #[test]
    fn every_field_that_breaks_a_rule_is_named() {
        let mut wrong = input("", &["no spaces"]);
        wrong.expires_in = Some(0);
        wrong.owner = Some("nobody".to_owned());
        let violations = IssueApiKey::parse(&wrong).expect_err("invalid");
        assert_eq!(
            violations.fields().keys().copied().collect::<Vec<_>>(),
            ["expires_in", "features", "name", "owner"]
        );
    }
}
