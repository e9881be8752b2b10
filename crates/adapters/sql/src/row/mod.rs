//! Rows, and what they are in the domain.

mod access;
mod api_key;
mod checkpoint;
mod company;
mod credential;
mod event;
mod feature;
mod feature_usage;
mod idempotency_key;
mod invitation;
mod login_attempt;
mod member;
mod one_time_code;
mod retention;
mod session;
mod signing_key;
mod stream;
mod subscription;
mod user;

pub use self::{
    access::AccessRow,
    api_key::ApiKeyRow,
    checkpoint::CheckpointRow,
    company::CompanyRow,
    credential::CredentialRow,
    event::{EventRow, HeadRow},
    feature::FeatureRow,
    feature_usage::FeatureUsageRow,
    idempotency_key::RequestRow,
    invitation::InvitationRow,
    login_attempt::LoginAttemptRow,
    member::MemberRow,
    one_time_code::OneTimeCodeRow,
    retention::{BaseRow, HorizonRow},
    session::SessionRow,
    signing_key::SigningKeyRow,
    stream::{SnapshotRow, StateRow},
    subscription::DeadLetterRow,
    user::UserRow,
};
