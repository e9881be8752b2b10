//! What an event changed, field by field, as a reader of its history is told.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::{Sight, StreamEvent};
use crate::{
    company::{CompanyCreated, CompanyEvent},
    event::{Event, EventReadError, StreamKind},
    feature::FeatureEvent,
    seal::DataKey,
    user::{Profile, UserCreated, UserEvent},
};

/// A field before and after an event.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldChange {
    /// Before; null where there was nothing.
    pub before: Value,
    /// After; null where there is nothing.
    pub after: Value,
    /// Whether that it changed is all that is shown: it is somebody's own, or was, who is no more.
    pub is_hidden: bool,
}

/// What changed, by the names of fields.
pub type FieldChanges = BTreeMap<String, FieldChange>;

/// Gathers changes.
#[derive(Default)]
struct Gathered(FieldChanges);

impl Gathered {
    fn shown(mut self, field: &str, before: impl Serialize, after: impl Serialize) -> Self {
        let (before, after) = (json!(before), json!(after));
        if before != after {
            self.0.insert(field.to_owned(), FieldChange { before, after, is_hidden: false });
        }
        self
    }

    /// A sealed field, which is shown to those who may see it as far as it could be opened.
    fn sealed(&mut self, field: &str, sight: Sight, opened: Option<(Value, Value)>) {
        let opened = opened.filter(|_| sight.opens(field));
        let is_hidden = opened.is_none();
        let (before, after) = opened.unwrap_or_default();
        self.0.insert(field.to_owned(), FieldChange { before, after, is_hidden });
    }
}

/// What an event changed, as much of it as is for the reader; nothing of an event of a type that this version does not know.
pub(super) fn of(
    stored: &Event,
    key: Option<&DataKey>,
    sight: Sight,
) -> Result<FieldChanges, EventReadError> {
    let event = &stored.event;
    let own = StreamEvent::read(event, key)?;
    let gathered = match (own, stored.stream_kind) {
        (Some(own), _) => of_stream(&own, sight),
        (None, StreamKind::User) => match UserEvent::read(event, key) {
            Ok(event) => of_user(&event, sight),
            Err(EventReadError::Unknown { .. }) => Gathered::default(),
            Err(error) => return Err(error),
        },
        (None, StreamKind::Company) => match CompanyEvent::read(event) {
            Ok(event) => of_company(&event),
            Err(EventReadError::Unknown { .. }) => Gathered::default(),
            Err(error) => return Err(error),
        },
        (None, StreamKind::Feature) => match FeatureEvent::read(event) {
            Ok(event) => of_feature(&event),
            Err(EventReadError::Unknown { .. }) => Gathered::default(),
            Err(error) => return Err(error),
        },
    };
    Ok(gathered.0)
}

fn of_stream(event: &StreamEvent, sight: Sight) -> Gathered {
    let gathered = Gathered::default();
    match event {
        StreamEvent::MetadataUpdated { before, after } => gathered.shown("stream.metadata", before, after),
        StreamEvent::Deactivated { reason } => {
            let mut gathered = gathered.shown("stream.is_active", true, false);
            if let Some(reason) = reason {
                gathered.sealed("stream.reason", sight, Some((Value::Null, json!(reason))));
            }
            gathered
        }
        StreamEvent::SnapshotTaken(_) | StreamEvent::ClientDefined { .. } => gathered,
    }
}

fn of_user(event: &UserEvent, sight: Sight) -> Gathered {
    let mut gathered = Gathered::default();
    match event {
        UserEvent::Created { facts, profile } => {
            let UserCreated { user_id: _, role, is_active, is_verified, created_at: _ } = facts;
            add_profile(&mut gathered, profile.as_ref(), sight);
            gathered.shown("role", Value::Null, role).shown("is_active", Value::Null, is_active).shown(
                "is_verified",
                Value::Null,
                is_verified,
            )
        }
        UserEvent::Updated { fields, changes } => {
            for field in fields {
                let change = changes.as_ref().and_then(|changes| changes.get(field));
                let opened = change.map(|change| (json!(change.before), json!(change.after)));
                gathered.sealed(json!(field).as_str().unwrap_or_default(), sight, opened);
            }
            gathered
        }
        UserEvent::EmailVerified => gathered.shown("is_verified", false, true),
        UserEvent::RoleChanged { before, after } => gathered.shown("role", before, after),
        UserEvent::Activated => gathered.shown("is_active", false, true),
        UserEvent::Deactivated => gathered.shown("is_active", true, false),
        _ => gathered,
    }
}

fn add_profile(gathered: &mut Gathered, profile: Option<&Profile>, sight: Sight) {
    let Some(Value::Object(profile)) = profile.map(|profile| json!(profile)) else {
        gathered.sealed("profile", sight, None);
        return;
    };
    for (field, after) in profile {
        if !after.is_null() {
            gathered.sealed(&field, sight, Some((Value::Null, after)));
        }
    }
}

