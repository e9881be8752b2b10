//! `/api/v1/feature`

mod access;
mod all;
mod one;
mod response;
mod usage;

pub(super) use access::AccessFeatureApi;
pub(super) use all::FeaturesApi;
pub(super) use one::FeatureApi;
use response::FeatureResponse;
pub(super) use usage::FeatureUsageApi;
