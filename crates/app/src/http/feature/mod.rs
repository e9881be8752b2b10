//! `/api/v1/feature`

mod access;
mod list;
mod one;
mod register;
mod response;
mod usage;

pub(super) use access::AccessFeatureApi;
pub(super) use list::ListFeaturesApi;
pub(super) use one::FeatureApi;
pub(super) use register::RegisterFeatureApi;
use response::FeatureResponse;
pub(super) use usage::FeatureUsageApi;
