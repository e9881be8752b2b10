use prometheus::IntGaugeVec;

use super::book::{Book, Sampled};
use crate::config::Environment;

/// Which service it is, and what it holds open.
pub(crate) struct ServiceMetrics {
    info: IntGaugeVec,
    pub(crate) database_connections: Sampled,
}

impl ServiceMetrics {
    pub(super) fn new(book: &mut Book) -> Self {
        Self {
            info: book.gauges(
                "user_service_info",
                &[("version", "of Portcullis"), ("environment", "`development`, `staging` or `production`")],
                "Always 1; its labels say what runs.",
            ),
            database_connections: book.sampled(
                "user_database_connections",
                "Connections to the database that are open, in use or not.",
            ),
        }
    }

    /// Says what runs.
    pub(crate) fn started(&self, environment: Environment) {
        let environment = match environment {
            Environment::Development => "development",
            Environment::Staging => "staging",
            Environment::Production => "production",
        };
        self.info.with_label_values(&[env!("CARGO_PKG_VERSION"), environment]).set(1);
    }
}
