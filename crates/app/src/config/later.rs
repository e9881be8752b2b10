//! Settings whose names are reserved for what a later version does.

use super::{ConfigError, Origin};

/// In the configuration file, where every line was meant, all of these are refused.
pub(super) const NAMES: [&str; 4] =
    ["LOG_DIR", "LOG_KEEP_DAYS", "OTEL_EXPORTER_OTLP_ENDPOINT", "CORS_ALLOWED_ORIGINS"];

/// The error for one of them.
pub(super) fn refuse(name: &str, origin: Origin) -> ConfigError {
    ConfigError::new(name, "not supported in this version", "remove it").from(origin)
}