fn of_company(event: &CompanyEvent) -> Gathered {
    let gathered = Gathered::default();
    match event {
        CompanyEvent::Created(CompanyCreated { company_id: _, name, business_number, industry, region }) => {
            gathered
                .shown("name", Value::Null, name)
                .shown("business_number", Value::Null, business_number)
                .shown("industry", Value::Null, industry)
                .shown("region", Value::Null, region)
                .shown("is_active", Value::Null, true)
        }
        CompanyEvent::Updated { changes } => changes.iter().fold(gathered, |gathered, (field, change)| {
            gathered.shown(json!(field).as_str().unwrap_or_default(), &change.before, &change.after)
        }),
        CompanyEvent::Closed => gathered.shown("is_active", true, false),
        CompanyEvent::MemberJoined { user_id, role, status, .. } => {
            gathered.shown("member", Value::Null, json!({"user_id": user_id, "role": role, "status": status}))
        }
        CompanyEvent::MemberApproved { user_id } => gathered.shown(
            "member",
            json!({"user_id": user_id, "status": "pending"}),
            json!({"user_id": user_id, "status": "active"}),
        ),
        CompanyEvent::MemberRemoved { user_id, reason } => gathered
            .shown("member", json!({"user_id": user_id}), Value::Null)
            .shown("member.reason", Value::Null, reason),
        CompanyEvent::MemberRoleChanged { user_id, before, after } => gathered.shown(
            "member",
            json!({"user_id": user_id, "role": before}),
            json!({"user_id": user_id, "role": after}),
        ),
        CompanyEvent::MemberInvited { .. } | CompanyEvent::ApiKey(_) | CompanyEvent::OfStream(_) => gathered,
    }
}

fn of_feature(event: &FeatureEvent) -> Gathered {
    let (before, after) = match event {
        FeatureEvent::Registered { settings, .. } => (None, settings),
        FeatureEvent::Updated { before, after, .. } => (Some(before), after),
        FeatureEvent::Removed { .. } | FeatureEvent::Accessed { .. } => return Gathered::default(),
    };
    Gathered::default()
        .shown("description", before.map(|before| &before.description), &after.description)
        .shown("enabled", before.map(|before| before.enabled), after.enabled)
        .shown("required_role", before.map(|before| before.required_role), after.required_role)
        .shown("company_id", before.map(|before| before.company_id), after.company_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        caller::Role,
        testing::created,
        user::{ProfileChange, ProfileField},
        value::ShortText,
    };

    fn renamed() -> UserEvent {
        let change = |before: &str, after: &str| ProfileChange {
            before: Some(ShortText::new(before)),
            after: Some(ShortText::new(after)),
        };
        UserEvent::Updated {
            fields: [ProfileField::Name, ProfileField::Phone].into(),
            changes: Some(
                [
                    (ProfileField::Name, change("Jane Doe", "Jane Roe")),
                    (ProfileField::Phone, change("+82 10", "+82 11")),
                ]
                .into(),
            ),
        }
    }

    #[test]
    fn a_change_is_shown_as_far_as_it_is_for_the_reader() {
        for (sight, shown) in [
            (Sight::Own, ["Jane Roe", "+82 11"].as_slice()),
            (Sight::All, &["Jane Roe", "+82 11"]),
            (Sight::Contact, &["Jane Roe"]),
            (Sight::Events, &[]),
        ] {
            let changes = of_user(&renamed(), sight).0;
            assert_eq!(
                changes.keys().collect::<Vec<_>>(),
                ["name", "phone"],
                "that they changed is no secret"
            );
            let after: Vec<_> = changes.values().filter_map(|change| change.after.as_str()).collect();
            assert_eq!(after, shown, "{sight:?}");
            let hidden = changes.values().filter(|change| change.is_hidden).count();
            assert_eq!(hidden, 2 - shown.len());
        }
    }

    #[test]
    fn of_somebody_erased_it_is_shown_which_fields_changed() {
        let erased = UserEvent::Updated { fields: [ProfileField::Name].into(), changes: None };
        let changes = of_user(&erased, Sight::All).0;
        assert!(changes["name"].is_hidden && changes["name"].after.is_null());
    }

    #[test]
    fn a_creation_is_a_change_from_nothing() {
        let changes = of_user(&created(), Sight::Own).0;
        assert_eq!(
            (&changes["email"].before, &changes["email"].after),
            (&Value::Null, &"jane@example.com".into())
        );
        assert!(!changes.contains_key("phone"), "there is none");
        let role = UserEvent::RoleChanged { before: Role::User, after: Role::Admin };
        let changes = of_user(&role, Sight::Events).0;
        assert_eq!((&changes["role"].before, &changes["role"].after), (&"user".into(), &"admin".into()));
    }
}
