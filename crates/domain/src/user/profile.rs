use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{Email, PersonName, Phone, ShortText, Username};

/// What a person says of themself. Personal data throughout: sealed in events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Profile {
    /// The address, unique over all accounts.
    pub email: Email,
    /// The sign-in name, unique over all accounts.
    pub username: Option<Username>,
    /// The name.
    pub name: PersonName,
    /// The telephone number.
    pub phone: Option<Phone>,
    /// The kind of business.
    pub business_type: Option<ShortText>,
    /// The business's registration number.
    pub business_number: Option<ShortText>,
    /// The industry.
    pub industry: Option<ShortText>,
    /// The region.
    pub region: Option<ShortText>,
}

/// A field of a profile that its owner may change; the address has its own, verified way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProfileField {
    /// `username`
    Username,
    /// `name`
    Name,
    /// `phone`
    Phone,
    /// `business_type`
    BusinessType,
    /// `business_number`
    BusinessNumber,
    /// `industry`
    Industry,
    /// `region`
    Region,
}

/// A field's text before and after a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProfileChange {
    /// Before.
    pub before: Option<ShortText>,
    /// After.
    pub after: Option<ShortText>,
}

/// What changed in a profile.
pub type ProfileChanges = BTreeMap<ProfileField, ProfileChange>;

crate::event::choice_schema!(ProfileField);

impl ProfileField {
    const ALL: [Self; 7] = [
        Self::Username,
        Self::Name,
        Self::Phone,
        Self::BusinessType,
        Self::BusinessNumber,
        Self::Industry,
        Self::Region,
    ];
}

impl Profile {
    fn get(&self, field: ProfileField) -> Option<&str> {
        match field {
            ProfileField::Username => self.username.as_ref().map(Username::as_str),
            ProfileField::Name => Some(self.name.as_str()),
            ProfileField::Phone => self.phone.as_ref().map(Phone::as_str),
            ProfileField::BusinessType => self.business_type.as_ref().map(ShortText::as_str),
            ProfileField::BusinessNumber => self.business_number.as_ref().map(ShortText::as_str),
            ProfileField::Industry => self.industry.as_ref().map(ShortText::as_str),
            ProfileField::Region => self.region.as_ref().map(ShortText::as_str),
        }
    }

    /// Sets a field to what an event says; a name cannot be cleared.
    pub(super) fn set(&mut self, field: ProfileField, text: Option<ShortText>) {
        match field {
            ProfileField::Username => self.username = text.map(|text| Username::new(text.into_string())),
            ProfileField::Name => {
                if let Some(text) = text {
                    self.name = PersonName::new(text.into_string());
                }
            }
            ProfileField::Phone => self.phone = text.map(|text| Phone::new(text.into_string())),
            ProfileField::BusinessType => self.business_type = text,
            ProfileField::BusinessNumber => self.business_number = text,
            ProfileField::Industry => self.industry = text,
            ProfileField::Region => self.region = text,
        }
    }

    /// The fields in which `after` differs.
    pub fn changes_to(&self, after: &Self) -> ProfileChanges {
        let text = |profile: &Self, field| profile.get(field).map(ShortText::new);
        ProfileField::ALL
            .into_iter()
            .map(|field| (field, ProfileChange { before: text(self, field), after: text(after, field) }))
            .filter(|(_, change)| change.before != change.after)
            .collect()
    }
}
